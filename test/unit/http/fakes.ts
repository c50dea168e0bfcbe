// Owns a server without services: a publisher with answers that a test sets, and a database that is away or answers rows.
import type { DestinationStream } from "pino";
import { type Config, loadConfig } from "#config";
import { makePolicy } from "#domain/calls/guard";
import type { Answer, ClientCommand, DeliveryCommand, Progress } from "#domain/command";
import { Unavailable } from "#domain/errors";
import { loadSite } from "#http/docs/site";
import { makeServer } from "#http/server";
import { LargeCalls } from "#intake/large/calls";
import { makeLogger } from "#telemetry/log";

const required = {
  DATABASE_URL: "postgres://localhost/x",
  NATS_URL: "nats://localhost",
  HOST_URL: "http://localhost:8085",
};

/** `logs`: where its log goes; nowhere if left out. */
export async function fakeServer(env: Record<string, string> = {}, logs?: DestinationStream) {
  const config: Config = loadConfig({ ...required, LOG_LEVEL: "silent", ...env });
  const asked: ClientCommand[] = [];
  const counted: Progress[] = [];
  const state = {
    up: true,
    rings: 0,
    answer: ({ target: id, verb }: ClientCommand | DeliveryCommand): Answer =>
      verb === "replay" || verb === "replay_since"
        ? { status: 202, id, counts: { replayed: 0 } }
        : { status: 200, id, state: "Success", attempt: 0 },
    /** What every query finds. */
    rows: [] as object[],
    fail: undefined as Error | undefined,
  };
  const use = async () => {
    if (state.fail) throw state.fail;
    if (!state.up) throw new Unavailable("Postgres cannot be reached");
    const sql = (): object => {
      const found = Promise.resolve(Object.assign([...state.rows], { command: "COMMIT" }));
      return Object.assign(found, { execute: () => found, values: () => found });
    };
    return Object.assign(sql, { unsafe: sql });
  };
  const db = {
    use: async (work: (sql: never) => Promise<unknown>) => work((await use()) as never),
    tx: async (work: (sql: never, last: () => void) => Promise<unknown>) => work((await use()) as never, () => {}),
    lend: async () => {
      throw new Unavailable("nothing can be lent");
    },
    get up() {
      return state.up;
    },
    connections: { open: 5, idle: 4 },
    close: async () => {},
  };
  const commands = {
    up: true,
    notifyClaims: () => {
      state.rings++;
    },
    notifyBulk: () => {},
    ask: async (sent: ClientCommand | DeliveryCommand) => {
      const command = sent as ClientCommand;
      asked.push(command);
      return state.answer(command);
    },
    progress: async (update: Progress) => {
      counted.push(update);
    },
    counted: async () => true,
    notifySchedule: () => {},
    resend: async () => true,
  };
  const nextEvent = async () => null;
  const given = { config, db: db as never, commands, nextEvent, log: makeLogger(config, "test", logs) };
  const page = { type: "text/html; charset=utf-8", etag: '"1"', forms: { identity: Buffer.from("the console") } };
  const console = { isBuilt: true, files: new Map(), page: () => page };
  const site = loadSite(import.meta.dirname);
  const deps = { ...given, console, site, policy: makePolicy(config), large: new LargeCalls(given) };
  const app = await makeServer(deps);
  const json = (
    method: "POST" | "PATCH" | "PUT" | "DELETE",
    url: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) =>
    app.inject({
      method,
      url,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { payload: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  return { app, state, commands, asked, counted, json };
}
