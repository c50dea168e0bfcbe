// Owns the first step of every npm script: `exec node scripts/boot.mjs <entry> [arguments]`.
// Installs the locked dependencies when they are not those of package-lock.json, then runs the entry on the Node that the
// lock names, passes signals on and ends with its exit code. Two at once install once. Node 18 or later, no dependencies.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { alive, ended, launch, sleep } from "./process.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const MODULES = join(ROOT, "node_modules");
const STAMP = join(MODULES, ".stamp");
const LOCK = join(ROOT, ".baton", "install.lock");
const NODE_MAJOR = 24;

const say = (line) => process.stderr.write(`baton: ${line}\n`);

let child;
let asked;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(name, () => {
    asked = name;
    child?.kill(name);
  });
}

try {
  const [entry, ...args] = process.argv.slice(2);
  if (!entry) throw new Error("usage: node scripts/boot.mjs <entry> [arguments]");
  await install();
  const { code, signal, error } = await foreground(node(), [entry, ...args], "inherit");
  if (error) throw error;
  process.exitCode = code ?? exitCodeOf(signal);
} catch (error) {
  if (!asked) say(error.message);
  process.exitCode = asked ? exitCodeOf(asked) : 1;
}

// In the terminal's own group, so that a prompt or a watch mode can read keys; hence Ctrl-C reaches it twice, and what is
// run from here takes signals that come within a second of each other for one.
async function foreground(command, args, stdio) {
  if (asked) throw new Error("interrupted");
  const env = {
    // A process that finds its code compiled starts in half the time.
    NODE_COMPILE_CACHE: join(ROOT, ".baton", "compile-cache"),
    ...process.env,
    PATH: join(MODULES, ".bin") + delimiter + (process.env.PATH ?? ""),
  };
  child = launch(command, args, { stdio, detached: false, env, deathSignal: "TERM" });
  const end = await ended(child);
  child = undefined;
  return end;
}

async function install() {
  const stamp = createHash("sha256")
    .update(readFileSync(join(ROOT, "package-lock.json")))
    .update(`${process.platform} ${process.arch}`)
    .digest("hex");
  const fresh = () => existsSync(STAMP) && readFileSync(STAMP, "utf8").trim() === stamp;
  if (fresh()) return;
  await locked(async () => {
    if (fresh()) return;
    say("installing the locked dependencies (npm ci) ...");
    const began = Date.now();
    // Install scripts are blocked by some versions of npm and run by others; nothing here needs them.
    const args = [
      "ci",
      "--ignore-scripts",
      "--include=dev",
      "--include=optional",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
    ];
    const npm = process.env.npm_execpath;
    const [command, first] = npm?.endsWith(".js") && existsSync(npm) ? [process.execPath, [npm]] : ["npm", []];
    const { code, error } = await foreground(command, [...first, ...args, "--prefix", ROOT], ["ignore", 2, 2]);
    if (code !== 0)
      throw error ?? new Error(`npm ci failed (exit ${code}); what it said is above. Nothing was started.`);
    writeFileSync(STAMP, `${stamp}\n`);
    say(`installed in ${Math.round((Date.now() - began) / 1000)} s`);
  });
}

// A directory is made by one process only. A lock whose owner is gone is taken away.
async function locked(work) {
  mkdirSync(dirname(LOCK), { recursive: true });
  for (let waited = 0; ; waited += 1) {
    try {
      mkdirSync(LOCK);
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (asked) throw new Error("interrupted");
    if (waited === 0) say("another process is installing the dependencies; waiting for it");
    await sleep(200);
    const owner = Number(read(join(LOCK, "pid")));
    if (owner ? !alive(owner) : waited > 25) rmSync(LOCK, { recursive: true, force: true });
  }
  try {
    writeFileSync(join(LOCK, "pid"), `${process.pid}`);
    await work();
  } finally {
    rmSync(LOCK, { recursive: true, force: true });
  }
}

function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function node() {
  const own = join(MODULES, ".bin", "node");
  if (existsSync(own)) return own;
  if (Number(process.versions.node.split(".")[0]) >= NODE_MAJOR) return process.execPath;
  throw new Error(
    `no Node ${NODE_MAJOR} for ${process.platform}-${process.arch} comes with the dependencies, and this is Node ${process.versions.node}. Install Node ${NODE_MAJOR} or later and run the same command again.`,
  );
}

function exitCodeOf(signal) {
  return 128 + (constants.signals[signal] ?? 0);
}
