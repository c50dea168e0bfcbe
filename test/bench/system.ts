// Starts Baton for a measurement: an embedded Postgres and nats-server of its own, one API and some workers, each a process,
// all settings at their defaults but for the addresses. Everything is ended by pid, and its directory deleted.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { until, within } from "#test/until";
import { type Service, startNats, startPostgres } from "../../scripts/services.mjs";
import { startLimitMs, stopLimitMs } from "./limits.ts";

export interface System {
  readonly url: string;
  /** Process ids by role, for their CPU time. Empty for a Baton that runs elsewhere. */
  readonly pids: Readonly<Record<string, readonly number[]>>;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, "../..");

/** A Baton that someone else runs: it is measured as it is, and left alone. */
export const foreignSystem = (url: string): System => ({ url: url.replace(/\/+$/, ""), pids: {}, async stop() {} });

/** `fill`: brings the empty database to where the processes find it. */
export async function startSystem(workers: number, fill?: (databaseUrl: string) => Promise<void>): Promise<System> {
  const dir = makeOwn(join(root, ".baton"));
  const services: Service[] = [];
  const programs: Program[] = [];
  async function stop(): Promise<void> {
    await Promise.all(programs.map((program) => program.stop()));
    await Promise.all(services.map((service) => service.stop()));
    rmSync(dir, { recursive: true, force: true });
  }
  try {
    const postgres = await startPostgres({ dir: join(dir, "postgres") });
    services.push(postgres);
    await fill?.(postgres.url);
    const nats = await startNats({ dir: join(dir, "nats") });
    services.push(nats);
    const apiPort = await freePort();
    const url = `http://127.0.0.1:${apiPort}`;
    const env = { DATABASE_URL: postgres.url, NATS_URL: nats.url, HOST_URL: url };
    programs.push(startProgram(dir, "api", apiPort, env));
    for (let i = 0; i < workers; i += 1) programs.push(startProgram(dir, `worker-${i}`, await freePort(), env));
    await Promise.all(programs.map((program) => program.ready()));
    const pids = {
      api: [programs[0]?.pid ?? 0],
      worker: programs.slice(1).map((program) => program.pid),
      postgres: [postgres.pid],
      nats: [nats.pid],
    };
    return { url, pids, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

let made = 0;

// What an interrupted benchmark left is deleted by the next one; its servers ended with it.
function makeOwn(home: string): string {
  mkdirSync(home, { recursive: true });
  for (const name of readdirSync(home)) {
    const [, pid] = /^bench-(\d+)(?:-\d+)?$/.exec(name) ?? [];
    // One with our own number is ours only if we have made one already.
    if (pid && (Number(pid) === process.pid ? made === 0 : !lives(Number(pid))))
      rmSync(join(home, name), { recursive: true, force: true });
  }
  made += 1;
  const dir = join(home, `bench-${process.pid}-${made}`);
  mkdirSync(dir);
  return dir;
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

interface Program {
  readonly pid: number;
  ready(): Promise<void>;
  stop(): Promise<void>;
}

function startProgram(dir: string, name: string, port: number, urls: Readonly<Record<string, string>>): Program {
  const logFile = join(dir, `${name}.log`);
  const log = openSync(logFile, "a");
  const env = {
    ...urls,
    PATH: process.env.PATH,
    PORT: `${port}`,
    ROLES: name.split("-")[0],
    LOG_LEVEL: "warn",
    ALLOWED_CIDRS: "127.0.0.0/8",
  };
  const child = spawn(process.execPath, ["src/main.ts"], { cwd: root, env, stdio: ["ignore", log, log] });
  closeSync(log);
  process.once("exit", () => child.kill("SIGKILL"));
  const over = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid as number,
    async ready() {
      const up = () => over() || answers(`http://127.0.0.1:${port}/ready`);
      await until(up, startLimitMs).catch(() => {});
      if (over() || !(await up())) throw new Error(`${name} did not become ready. Its log ends:\n${tail(logFile)}`);
    },
    async stop() {
      if (over()) return;
      await end(child, logFile);
    },
  };
}

async function end(child: ChildProcess, logFile: string): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  try {
    await within(() => gone, stopLimitMs);
  } catch {
    console.error(`a process did not end in time and was killed; its log ends:\n${tail(logFile)}`);
    child.kill("SIGKILL");
    await gone;
  }
}

const tail = (file: string) => readFileSync(file, "utf8").slice(-3000);

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await response.text();
    return response.ok;
  } catch {
    return false;
  }
}

// Below the range from which the system gives ports to outgoing connections, so that none of those takes it meanwhile.
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
