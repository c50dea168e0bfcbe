// Owns the embedded nats-server: finds or fetches the program, starts it on 127.0.0.1 with JetStream, stops, kills, freezes it.
// Fetching never installs anything in the system (a package could start a service of its own): the program goes to .baton/bin.
// A live server on the same store directory stops the start, as two would ruin it. When nothing works, the error says what to do.
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ended, freePort, freeze, launch, portFree, run, until, usersOf, which } from "./process.mjs";

const BATON = join(dirname(dirname(fileURLToPath(import.meta.url))), ".baton");
const CACHED = join(BATON, "bin", "nats-server");
const GO_PACKAGE = "github.com/nats-io/nats-server/v2@v2.10.27";
const SYSTEM_DIRS = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

/**
 * Starts the server that keeps its streams in `dir` (made when missing; `jetstream/`, `nats.conf`, `nats.log`).
 * `port` 0 takes a free one; `config` is appended to the generated configuration, or, as a function of directory and port,
 * stands instead of it; `env` is added to the environment. Resolves when clients are accepted. `say` hears what is being done when the program must be fetched first.
 * @returns {{url, port, pid, exited, stop, kill, freeze, thaw}}
 */
export async function startNats({ dir, port = 0, config = "", env = {}, say = () => {} }) {
  const program = await natsServer(say);
  const home = resolve(dir);
  mkdirSync(home, { recursive: true });
  const others = usersOf(home);
  if (others.length) {
    throw new Error(
      `Another nats-server (process ${others[0]}) is running on ${home}: is \`npm start\` running in another terminal? Stop it there, or with: kill ${others[0]}`,
    );
  }
  if (port && !(await portFree(port, "127.0.0.1"))) throw new Error(`nats-server cannot start: port ${port} is taken.`);
  const chosen = port || (await freePort());
  const child = await serve(program, home, chosen, config, env);
  const exited = ended(child);
  return {
    url: `nats://127.0.0.1:${chosen}`,
    port: chosen,
    pid: child.pid,
    exited,
    async stop() {
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      const slow = setTimeout(() => child.kill("SIGKILL"), 20_000);
      await exited;
      clearTimeout(slow);
    },
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
    freeze: () => freeze(child.pid),
    thaw() {
      child.kill("SIGCONT");
    },
  };
}

// What nats.conf in the project's root says, in the words that 2.9 also takes, and for one server on this machine alone.
const settings = (home, port) => `listen: "127.0.0.1:${port}"
server_name: "baton"
max_payload: 8MB
max_pending: 64MB
lame_duck_duration: "30s"
jetstream {
  store_dir: ${JSON.stringify(home)}
  max_memory_store: 256MB
  max_file_store: 16GB
}
`;

async function serve(program, home, port, config, env) {
  const file = join(home, "nats.conf");
  const logFile = join(home, "nats.log");
  writeFileSync(file, typeof config === "function" ? config(home, port) : settings(home, port) + config);
  if (existsSync(logFile) && statSync(logFile).size > 10 * 2 ** 20) renameSync(logFile, `${logFile}.1`);
  const log = openSync(logFile, "a");
  const began = statSync(logFile).size;
  const child = launch(program, ["-c", file], {
    cwd: home,
    env: { ...process.env, ...env },
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  let over;
  ended(child).then((end) => {
    over = end;
  });
  if ((await until(async () => over || (await answers(port)), 120_000, 10)) && !over) return child;
  if (!over) child.kill("SIGKILL");
  const said = readFileSync(logFile, "utf8").slice(began).trim().split("\n").slice(-8).join("\n  ");
  throw new Error(
    `nats-server did not start (${over?.error?.message ?? `exit ${over?.code ?? over?.signal ?? "never, given up after 120 s"}`}). Its log, ${logFile}:\n  ${said}`,
  );
}

// The server greets a client with INFO; it listens only once its streams are recovered.
const answers = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const done = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("data", (bytes) => done(bytes.toString().startsWith("INFO ")));
    socket.once("error", () => done(false));
    socket.once("close", () => done(false));
    socket.setTimeout(2_000, () => done(false));
  });

/** The path of a nats-server, fetched when the machine has none. Several processes may call it at once. */
export async function natsServer(say = () => {}) {
  const found = which("nats-server", SYSTEM_DIRS);
  if (found) return found;
  if (existsSync(CACHED)) return CACHED;
  const ways = [
    { tool: "apt-get", name: "this system's package archive", fetch: fromApt },
    { tool: "brew", name: "Homebrew", fetch: fromBrew },
    { tool: "go", name: GO_PACKAGE, fetch: fromGo },
  ];
  const tried = [];
  for (const { tool, name, fetch } of ways) {
    if (!which(tool)) continue;
    say(`nats-server is not installed; fetching it from ${name} into .baton/bin ...`);
    const scratch = join(BATON, `fetch-${process.pid}-${Date.now()}`);
    mkdirSync(scratch, { recursive: true });
    try {
      const program = await fetch(scratch);
      if (program !== CACHED && !program.startsWith(scratch)) return program;
      keep(program);
      return CACHED;
    } catch (error) {
      tried.push(`${tool}: ${error.message.trim().split("\n").slice(-3).join(" / ")}`);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  throw new Error(
    [
      "nats-server was not found and could not be fetched.",
      ...tried.map((line) => `  ${line}`),
      "Do one of these, then run the same command again:",
      "  - install it (Debian, Ubuntu: apt-get install nats-server; macOS: brew install nats-server),",
      "  - or put the program from https://github.com/nats-io/nats-server/releases on PATH, or at .baton/bin/nats-server,",
      "  - or set NATS_URL to a NATS server of your own, with JetStream on.",
    ].join("\n"),
  );
}

// Written beside its place and renamed: another process sees the whole program or none.
function keep(program) {
  const draft = `${CACHED}.${process.pid}`;
  mkdirSync(dirname(CACHED), { recursive: true });
  copyFileSync(program, draft);
  chmodSync(draft, 0o755);
  renameSync(draft, CACHED);
}

// Package lists of our own, so that neither root is needed nor the system's own state is touched.
async function fromApt(scratch) {
  for (const dir of ["lists/partial", "archives/partial", "out"]) mkdirSync(join(scratch, dir), { recursive: true });
  const own = [
    `Dir::State::lists=${scratch}/lists`,
    `Dir::Cache=${scratch}`,
    `Dir::Cache::archives=${scratch}/archives`,
    "APT::Sandbox::User=root",
    "Acquire::Languages=none",
  ];
  const flags = own.flatMap((option) => ["-o", option]);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // One unreachable archive among several makes `update` fail; whether it mattered shows in the next step.
  const update = await run("apt-get", [...flags, "-q", "update"], { env });
  const download = await run("apt-get", [...flags, "-q", "download", "nats-server"], {
    env,
    cwd: join(scratch, "out"),
  });
  if (download.code !== 0) throw new Error(update.code === 0 ? download.output : update.output + download.output);
  const file = readdirSync(join(scratch, "out")).find((name) => name.endsWith(".deb"));
  if (!file) throw new Error("nothing was downloaded");
  await must("dpkg-deb", ["-x", join(scratch, "out", file), join(scratch, "tree")]);
  return (
    which("nats-server", [join(scratch, "tree/usr/sbin"), join(scratch, "tree/usr/bin")]) ??
    Promise.reject(new Error("the package holds no nats-server"))
  );
}

async function fromBrew() {
  await must("brew", ["install", "--quiet", "nats-server"]);
  const { output } = await must("brew", ["--prefix", "nats-server"]);
  return join(output.trim().split("\n").pop(), "bin/nats-server");
}

async function fromGo(scratch) {
  await must("go", ["install", GO_PACKAGE], { env: { ...process.env, GOBIN: scratch, GOFLAGS: "" } });
  return join(scratch, "nats-server");
}

async function must(command, args, options) {
  const result = await run(command, args, options);
  if (result.code !== 0)
    throw new Error(
      `${command} ${args.find((word) => /^[a-z]/.test(word) && !word.includes("="))} failed (exit ${result.code}): ${result.output}`,
    );
  return result;
}
