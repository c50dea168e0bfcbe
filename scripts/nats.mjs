// Owns the embedded nats-server: starts it on 127.0.0.1 with JetStream, stops, kills and freezes it.
// A live server on the same store directory stops the start, as two would ruin it. Where the program comes from: nats-program.mjs.
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { natsServer } from "./nats-program.mjs";
import { ended, freePort, freeze, launch, portFree, until, usersOf } from "./process.mjs";

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

// What nats.conf in the project's root says, for one server on this machine alone.
const settings = (home, port) => `listen: "127.0.0.1:${port}"
server_name: "baton"
max_payload: 8MB
max_pending: 64MB
lame_duck_duration: "30s"
jetstream {
  store_dir: ${JSON.stringify(home)}
  max_memory_store: 256MB
  max_file_store: 16GB
  sync_interval: "always"
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
