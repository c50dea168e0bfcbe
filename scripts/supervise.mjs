// Owns keeping the programs of `npm start` alive: one that dies is reported and started again after a short pause.
// A wrong configuration (exit code 78) is never retried: it ends everything. Output goes to files of limited size; what a
// person must see (errors, and whatever is no log line, as a crash is) is also shown, each message at most every 10 s.
import { closeSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { ended, launch, sleep } from "./process.mjs";

export const CONFIG_ERROR = 78;
const LOG_BYTES_MAX = 50 * 2 ** 20;
const PAUSE_FIRST_MS = 500;
const PAUSE_MAX_MS = 10_000;
const HEALTHY_AFTER_MS = 30_000;
const REPEAT_AFTER_MS = 10_000;
const SHOWN = new Set(["error", "fatal"]);

/**
 * Starts a program by `start`, which resolves with `{pid, exited, stop, kill}`, and starts it again whenever it ends, until
 * `end` is called. Rejects if the first start fails. `fatal` hears of an end that must not be retried.
 * @returns {Promise<{pid, end(endMs?), force()}>} `end` resolves when it is gone; after `endMs` it is killed.
 */
export async function keep(name, start, { say, fatal }) {
  let current = await start();
  let ending = false;
  let began = Date.now();
  let pause = PAUSE_FIRST_MS;
  const loop = (async () => {
    while (!ending) {
      const { code, signal } = await current.exited;
      if (ending) return;
      if (code === CONFIG_ERROR) return fatal(`${name} refused its configuration (above).`);
      if (Date.now() - began > HEALTHY_AFTER_MS) pause = PAUSE_FIRST_MS;
      say(
        `${name} (process ${current.pid}) ended by ${signal ?? `exit code ${code}`}; starting it again in ${pause / 1000} s`,
      );
      await sleep(pause);
      pause = Math.min(pause * 2, PAUSE_MAX_MS);
      if (ending) return;
      began = Date.now();
      try {
        current = await start();
        say(`${name} runs again (process ${current.pid})`);
      } catch (error) {
        current = { ...current, exited: Promise.resolve({ code: 1, signal: null }) };
        say(`${name}: ${error.message}`);
      }
      if (ending) await current.stop();
    }
  })();
  return {
    get pid() {
      return current.pid;
    },
    async end(endMs = 30_000) {
      ending = true;
      const late = setTimeout(() => {
        say(`${name} did not end within ${Math.round(endMs / 1000)} s; killing it`);
        current.kill();
      }, endMs);
      await Promise.race([current.stop(), sleep(endMs + 5_000)]);
      clearTimeout(late);
      await Promise.race([loop, sleep(1_000)]);
    },
    force() {
      ending = true;
      current.kill();
    },
  };
}

/** Starts one of our own processes, its output in `logFile`. */
export function startProcess({ name, entry, env, logFile, show }) {
  const child = launch(process.execPath, [entry], { env, stdio: ["ignore", "pipe", "pipe"], deathSignal: "TERM" });
  const exited = ended(child);
  const log = logOf(logFile);
  const once = rarely();
  const read = [child.stdout, child.stderr].map(async (stream) => {
    for await (const line of createInterface({ input: stream })) {
      log.write(line);
      const seen = worthSeeing(line);
      if (seen && once(seen)) show(`${name}: ${seen}`);
    }
  });
  const done = exited.then(async (end) => {
    await Promise.race([Promise.all(read), sleep(1_000)]);
    log.close();
    return end;
  });
  return {
    pid: child.pid,
    exited: done,
    async stop() {
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      await done;
    },
    kill: () => child.kill("SIGKILL"),
  };
}

// Log lines are JSON objects with a level; of these only errors are shown. Everything else was not written by our logger.
function worthSeeing(line) {
  if (!line.trim()) return undefined;
  try {
    const { level, msg, err } = JSON.parse(line);
    if (level === undefined) return line;
    return SHOWN.has(level) ? [msg, err?.message].filter(Boolean).join(": ") || line : undefined;
  } catch {
    return line;
  }
}

function rarely() {
  const last = new Map();
  return (text) => {
    const now = Date.now();
    if (now - (last.get(text) ?? 0) < REPEAT_AFTER_MS) return false;
    if (last.size > 1_000) last.clear();
    last.set(text, now);
    return true;
  };
}

// Two files at most: the present one and, once that is full, the one before.
function logOf(file) {
  mkdirSync(dirname(file), { recursive: true });
  let fd = openSync(file, "a");
  let size = statSync(file).size;
  return {
    write(line) {
      if (fd === undefined) return;
      if (size > LOG_BYTES_MAX) {
        closeSync(fd);
        rmSync(`${file}.1`, { force: true });
        renameSync(file, `${file}.1`);
        fd = openSync(file, "a");
        size = 0;
      }
      size += writeSync(fd, `${line}\n`);
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}
