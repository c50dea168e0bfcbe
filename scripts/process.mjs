// Owns how this project starts other programs and looks at them: no orphans, free ports, who uses a directory.
// What `launch` starts is out of reach of the terminal's Ctrl-C (its starter decides when it ends) and, on Linux, is
// signalled by the kernel when its starter dies, however that happens; elsewhere it ends with an orderly exit only.
// Plain JavaScript without dependencies, for any Node from 18 on. Nothing here writes to the terminal.
import { spawn } from "node:child_process";
import { accessSync, constants, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";

export const isRoot = process.geteuid?.() === 0;

/** The user "nobody" of Debian: what must not run as root runs as this one. */
export const NOBODY = 65534;

/** Where a program is, or undefined. `more` are directories searched after those of PATH. */
export function which(name, more = []) {
  for (const dir of [...(process.env.PATH ?? "").split(delimiter), ...more]) {
    if (!dir) continue;
    const path = join(dir, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {}
  }
  return undefined;
}

/**
 * Starts a program in a session of its own. `deathSignal` ("INT", "TERM") is what it gets should this process die
 * without stopping it. `unprivileged` runs it as nobody when this process is root, and then still lets it read what
 * lies below directories closed to others, so that a checkout under /root works.
 */
export function launch(command, args, { deathSignal = "TERM", unprivileged = false, ...options } = {}) {
  const drop = unprivileged && isRoot;
  const setpriv = process.platform === "linux" ? which("setpriv", ["/usr/bin"]) : undefined;
  const child = setpriv
    ? spawn(setpriv, ["--pdeathsig", deathSignal, ...(drop ? dropFlags() : []), command, ...args], {
        detached: true,
        ...options,
      })
    : spawn(command, args, { detached: true, ...(drop ? { uid: NOBODY, gid: NOBODY } : {}), ...options });
  launched.add(child);
  child.once("close", () => launched.delete(child));
  child.once("error", () => launched.delete(child));
  return child;
}

const launched = new Set();
process.on("exit", () => {
  for (const child of launched) {
    try {
      for (const pid of [child.pid, ...childrenOf(child.pid)]) signal(pid, "SIGCONT");
      child.kill(child.exitSignal ?? "SIGTERM");
    } catch {}
  }
});

// One capability is kept: to read below closed directories. access(2), which Postgres uses to find its own parts, honours
// capabilities of a non-root user only with no_setuid_fixup. Containers often lack dac_read_search, but have dac_override.
function dropFlags() {
  const held = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0"}`);
  const has = (bit) => (held >> BigInt(bit)) & 1n;
  const keep = has(8) && has(2) ? "dac_read_search" : has(8) && has(1) ? "dac_override" : undefined;
  const user = ["--reuid", `${NOBODY}`, "--regid", `${NOBODY}`, "--clear-groups"];
  if (!keep) return [...user, "--inh-caps=-all"];
  return [...user, "--securebits=+no_setuid_fixup", `--inh-caps=-all,+${keep}`, `--ambient-caps=-all,+${keep}`];
}

/** Resolves with `{code, signal}` once the child has ended, also when it ended before this was called or never began. */
export function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode });
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.once("error", (error) => resolve({ code: 127, signal: null, error }));
  });
}

/** Runs a program to its end and returns `{code, output}`; the output is kept, not shown. Throws only if it cannot begin. */
export async function run(command, args, options = {}) {
  const child = launch(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (bytes) => {
      output += bytes;
    });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code: code ?? 1, signal, output }));
  });
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until `check` returns something true; false after `ms`. */
export async function until(check, ms, every = 20) {
  for (const end = Date.now() + ms; ; await sleep(every)) {
    const answer = await check();
    if (answer) return answer;
    if (Date.now() > end) return false;
  }
}

/** Whether the port can be listened on; with `host` left out, on every address of the machine. */
export function portFree(port, host) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) =>
      // An address of another machine is not taken; the process that is to listen on it reports the error.
      resolve(
        !host && error.code === "EAFNOSUPPORT"
          ? portFree(port, "0.0.0.0")
          : ["EADDRNOTAVAIL", "ENOTFOUND", "EAI_AGAIN"].includes(error.code),
      ),
    );
    server.listen({ port, host: host ?? "::", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * A free port on 127.0.0.1, below the range from which the system gives ports to outgoing connections: a client that
 * keeps connecting to a stopped server's port could otherwise be given that very port, and the server not come back.
 */
export async function freePort() {
  for (;;) {
    const port = 20000 + Math.floor(Math.random() * 12000);
    if (await portFree(port, "127.0.0.1")) return port;
  }
}

/** Whether a process lives; a zombie does not. */
export function alive(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code === "ESRCH") return false;
  }
  return stat(pid)?.state !== "Z";
}

/** The processes whose parent is this one (Linux; elsewhere none are seen). */
export const childrenOf = (pid) => processes().filter((other) => stat(other)?.parent === pid);

/** The processes that work in this directory (Linux; elsewhere none are seen). */
export function usersOf(dir) {
  let real;
  try {
    real = realpathSync(dir);
  } catch {
    return [];
  }
  return processes().filter((pid) => {
    try {
      return pid !== process.pid && readlinkSync(`/proc/${pid}/cwd`) === real && alive(pid);
    } catch {
      return false;
    }
  });
}

/** Signals a process; one that is already gone is no error. */
export function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/** SIGSTOP; resolves when every thread stands still, which is some time after the signal (elsewhere than on Linux: at once). */
export async function freeze(...pids) {
  for (const pid of pids) signal(pid, "SIGSTOP");
  if (!(await until(() => pids.every(still), 5_000, 1))) throw new Error(`Not stopped within 5 s: ${pids.join(", ")}`);
}

// A process that has ended meanwhile has no threads, and does stand still.
function still(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) =>
      "TtZX".includes(stat(`${pid}/task/${thread}`)?.state ?? "X"),
    );
  } catch {
    return true;
  }
}

function processes() {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

// "pid (name) state ppid ...": the name may hold spaces and brackets, so what follows its last bracket is read.
function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, parent] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}
