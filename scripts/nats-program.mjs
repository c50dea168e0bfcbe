// Owns which nats-server program runs here: the one on PATH when it is new enough, else one that is fetched into .baton/bin.
// Fetching never installs anything in the system, because a package could start a service of its own. Each way to fetch gives a
// program or fails with a reason; a program that is too old counts as a failure. When every way fails, the error says what to do.
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { BATON } from "./home.mjs";
import { run, which } from "./process.mjs";

/** The oldest server that Baton works with; `oldestServer` in src/bus/version.ts says the same to a running process. */
export const OLDEST = "2.14.0";

const SYSTEM_DIRS = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

/** The project's release archives, as its own container images check them. */
const RELEASE = {
  version: "2.14.5",
  from: "https://github.com/nats-io/nats-server/releases/download",
  sha256: {
    "linux-amd64": "5e3b603d47c447bda1f77f9ac16dbf91c90aac4ff3681f8fbbc7201e4ed99355",
    "linux-arm64": "673a98d3faa79dde3f9ebf16d6dfac36a5f694e7ad2015e4954dd7939c85cd4c",
  },
};

const WAYS = [
  { name: "the package archive", tool: "apt-get", fetch: fromApt },
  { name: "Homebrew", tool: "brew", fetch: fromBrew },
  { name: `the release archive ${RELEASE.version}`, tool: "tar", fetch: (scratch) => fromRelease(scratch) },
];

/** The path of a nats-server that is new enough. Several processes may call it at once. The options are for tests. */
export async function natsServer(say = () => {}, { dirs = SYSTEM_DIRS, home = BATON, ways = WAYS } = {}) {
  const cached = join(home, "bin", "nats-server");
  const tried = [];
  for (const program of [which("nats-server", dirs), existsSync(cached) && cached]) {
    if (!program) continue;
    const fault = await faultOf(program);
    if (fault === null) return program;
    tried.push(fault);
  }
  for (const { name, tool, fetch } of ways) {
    if (!which(tool)) continue;
    say(`${tried.at(-1) ?? "nats-server is not installed"}; fetching one from ${name} ...`);
    const scratch = join(home, `fetch-${process.pid}-${Date.now()}`);
    mkdirSync(scratch, { recursive: true });
    try {
      const program = await fetch(scratch);
      const fault = await faultOf(program);
      if (fault !== null) throw new Error(fault);
      if (!program.startsWith(scratch)) return program;
      keep(program, cached);
      return cached;
    } catch (error) {
      tried.push(`${name}: ${error.message.trim().split("\n").slice(-3).join(" / ")}`);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  throw new Error(whatToDo(tried, cached));
}

const whatToDo = (tried, cached) =>
  [
    `No nats-server of version ${OLDEST} or newer was found, and none could be fetched.`,
    ...tried.map((line) => `  ${line}`),
    "Do one of these, then run the same command again:",
    `  - put a newer program from https://github.com/nats-io/nats-server/releases on PATH, or at ${cached}`,
    "  - macOS: brew install nats-server (or brew upgrade nats-server)",
    `  - set NATS_URL to a NATS server of your own, ${OLDEST} or newer, with JetStream on`,
  ].join("\n");

/** Why this program cannot be used, or null. */
async function faultOf(program) {
  const { output } = await run(program, ["--version"]).catch((error) => ({ output: error.message }));
  const [, version] = /v?(\d+\.\d+\.\d+)/.exec(output) ?? [];
  if (version === undefined) return `${program} does not run: ${output.trim().split("\n").pop()}`;
  return isNewEnough(version) ? null : `${program} is ${version}, which is older than ${OLDEST}`;
}

/** Whether "2.15.1", "2.14.0-RC.1" or a package's "2.9.10-1+b3" is at least `oldest`. */
export function isNewEnough(version, oldest = OLDEST) {
  const [have, need] = [version, oldest].map((text) =>
    text
      .split(/[^\d.]/)[0]
      .split(".")
      .map(Number),
  );
  const first = need.findIndex((part, n) => part !== (have[n] ?? 0));
  return first < 0 || (have[first] ?? 0) > need[first];
}

// Written beside its place and renamed: another process sees the whole program or none, and one that runs keeps its file.
function keep(program, cached) {
  const partial = `${cached}.${process.pid}`;
  mkdirSync(dirname(cached), { recursive: true });
  copyFileSync(program, partial);
  chmodSync(partial, 0o755);
  renameSync(partial, cached);
}

/** The system's own package, or where that is too old the one of Debian's newest suite. The system's lists may be stale or missing. */
async function fromApt(scratch) {
  const known = await candidate([]);
  if (known !== null && !isNewEnough(known)) return fromNewestDebian(scratch, [], known);
  const system = await listed(scratch);
  const offered = await candidate(system);
  return offered !== null && isNewEnough(offered)
    ? unpacked(scratch, system)
    : fromNewestDebian(scratch, system, offered);
}

/** From the mirror of the system's own Debian sources and with their keys: nothing else is trusted, or known to be reachable. */
async function fromNewestDebian(scratch, system, offered) {
  const { output } = await run("apt-get", [...system, "indextargets", "--format", TARGET, "Created-By: Packages"]);
  const mirror = mirrorOf(output);
  const why = `the system's package is ${offered ?? "missing"}`;
  if (mirror === null) throw new Error(`${why}, and its sources name no Debian archive`);
  const own = join(scratch, "newest");
  mkdirSync(join(own, "parts"), { recursive: true });
  writeFileSync(join(own, "newest.sources"), sourcesOf(mirror, KEYRINGS.find(existsSync)));
  const sources = [`Dir::Etc::sourcelist=${own}/newest.sources`, `Dir::Etc::sourceparts=${own}/parts`];
  const newest = await listed(own, sources);
  const found = await candidate(newest);
  if (found === null || !isNewEnough(found))
    throw new Error(`${why}, and that of ${mirror} sid is ${found ?? "missing"}`);
  return unpacked(own, newest);
}

const TARGET = "$(REPO_URI) $(LABEL) $(RELEASE) $(COMPONENT)";
const KEYRINGS = ["pgp", "gpg"].map((type) => `/usr/share/keyrings/debian-archive-keyring.${type}`);

/** The address of the Debian archive among `apt-get indextargets`, or null: another system, or one that has only a part of it. */
export function mirrorOf(targets) {
  const rows = targets.split("\n").map((line) => line.split(" "));
  const [uri] = rows.find(([, label, release, part]) => label === "Debian" && part === "main" && release) ?? [];
  return uri ?? null;
}

export const sourcesOf = (mirror, keyring) =>
  ["Types: deb", `URIs: ${mirror}`, "Suites: sid", "Components: main", keyring && `Signed-By: ${keyring}`]
    .filter(Boolean)
    .map((line) => `${line}\n`)
    .join("");

/** Brings package lists into `scratch`, so that neither root is needed nor the system's own state is touched; gives apt's flags for them. */
async function listed(scratch, sources = []) {
  for (const dir of ["lists/partial", "archives/partial", "out"]) mkdirSync(join(scratch, dir), { recursive: true });
  const own = [
    `Dir::State::lists=${scratch}/lists`,
    `Dir::Cache=${scratch}`,
    `Dir::Cache::archives=${scratch}/archives`,
    "APT::Sandbox::User=root",
    "Acquire::Languages=none",
    ...sources,
  ];
  const flags = own.flatMap((option) => ["-o", option]);
  // One unreachable archive among several makes `update` fail; whether it mattered shows in the next step.
  await run("apt-get", [...flags, "-q", "update"], { env: QUIET });
  return flags;
}

const QUIET = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };

/** The version that apt would take, or null. */
async function candidate(flags) {
  const { output } = await run("apt-cache", [...flags, "policy", "nats-server"], { env: QUIET });
  const version = /Candidate: (\S+)/.exec(output)?.[1];
  return version === undefined || version === "(none)" ? null : version;
}

async function unpacked(scratch, flags) {
  const out = join(scratch, "out");
  await must("apt-get", [...flags, "-q", "download", "nats-server"], { env: QUIET, cwd: out });
  const file = readdirSync(out).find((name) => name.endsWith(".deb"));
  if (!file) throw new Error("nothing was downloaded");
  await must("dpkg-deb", ["-x", join(out, file), join(scratch, "tree")]);
  const program = ["usr/sbin", "usr/bin"].map((dir) => join(scratch, "tree", dir, "nats-server")).find(existsSync);
  return program ?? Promise.reject(new Error("the package holds no nats-server"));
}

async function fromBrew() {
  const has = await run("brew", ["list", "--versions", "nats-server"]);
  await must("brew", [has.code === 0 ? "upgrade" : "install", "--quiet", "nats-server"]);
  const { output } = await must("brew", ["--prefix", "nats-server"]);
  return join(output.trim().split("\n").pop(), "bin/nats-server");
}

/** Downloads, compares the sum before anything is unpacked, and unpacks. `release` is for tests. */
export async function fromRelease(scratch, release = RELEASE) {
  const kind = `${process.platform}-${{ x64: "amd64" }[process.arch] ?? process.arch}`;
  const wanted = release.sha256[kind];
  if (wanted === undefined) throw new Error(`no sum of the archive for ${kind} is known`);
  const name = `nats-server-v${release.version}-${kind}`;
  const url = `${release.from}/v${release.version}/${name}.tar.gz`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(120_000) }).catch((error) => {
    throw new Error(`${url}: ${error.cause?.message ?? error.message}`);
  });
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  const sum = createHash("sha256").update(bytes).digest("hex");
  if (sum !== wanted) throw new Error(`${url} has the SHA-256 ${sum}, not ${wanted}`);
  const file = join(scratch, "release.tar.gz");
  writeFileSync(file, bytes);
  await must("tar", ["-xzf", file, "-C", scratch]);
  return join(scratch, name, "nats-server");
}

async function must(command, args, options) {
  const result = await run(command, args, options);
  if (result.code !== 0)
    throw new Error(
      `${command} ${args.find((word) => /^[a-z]/.test(word) && !word.includes("="))} failed (exit ${result.code}): ${result.output}`,
    );
  return result;
}
