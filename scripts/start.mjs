// Owns `npm start`: an embedded Postgres and nats-server (or those of DATABASE_URL and NATS_URL), one API process and two
// workers, all on this machine, until Ctrl-C or SIGTERM, which stops what it started and nothing else, and exits 0.
// Starts nothing when a port is taken. A second Ctrl-C does not wait for work in flight. Data stays in .baton/.
import { join } from "node:path";
import { BATON, isInstalled, MAIN, ROOT } from "./home.mjs";
import { ended, launch, portFree, sleep } from "./process.mjs";
import { authority, reachable, reachLines } from "./reach.mjs";
import { startNats, startPostgres } from "./services.mjs";
import { CONFIG_ERROR, keep, startProcess } from "./supervise.mjs";

const [startCommand, demoCommand] = isInstalled ? ["baton dev", "baton demo"] : ["npm start", "npm run demo"];
const READY_NOTICE_MS = 30_000;
// The same Ctrl-C may arrive twice, from the terminal and from the process that started this one.
const SECOND_SIGNAL_AFTER_MS = 1_000;

process.stdout.on("error", () => {});
process.stderr.on("error", () => {});
const print = (line) => process.stdout.write(`${line}\n`);
const say = (line) => print(`baton: ${line}`);

const services = [];
const processes = [];
let stopping;
let stopAsked = 0;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, asked);

try {
  await start(settings());
} catch (error) {
  if (!stopping) {
    for (const line of error.message.split("\n")) process.stderr.write(`baton: ${line}\n`);
    stop(error.exitCode ?? 1);
  }
}

async function start({ ports, env, embedded }) {
  await checkPorts(ports);
  const built = buildPages();
  if (embedded.postgres) {
    const service = await run(
      "Postgres",
      () => startPostgres({ dir: join(BATON, "postgres"), port: ports.postgres.port }),
      services,
    );
    env.DATABASE_URL = service.url;
  }
  if (embedded.nats) {
    const service = await run(
      "nats-server",
      () => startNats({ dir: join(BATON, "nats"), port: ports.nats.port, say }),
      services,
    );
    env.NATS_URL = service.url;
  }
  await built;
  const started = Object.entries(ports).filter(([, { roles }]) => roles);
  for (const [name, { port, roles }] of started) {
    const options = {
      name,
      entry: MAIN,
      env: { ...env, ROLES: roles, PORT: `${port}` },
      logFile: join(BATON, "logs", `${name}.log`),
      show: print,
    };
    await run(name, async () => startProcess(options), processes);
  }
  await Promise.all(started.map(([name, { port }]) => ready(name, urlOf(env, port))));
  if (!stopping) summary(ports, env, embedded);
}

// Each in a process of its own, one after the other: a build takes half a gigabyte for two seconds. Everything but the pages works
// without. An installed package brings them built.
async function buildPages() {
  if (isInstalled) return;
  const builds = { "the console": "scripts/console.mjs", "the docs": "scripts/site/main.ts" };
  for (const [what, script] of Object.entries(builds)) {
    const { code } = await ended(launch(process.execPath, [join(ROOT, script)], { stdio: ["ignore", 2, 2] }));
    if (code !== 0 && !stopping) say(`${what} could not be built; what it said is above. The API works without.`);
  }
}

async function run(name, begin, list) {
  if (stopping) throw new Error("stopped");
  let first;
  const kept = await keep(name, async () => (first = await begin()), { say, fatal });
  list.push({ name, kept });
  if (stopping) await kept.end();
  return first;
}

function settings() {
  const faults = [];
  const number = (name, fallback, max) => {
    const text = process.env[name];
    if (!text) return fallback;
    if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= max) return Number(text);
    faults.push(`${name}=${text}: must be a whole number from 1 to ${max}`);
    return fallback;
  };
  const host = process.env.LISTEN_HOST || "127.0.0.1";
  const api = number("PORT", 8085, 65_533);
  const postgres = number("BATON_POSTGRES_PORT", 5439, 65_535);
  const nats = number("BATON_NATS_PORT", 4229, 65_535);
  const embedded = { postgres: !process.env.DATABASE_URL, nats: !process.env.NATS_URL };
  const ports = {
    api: { port: api, roles: "api", what: "the API", choose: "PORT", host },
    "worker-1": { port: api + 1, roles: "worker", what: "worker 1 (PORT + 1)", choose: "PORT", host },
    "worker-2": { port: api + 2, roles: "worker", what: "worker 2 (PORT + 2)", choose: "PORT", host },
    ...(embedded.postgres
      ? { postgres: { port: postgres, what: "Postgres", choose: "BATON_POSTGRES_PORT", host: "127.0.0.1" } }
      : {}),
    ...(embedded.nats
      ? { nats: { port: nats, what: "nats-server", choose: "BATON_NATS_PORT", host: "127.0.0.1" } }
      : {}),
  };
  const seen = new Map();
  for (const { port, what } of Object.values(ports)) {
    if (seen.has(port)) faults.push(`port ${port} is asked for twice: for ${seen.get(port)} and for ${what}`);
    seen.set(port, what);
  }
  if (faults.length) throw Object.assign(new Error(faults.join("\n")), { exitCode: CONFIG_ERROR });
  return { ports, embedded, env: reachable(process.env, api) };
}

async function checkPorts(ports) {
  const taken = [];
  for (const { port, what, choose, host } of Object.values(ports)) {
    if (!(await portFree(port, host))) taken.push(`port ${port}, for ${what}, is taken; ${choose} chooses another`);
  }
  if (taken.length === 0) return;
  const names = [...new Set(taken.map((line) => /(\w+) chooses another$/.exec(line)?.[1]))];
  const example = names
    .map((name) => `${name}=${{ PORT: 8185, BATON_POSTGRES_PORT: 5539, BATON_NATS_PORT: 4329 }[name]}`)
    .join(" ");
  throw new Error(
    [
      ...taken,
      `Nothing was started. Stop what uses them (is ${startCommand} running in another terminal?), or: ${example} ${startCommand}`,
    ].join("\n"),
  );
}

async function ready(name, url) {
  const noticeAt = Date.now() + READY_NOTICE_MS;
  for (let noticed = false; !stopping; await sleep(100)) {
    try {
      const answer = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(2_000) });
      await answer.arrayBuffer();
      if (answer.ok) return;
    } catch {}
    if (noticed || Date.now() < noticeAt) continue;
    noticed = true;
    say(`${name} is still not ready; waiting on. See .baton/logs/${name}.log, and ${url}/health`);
  }
}

function urlOf(env, port) {
  return `http://${authority(env.LISTEN_HOST)}:${port}`;
}

function summary(ports, env, embedded) {
  const pid = (name) => [...services, ...processes].find((one) => one.name === name)?.kept.pid;
  const rows = Object.entries(ports)
    .filter(([, { roles }]) => roles)
    .map(([name, { port }]) => [name, urlOf(env, port), `process ${pid(name)}`]);
  rows.push([
    "Postgres",
    embedded.postgres ? env.DATABASE_URL : "yours (DATABASE_URL)",
    embedded.postgres ? `process ${pid("Postgres")}` : "",
  ]);
  rows.push([
    "NATS",
    embedded.nats ? env.NATS_URL : "yours (NATS_URL)",
    embedded.nats ? `process ${pid("nats-server")}` : "",
  ]);
  rows.push(["logs", ".baton/logs/", ""]);
  const pages = ["view", "docs"].map((path) => `${urlOf(env, ports.api.port)}/${path}`);
  rows.splice(1, 0, ["console", pages[0], ""], ["docs", pages[1], ""]);
  const width = Math.max(...rows.map(([, where]) => where.length));
  print("\nBaton runs.\n");
  for (const [name, where, who] of rows) print(`  ${name.padEnd(10)} ${where.padEnd(width)}  ${who}`.trimEnd());
  print("");
  for (const [what, whom] of reachLines(env)) print(`  ${what}: ${whom}.`);
  const other = env.PORT && env.PORT !== "8085" ? `PORT=${env.PORT} ` : "";
  print(`\n  Watch a pipeline run:   ${`${other}${demoCommand}`.padEnd(25)} (in another terminal)`);
  print(`  Kill a worker:          kill -9 ${`${pid("worker-1")}`.padEnd(17)} (its tasks go on elsewhere)`);
  print("  Stop everything:        Ctrl-C\n");
}

function fatal(message) {
  if (stopping) return;
  say(`${message} Nothing is retried; stopping.`);
  stop(CONFIG_ERROR);
}

function asked() {
  if (!stopping) {
    stopAsked = Date.now();
    print("");
    say("stopping: what is in flight is finished first. Ctrl-C again does not wait.");
    return stop(0);
  }
  if (Date.now() - stopAsked < SECOND_SIGNAL_AFTER_MS) return;
  say("not waiting any longer");
  for (const { kept } of processes) kept.force();
}

// Our own processes first, as they hand back their work to Postgres and NATS; the exit ends what was only being started.
function stop(exitCode) {
  stopAsked ||= Date.now();
  stopping ??= (async () => {
    const endMs = (Number(process.env.SHUTDOWN_TIMEOUT_SECS) || 30) * 1_000 + 5_000;
    await Promise.all(processes.map(({ kept }) => kept.end(endMs)));
    await Promise.all(services.map(({ kept }) => kept.end()));
    if (exitCode === 0) say("stopped");
    process.exit(exitCode);
  })();
}
