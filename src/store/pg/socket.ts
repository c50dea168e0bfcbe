// One line to Postgres for one client, and never a second one. Connecting takes a bounded time; addresses are tried in turn.
import { connect, type Socket } from "node:net";
import { limits } from "#config";

export interface Line {
  used: boolean;
  gone: boolean;
}
export interface Address {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | false;
}

/**
 * The driver reconnects by itself, in the middle of a transaction as well, and would go on outside of it, without its
 * locks and each statement for itself: so a client gets one line, and no second one.
 */
export async function dial({ host, port, path }: Address, line: Line): Promise<Socket> {
  if (line.used)
    throw Object.assign(new Error("the database connection is gone"), {
      code: "CONNECTION_CLOSED",
    });
  line.used = true;
  for (let n = 0; ; n++) {
    try {
      return await new Promise((resolve, reject) => {
        const socket = path ? connect(path) : connect(port[n] as number, host[n] as string);
        const late = setTimeout(
          () =>
            socket.destroy(
              Object.assign(new Error("connecting took too long"), {
                code: "CONNECT_TIMEOUT",
              }),
            ),
          limits.connectTimeoutMs,
        );
        socket.once("error", reject);
        socket.once("close", () => {
          clearTimeout(late);
          line.gone = true;
        });
        socket.once("connect", () => {
          clearTimeout(late);
          socket.setNoDelay(true);
          socket.off("error", reject);
          resolve(socket);
        });
      });
    } catch (error) {
      if (path || n + 1 >= host.length) throw error;
      line.gone = false;
    }
  }
}
