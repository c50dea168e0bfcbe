/**
 * What "tidy" means, as pure functions from files to faults: who may import whom, sizes, opening comments, test habits,
 * paths. test/tidy.test.ts runs them over the repository and over planted violations, so a check that sees nothing
 * is noticed. The arrows are those of docs: data flows round one ring, and adapters never call each other.
 */
import { posix } from "node:path";

export type File = { readonly path: string; readonly text: string };

type Room = {
  /** Rooms ("bus") or single files ("store/load") of ours; its own room is always allowed. */
  readonly ours: readonly string[];
  readonly packages: readonly string[];
  /** "*" or names of Node's own modules, without "node:". */
  readonly builtins?: readonly string[];
};

/** What a turn reads and writes with. */
const turnStore = ["pg", "turn", "claim", "rules"].map((name) => `store/${name}`);

const adapter: Room = {
  ours: ["domain", "flow", "store/pg", "store/turn/deliveries", "store/maintenance", "bus", "telemetry", "config"],
  packages: ["effect"],
};

/** The table of rooms. To let a room import something new, add it here and say why in docs/decisions. */
export const rooms: Readonly<Record<string, Room>> = {
  machines: { ours: [], packages: ["xstate"], builtins: [] },
  // Settings are decoded as requests are.
  config: { ours: ["domain/schema/decode", "domain/schema/text", "domain/faults"], packages: ["effect"] },
  // The labels of metrics name states.
  telemetry: { ours: ["config", "domain/state"], packages: ["effect", "pino"] },
  flow: { ours: [], packages: ["effect"] },
  domain: {
    // Limits are constants; settings are passed in.
    ours: ["machines", "config/limits"],
    // The machines are stepped here. Of times that are passed in croner is pure.
    packages: ["effect", "xstate", "standardwebhooks", "croner"],
    builtins: ["crypto", "net", "util"],
  },
  store: { ours: ["domain", "flow", "config", "telemetry"], packages: ["effect", "postgres"] },
  bus: { ours: ["domain", "flow", "config", "telemetry"], packages: ["effect", "@nats-io/*"] },
  // Use cases that an adapter of each side has.
  intake: {
    ours: ["machines", "domain", "flow", "store", "bus/commands/publisher", "bus/subjects", "config", "telemetry"],
    packages: ["effect"],
  },
  actor: {
    ours: ["machines", "domain", "flow", ...turnStore, "bus", "telemetry", "config"],
    packages: ["effect", "xstate"],
  },
  timers: {
    ...adapter,
    ours: [...adapter.ours, "intake", "store/events", "store/rules", "store/schedules", "store/bulk"],
  },
  webhook: { ...adapter, ours: [...adapter.ours, "store/turn/circuits"], packages: [...adapter.packages, "undici"] },
  http: {
    ours: [
      "domain",
      "flow",
      "intake",
      "store/pg",
      "store/read",
      "store/bulk",
      "store/schedules",
      "store/events",
      "store/create",
      "store/rules",
      "bus",
      "telemetry",
      "config",
    ],
    packages: ["effect", "fastify"],
  },
  sdk: { ours: [], packages: [], builtins: [] },
  // An entry of its own, whose packages are optional peers.
  "sdk/nats": { ours: [], packages: ["@nats-io/*"], builtins: [] },
  cli: {
    ours: ["sdk", "config", "store/maintenance", "bus/look", "domain/values/version"],
    packages: ["effect", "commander", "yaml", "@modelcontextprotocol/server"],
  },
  web: { ours: ["sdk"], packages: ["*"], builtins: [] },
  roles: { ours: ["*"], packages: ["*"] },
  main: { ours: ["*"], packages: ["*"] },
};

/** Whence static and dynamic imports and re-exports come; comments and texts that merely look like one are not distinguished. */
export function importsOf(text: string): string[] {
  const statement =
    /^\s*(?:import|export)\s+(?:type\s+)?(?:(?:[\w$*\s,]*\{[^}]*\}|[\w$*\s,]+?)\s*from\s*)?["']([^"']+)["']/gm;
  const dynamic = /\bimport\(\s*["']([^"']+)["']/g;
  return [...text.matchAll(statement), ...text.matchAll(dynamic)].map(([, from = ""]) => from);
}

/** "src/store/load.ts" → "store/load", "machines/task.ts" → "machines/task", others undefined. */
export function placeOf(path: string): string | undefined {
  const bare = path.replace(/\.(d\.)?[cm]?[jt]sx?$/, "");
  if (bare.startsWith("machines/")) return bare;
  return bare.startsWith("src/") ? bare.slice("src/".length) : undefined;
}

export function importFaults(files: readonly File[]): string[] {
  return files.flatMap((file) => {
    const place = placeOf(file.path);
    if (place === undefined || !/\.[cm]?[jt]sx?$/.test(file.path)) return [];
    const [name = "", inner] = place.split("/");
    const room = rooms[`${name}/${inner}`] ?? rooms[name];
    if (room === undefined) return [`${file.path}: the room "${name}" is not in the table of rooms`];
    return importsOf(file.text)
      .map((i) => importFault(file.path, name, room, i))
      .filter((fault) => fault !== undefined);
  });
}

function importFault(path: string, name: string, room: Room, from: string): string | undefined {
  const fault = `${path}: ${name} may not import ${from}`;
  if (from.startsWith("node:")) {
    const builtins = room.builtins ?? ["*"];
    return builtins.some((b) => b === "*" || from === `node:${b}`) ? undefined : fault;
  }
  if (!/^[.#]/.test(from)) return matches(packageOf(from), room.packages) ? undefined : fault;
  const place = targetOf(path, from);
  if (place === undefined) return fault;
  const [target = ""] = place.split("/");
  if (target === name) return undefined;
  const open = room.ours.some((o) => o === "*" || place === o || place.startsWith(`${o}/`));
  return open ? undefined : fault;
}

/** Files that import each other in a circle, each circle once; types count, since they too are read together. */
export function circleFaults(files: readonly File[]): string[] {
  const known = new Map(files.filter(isOurs).map((file) => [bareOf(file.path), file] as const));
  const seen = new Set<string>();
  const faults: string[] = [];
  const visit = (place: string, way: readonly string[]): void => {
    const start = way.indexOf(place);
    if (start >= 0) faults.push([...way.slice(start), place].join(" imports "));
    const file = known.get(place);
    if (file === undefined || seen.has(place)) return;
    seen.add(place);
    for (const from of importsOf(file.text)) visit(bareTarget(file.path, from), [...way, place]);
  };
  for (const place of known.keys()) visit(place, []);
  return faults;
}

const isOurs = ({ path }: File) => /^(src|machines)\/.*\.[cm]?[jt]sx?$/.test(path);
const bareOf = (path: string): string => path.replace(/\.[cm]?[jt]sx?$/, "").replace(/^src\//, "");
/** Names of package.json that stand for one file. */
export const single: Readonly<Record<string, string>> = { config: "config/settings", limits: "config/limits" };
const named = (from: string): string => single[from.slice(1)] ?? from.slice(1);
const bareTarget = (path: string, from: string): string =>
  from.startsWith("#") ? named(from) : bareOf(posix.join(posix.dirname(path), from));

/** The place of ours that an import leads to. */
const targetOf = (path: string, from: string): string | undefined =>
  from.startsWith("#")
    ? named(from)
    : from.startsWith(".")
      ? placeOf(posix.join(posix.dirname(path), from))
      : undefined;

const roomFilesMax = 12;

/** A folder of more files wants rooms of its own. */
export function roomFaults(files: readonly File[]): string[] {
  const rooms = Map.groupBy(
    files.map(({ path }) => path).filter((path) => path.startsWith("src/")),
    (path) => posix.dirname(path),
  );
  return [...rooms]
    .filter(([, paths]) => paths.length > roomFilesMax)
    .map(([room, paths]) => `${room}: ${paths.length} files, at most ${roomFilesMax}`);
}

const packageOf = (from: string) =>
  from
    .split("/")
    .slice(0, from.startsWith("@") ? 2 : 1)
    .join("/");
const matches = (name: string, allowed: readonly string[]) =>
  allowed.some((a) => a === "*" || a === name || (a.endsWith("/*") && name.startsWith(a.slice(0, -1))));

const linesMax = 300;
const isCode = ({ path }: File) =>
  /^(src|machines|test|scripts)\/.*\.([cm]?[jt]sx?|sql|css)$/.test(path) &&
  !/^src\/(store\/schema\.sql|sdk\/(types|operations)\.ts)$/.test(path);

export function sizeFaults(files: readonly File[]): string[] {
  return files.filter(isCode).flatMap(({ path, text }) => {
    const lines = text.replace(/\n$/, "").split("\n").length;
    return lines > linesMax ? [`${path}: ${lines} lines, at most ${linesMax}`] : [];
  });
}

/** Each file says in its first one to five lines what it owns. */
export function openingFaults(files: readonly File[]): string[] {
  return files.filter(isCode).flatMap(({ path, text }) => {
    const lines = openingComment(text.replace(/^#!.*\n/, ""));
    if (lines === 0) return [`${path}: does not open with a comment`];
    return lines > 5 ? [`${path}: opens with a comment of ${lines} lines, at most 5`] : [];
  });
}

function openingComment(text: string): number {
  const block = /^\/\*([\s\S]*?)\*\//.exec(text)?.[1];
  if (block !== undefined) return block.split("\n").filter((line) => /[^\s*]/.test(line)).length;
  const lines = text.split("\n");
  const first = lines.findIndex((line) => !/^(\/\/|--)/.test(line));
  return lines.slice(0, first === -1 ? lines.length : first).filter((line) => /[^\s/-]/.test(line)).length;
}

/** A test waits on a fact, not on time, and none is left out. */
export function testFaults(files: readonly File[]): string[] {
  const everywhere = [{ what: "leaves a test out", pattern: /\b(it|test|describe|bench)(\.\w+)*\.(only|skip|todo)\b/ }];
  const outsideSupport = [
    // `task.sleep` is a work's own, and passes in the time of the fake Baton.
    { what: "waits on time", pattern: /(?<!\btask\.|\bclock[!?]?\.)\b(setTimeout|sleep)\(/ },
    { what: "waits on time", pattern: /["'](node:)?timers\/promises["']/ },
  ];
  return files
    .filter(({ path }) => /^test\/.*\.[cm]?[jt]sx?$/.test(path))
    .flatMap(({ path, text }) => {
      const rules = path.startsWith("test/support/") ? everywhere : [...everywhere, ...outsideSupport];
      return rules.flatMap(({ what, pattern }) =>
        text.split("\n").flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${what}`] : [])),
      );
    });
}

/** Random tests take the seed that CI fixes and SEED repeats: by itself each would draw another one. */
export function seedFaults(files: readonly File[]): string[] {
  return files.flatMap(({ path, text }) => {
    if (!/^test\/.*\.test\.ts$/.test(path)) return [];
    const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0;
    const missing = count(/\bfc\.assert\(/g) - count(/\{ seed\b(?! \} from)/g) + count(/Math\.random\(/g);
    return missing > 0 ? [`${path}: ${missing} random tests do not take the seed of #test/seed`] : [];
  });
}

/** What a log line that speaks of one thing says of it, beside the words. */
const logIds: readonly (readonly [text: RegExp, ids: readonly string[]])[] = [
  [/\ba start call\b|\ba task\b|\bin an answer\b/, ["task", "batch", "kind"]],
  [/\ba delivery\b/, ["delivery", "batch", "task"]],
  [/\ban? (counter )?update\b/, ["task"]],
  [/\ba command\b|\ban answer (was asked|could not be sent$)/, ["task"]],
  [/\ba portion\b|\bin portions is\b/, ["batch"]],
  [/\ba dead letter\b/, ["task"]],
];
/** They give the ids. */
const givesIds = /^(fields|about)$|\.\.\.(idsOf|about|ids)\b/;

/** Ids are fields of a line, so that all that concerns one task or batch is found by it. */
export function logFaults(files: readonly File[]): string[] {
  return files.flatMap(({ path, text }) =>
    logCalls(path, text).flatMap(([fields, said]) => {
      const ids = logIds.filter(([about]) => about.test(said)).flatMap(([, names]) => names);
      if (ids.length === 0 || givesIds.test(fields)) return [];
      const missing = ids.filter((id) => !new RegExp(`\\b${id}\\b`).test(fields));
      return missing.length > 0 ? [`${path}: "${said}" does not name its ${missing.join(", ")}`] : [];
    }),
  );
}

const logCall = /\blog\.(?:debug|info|warn|error)\(\s*(?:(\w+|\{[\s\S]*?\}),\s*)?"([^"]+)"/g;
export const logCalls = (path: string, text: string): [fields: string, said: string][] =>
  /^src\/.*\.ts$/.test(path) ? [...text.matchAll(logCall)].map(([, fields = "", said = ""]) => [fields, said]) : [];

/** test/unit/webhook/guard.test.ts tests src/webhook/guard.ts; guard.<aspect>.test.ts does so too. */
export function mirrorFaults(files: readonly File[]): string[] {
  const bare = new Set(files.map(({ path }) => path.replace(/\.[cm]?[jt]sx?$/, "")));
  return files.flatMap(({ path }) => {
    const place = /^test\/unit\/(.*?[^/]+?)(?:\.[\w-]+)?\.test\.tsx?$/.exec(path)?.[1];
    if (place === undefined || bare.has(`src/${place}`) || bare.has(place)) return [];
    return [`${path}: there is no src/${place} that it could test`];
  });
}

/** Nothing that is only true on the machine where it was written. */
export function pathFaults(files: readonly File[]): string[] {
  const local = /(?<![\w./:-])\/(work|home|root|Users)\/[\w.-]|\.\.\/shared\b|file:\/\/\/\w/;
  const mirror = /"resolved": "(?!https:\/\/registry\.npmjs\.org\/)/;
  return files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, i) => {
      if (path === "package-lock.json") return mirror.test(line) ? [`${path}:${i + 1}: names a private registry`] : [];
      return local.test(line) ? [`${path}:${i + 1}: names a path of one machine`] : [];
    }),
  );
}
