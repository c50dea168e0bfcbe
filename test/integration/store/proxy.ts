// A line to a server that a test may cut, mute, or refuse: what a network does, without a network. Counts who came.
import { connect, createServer, type Socket } from "node:net";

export interface NetworkLine {
  readonly port: number;
  /** How many connected so far. */
  readonly accepted: number;
  /** How many are connected now. */
  readonly open: number;
  /**
   * `swallow`: what is open stays open, nothing passes, and newcomers are not answered. `refuse`: newcomers are hung up on,
   * `ignore`: they are not answered; what is open goes on. `deafen`: nothing comes back any more from the server.
   */
  mode: "pass" | "swallow" | "refuse" | "ignore" | "deafen";
  /** Hangs up on everybody. */
  cut(): void;
  close(): Promise<void>;
}

/** `to`: the port of the server on this machine. */
export async function startProxy(to: number): Promise<NetworkLine> {
  const pairs = new Set<{ near: Socket; far: Socket; muted: boolean }>();
  let accepted = 0;
  let mode: NetworkLine["mode"] = "pass";
  const server = createServer((near) => {
    accepted++;
    if (mode === "refuse") return void near.destroy();
    const far = connect(to, "127.0.0.1");
    const pair = { near, far, muted: mode === "swallow" || mode === "ignore" };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    // Once muted, always: a line that is half open does not heal.
    near
      .on("data", (data) => pair.muted || far.write(data))
      .on("error", end)
      .on("close", end);
    far
      .on("data", (data) => pair.muted || mode === "deafen" || near.write(data))
      .on("error", end)
      .on("close", end);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    get accepted() {
      return accepted;
    },
    get open() {
      return pairs.size;
    },
    get mode() {
      return mode;
    },
    set mode(next) {
      mode = next;
      if (mode === "swallow") for (const pair of pairs) pair.muted = true;
    },
    cut() {
      for (const { near } of pairs) near.destroy();
    },
    async close() {
      for (const { near } of pairs) near.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
