// Owns the databases and servers of one test file. Whatever a file takes from here is its own, and is ended and deleted
// after its last test (or by `drop`, `stop`, `kill` before). For files of the projects `integration` and `system` only.
//
//   const url = await freshDatabase();     an empty database on the shared Postgres
//   const nats = await freshNats();        a nats-server of its own (shippedNats: with the users of nats.conf); never NATS_URL
//   const pg = await ownPostgres();        a Postgres of its own, to be killed, frozen, stopped and started again
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, inject } from "vitest";
import { type Service, startNats, startPostgres } from "../../scripts/services.mjs";

/** A server that a test may break. The URL stays the same over `start`. */
export interface OwnService {
  readonly url: string;
  readonly port: number;
  /** The server's process now. */
  readonly pid: number;
  /** Where its data lies. */
  readonly dir: string;
  /** Orderly end; the data stays. */
  stop(): Promise<void>;
  /** SIGKILL to all its processes; the data stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data, after `stop` or `kill`. */
  start(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers, until `thaw`. */
  freeze(): Promise<void>;
  thaw(): void;
}

const endings: (() => Promise<void>)[] = [];

// Registered when a test file imports this one, hence before the file's own hooks, hence run after them.
afterAll(async () => {
  await Promise.all(endings.splice(0).map((end) => end()));
}, 60_000);

/** Makes an empty database on the shared server and returns its URL; dropped at the end, whoever is still connected. */
export const freshDatabase = (): Promise<string> => databaseFrom();

/** The same as a copy of this database, to which nobody is connected. */
export async function databaseFrom(template?: string): Promise<string> {
  const name = `t_${randomBytes(8).toString("hex")}`;
  const like = template === undefined ? "" : ` template ${template} strategy file_copy`;
  await onShared((sql) => sql.unsafe(`create database ${name}${like}`));
  endings.push(() => onShared((sql) => sql.unsafe(`drop database if exists ${name} with (force)`)));
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${name}`;
  return url.href;
}

/** Starts a nats-server with JetStream for the caller alone. `config` is added to its configuration file. */
export async function freshNats(config = ""): Promise<OwnService> {
  const dir = scratch("nats");
  return own(dir, (port) => startNats({ dir, port, config }));
}

/** A nats-server under the shipped `nats.conf`, with its users. `urlOf` is NATS_URL for one of them. */
export interface GuardedNats extends OwnService {
  readonly urlOf: (user: "api" | "worker" | "baton" | "client") => string;
}

/** Of the file only the addresses and the directory are replaced. */
export async function shippedNats(): Promise<GuardedNats> {
  const users = ["api", "worker", "baton", "client"];
  const passwords = Object.fromEntries(users.map((user) => [user, `p${randomBytes(12).toString("hex")}`]));
  const env = Object.fromEntries(
    users.map((user) => [`NATS_${user.toUpperCase()}_PASSWORD`, passwords[user] as string]),
  );
  const shipped = readFileSync(join(import.meta.dirname, "../../nats.conf"), "utf8");
  const config = (home: string, port: number) =>
    shipped
      .replace(/^listen:.*$/m, `listen: "127.0.0.1:${port}"`)
      .replace(/^http:.*$/m, "")
      .replace(/^( *store_dir:).*$/m, `$1 ${JSON.stringify(home)}`);
  const dir = scratch("nats");
  const nats = await own(dir, (port) => startNats({ dir, port, config, env }));
  return Object.assign(nats, { urlOf: (user: string) => nats.url.replace("//", `//${user}:${passwords[user]}@`) });
}

/** Starts a Postgres for the caller alone (about a second), with an empty database. Works with DATABASE_URL set, too. */
export async function ownPostgres(settings: Record<string, string> = {}): Promise<OwnService> {
  const dir = scratch("postgres");
  return own(dir, (port) => startPostgres({ dir, port, settings: { shared_buffers: "64MB", ...settings } }));
}

async function own(dir: string, launch: (port: number) => Promise<Service>): Promise<OwnService> {
  let now = await launch(0);
  const { url, port } = now;
  endings.push(async () => {
    await now.kill();
    rmSync(dir, { recursive: true, force: true });
  });
  return {
    ...{ url, port, dir },
    get pid() {
      return now.pid;
    },
    stop: () => now.stop(),
    kill: () => now.kill(),
    freeze: () => now.freeze(),
    thaw: () => now.thaw(),
    async start() {
      now = await launch(port);
    },
  };
}

const scratch = (name: string) => mkdtempSync(join(inject("scratchDir"), `${name}-`));

async function onShared(work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(inject("postgresUrl"), { max: 1, onnotice: () => {} });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
