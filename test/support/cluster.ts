// A real Baton for tests: processes of `node src/main.ts`, on a database and a nats-server of their own, spoken to in
// verbs (start, kill, freeze, thaw, stop). Everything is tracked by pid and ended after the file's last test; what the
// processes said is printed when a test fails.
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, afterEach } from "vitest";
import { freshDatabase, freshNats, type GuardedNats, type OwnService } from "#test/services";
import { until, within } from "#test/until";
import { freeze } from "../../scripts/services.mjs";

export type Role = "api" | "worker" | "api,worker";

export interface ClusterOptions {
  /** Worker processes beside the API processes; 0: none until `start`. */
  readonly workers?: number;
  readonly apis?: number;
  /** One process in both roles, instead of the two numbers above. */
  readonly together?: boolean;
  /** Added to the environment of every process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of an empty database on the shared Postgres; a Postgres of its own may be broken. */
  readonly databaseUrl?: string;
  /** Instead of a nats-server that lets everybody do everything: each process is the user of its role. */
  readonly nats?: GuardedNats;
}

/** One process. It keeps its name and port over `restart`. */
export interface Member {
  readonly name: string;
  readonly role: Role;
  readonly url: string;
  readonly pid: number;
  readonly alive: boolean;
  /** What it wrote since it was first started, newest last; the oldest is dropped beyond a megabyte. */
  readonly log: string;
  /** How the present process ended. */
  readonly exited: Promise<Exit>;
}
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Reply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
  readonly headers: Headers;
}

const root = join(import.meta.dirname, "../..");
/** Of the environment of the tests, what every process of a cluster has. */
const passedOn = Object.fromEntries(
  ["PATH", "NODE_COMPILE_CACHE"].flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
);
const readyMs = 30_000;
const logCharsMax = 1_000_000;
const shownLines = 60;
const clusters = new Set<Cluster>();

// A test process that ends before its hooks ran leaves nothing behind.
process.on("exit", () => {
  for (const { pid, alive } of [...clusters].flatMap((cluster) => cluster.members))
    if (alive) process.kill(pid, "SIGKILL");
});
afterEach(({ task }) => {
  if (task.result?.state !== "fail") return;
  for (const cluster of clusters) console.error(`While "${task.name}" failed:\n${cluster.said()}`);
});
// Registered after those of services.ts, hence run before the database and the nats-server go.
afterAll(async () => {
  await Promise.all([...clusters].map((cluster) => cluster.stop()));
}, 60_000);

/** Starts a cluster and waits until every process is ready. By default one API process and one worker. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const nats = options.nats ?? (await freshNats());
  const cluster = new Cluster(options, options.databaseUrl ?? (await freshDatabase()), nats, await freePort());
  clusters.add(cluster);
  const roles: Role[] = options.together
    ? ["api,worker"]
    : [...Array(options.apis ?? 1).fill("api"), ...Array(options.workers ?? 1).fill("worker")];
  await Promise.all(roles.map((role) => cluster.start(role)));
  return cluster;
}

export class Cluster {
  readonly databaseUrl: string;
  readonly nats: OwnService;
  /** Where the first API process listens, and where all handles lead. */
  readonly url: string;
  readonly sql: postgres.Sql;
  readonly #env: Readonly<Record<string, string>>;
  readonly #natsUrlOf: (role: Role) => string;
  readonly #members: Process[] = [];
  #port: number | null;

  constructor(options: ClusterOptions, databaseUrl: string, nats: OwnService, port: number) {
    this.databaseUrl = databaseUrl;
    this.nats = nats;
    this.url = `http://127.0.0.1:${port}`;
    this.#port = port;
    this.sql = postgres(databaseUrl, { max: 2, onnotice: () => {}, backoff: () => 0.2, connect_timeout: 2 });
    const guarded = options.nats;
    this.#natsUrlOf = (role) => (guarded ? guarded.urlOf(role === "api,worker" ? "baton" : role) : nats.url);
    this.#env = {
      ...passedOn,
      DATABASE_URL: databaseUrl,
      HOST_URL: this.url,
      // Receivers of tests listen on this machine; the rest of the guard stays on.
      ALLOWED_CIDRS: "127.0.0.0/8",
      // They also fail as a test says, and when what they report to is away: no circuit opens unless a test is about that.
      CIRCUIT_BREAKER_FAILURE_THRESHOLD: "1000000",
      ...options.env,
    };
  }

  get members(): readonly Member[] {
    return this.#members;
  }
  get workers(): readonly Member[] {
    return this.#members.filter((member) => member.role !== "api");
  }

  /** Adds a process; resolves when it is ready. */
  async start(role: Role, env: Readonly<Record<string, string>> = {}): Promise<Member> {
    // The first API process has the port that handles name.
    const first = role === "worker" ? null : this.#port;
    if (first !== null) this.#port = null;
    const port = first ?? (await freePort());
    const member = new Process(`${role}-${this.#members.length + 1}`, role, port, {
      ...this.#env,
      NATS_URL: this.#natsUrlOf(role),
      ...env,
    });
    this.#members.push(member);
    await member.launch();
    return member;
  }

  /** Starts a member again that was stopped or killed, with its name, port and environment. */
  async restart(member: Member): Promise<void> {
    await this.#own(member).launch();
  }

  /** SIGKILL: nothing is finished or handed back. */
  async kill(member: Member): Promise<void> {
    member.alive && process.kill(member.pid, "SIGKILL");
    await member.exited;
  }

  /** SIGSTOP: it stands still, its connections stay open. */
  freeze(member: Member): Promise<void> {
    return freeze(member.pid);
  }

  thaw(member: Member): void {
    process.kill(member.pid, "SIGCONT");
  }

  /** SIGTERM, and how it ended. One that does not end in time is killed, which is an error. */
  async drain(member: Member, timeoutMs = 40_000): Promise<Exit> {
    member.alive && process.kill(member.pid, "SIGTERM");
    try {
      return await within(() => member.exited, timeoutMs, `${member.name} drains`);
    } catch (error) {
      await this.kill(member);
      throw error;
    }
  }

  /** Ends every process and connection; the database and the nats-server are ended by whoever made them. */
  async stop(): Promise<void> {
    clusters.delete(this);
    await Promise.all(this.#members.map((member) => this.kill(member)));
    await this.sql.end({ timeout: 1 });
  }

  /** One HTTP call to the first API process, or to the URL that `path` is. Never throws for a status. */
  async call(
    verb: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    const response = await fetch(new URL(path, this.url), {
      method: verb,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = response.headers.get("content-type")?.includes("json") && text !== "";
    return { status: response.status, body: json ? JSON.parse(text) : text, headers: response.headers };
  }

  /** Creates a batch and gives the ids of its tasks by their local ids. */
  async create(batch: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Record<string, string>> {
    const { status, body } = await this.call("POST", "/task", batch, headers);
    if (status !== 201) throw new Error(`POST /task: ${status} ${JSON.stringify(body)}`);
    return Object.fromEntries(body.map((task: { id: string; local_id: string }) => [task.local_id, task.id]));
  }

  /** The hot row of a task, as operators may query it. */
  async row(id: string): Promise<Record<string, unknown>> {
    const [row] = await this.sql`select * from task where id = ${id}`;
    if (!row) throw new Error(`No task ${id}`);
    return row;
  }

  async status(id: string): Promise<string> {
    return String((await this.row(id)).status);
  }

  /** The end of what each process wrote. */
  said(): string {
    return this.#members
      .map(({ name, pid, log }) => `--- ${name} (pid ${pid})\n${log.split("\n").slice(-shownLines).join("\n")}`)
      .join("\n");
  }

  #own(member: Member): Process {
    const mine = this.#members.find((one) => one === member);
    if (!mine) throw new Error(`${member.name} is not of this cluster`);
    return mine;
  }
}

class Process implements Member {
  readonly name: string;
  readonly role: Role;
  readonly url: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  exited: Promise<Exit> = Promise.resolve({ code: null, signal: null });
  log = "";

  constructor(name: string, role: Role, port: number, env: Readonly<Record<string, string>>) {
    this.name = name;
    this.role = role;
    this.url = `http://127.0.0.1:${port}`;
    this.#env = { ROLES: role, PORT: String(port), ...env };
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }
  get alive(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async launch(): Promise<void> {
    const child = spawn(process.execPath, ["src/main.ts"], {
      cwd: root,
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.log = (this.log + text).slice(-logCharsMax);
      });
    this.exited = new Promise((resolve) => {
      child.once("error", (error) => {
        this.log += String(error);
        resolve({ code: null, signal: null });
      });
      child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    const ready = until(async () => (await fetch(`${this.url}/ready`)).ok, readyMs, `${this.name} is ready`);
    const ended = this.exited.then(({ code, signal }) => {
      throw new Error(`${this.name} ended before it was ready (${signal ?? code}):\n${this.log}`);
    });
    // Whichever comes second must not count as unhandled.
    ended.catch(() => {});
    ready.catch(() => {});
    await Promise.race([ready, ended]);
  }
}

/** A free port below those that outgoing connections take, so that a stopped process finds its own free again. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(false));
      server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
