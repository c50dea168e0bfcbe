/**
 * What "tidy" means, as pure functions from files to faults: who may import whom, sizes, opening comments, test habits,
 * paths. test/tidy.test.ts runs them over the repository and over planted violations, so a check that sees nothing
 * is noticed. The arrows are those of docs: data flows round one ring, and rooms on the rim never call each other.
 */
import { posix } from "node:path";

export type File = { readonly path: string; readonly text: string };

type Room = {
  /** Rooms ("bus") or single files ("store/load") of ours; its own room is always allowed. */
  readonly ours: readonly string[];
  readonly packages: readonly string[];
  /** "*" or names of Node's own modules, without "node:". */
  readonly builtins?: readonly string[];
  /** Rooms of which only types may be imported. */
  readonly typesOnly?: readonly string[];
};

/** What a turn reads and writes with. */
const turnStore = [
  "client",
  "faults",
  "load",
  "claim",
  "lanes",
  "holders",
  "commit",
  "counters",
  "deliveries",
  "replays",
  "circuits",
].map((name) => `store/${name}`);

const rim: Room = {
  ours: ["domain", "store/client", "store/due", "store/deliveries", "bus", "actor/mailbox", "telemetry", "config"],
  packages: ["effect"],
};

/** The table of rooms. To let a room import something new, add it here and say why in docs/decisions. */
export const rooms: Readonly<Record<string, Room>> = {
  machines: { ours: [], packages: ["xstate"], builtins: [] },
  config: { ours: [], packages: ["effect"] },
  telemetry: { ours: ["config"], packages: ["effect", "pino"] },
  domain: {
    ours: ["machines"],
    typesOnly: ["machines"],
    packages: ["effect", "standardwebhooks"],
    builtins: ["crypto", "net"],
  },
  store: { ours: ["domain", "config", "telemetry"], packages: ["effect", "postgres"] },
  bus: { ours: ["domain", "config", "telemetry"], packages: ["effect", "@nats-io/*"] },
  actor: {
    ours: ["machines", "domain", ...turnStore, "bus", "telemetry", "config"],
    // The machine is stepped in one place, and that place needs an actor scope.
    packages: ["effect", "xstate"],
  },
  dispatch: rim,
  timers: {
    ...rim,
    ours: [
      ...rim.ours,
      ...["prune", "repair", "retention", "events", "inherit", "partitions"].map((name) => `store/${name}`),
    ],
  },
  webhook: { ...rim, ours: [...rim.ours, "store/circuits"], packages: [...rim.packages, "undici"] },
  http: {
    ours: [
      "domain",
      "store/client",
      "store/list",
      "store/events",
      "store/create",
      "store/rerun",
      "store/shapes",
      "bus",
      "telemetry",
      "config",
    ],
    packages: ["effect", "fastify", "@fastify/*"],
  },
  sdk: { ours: ["domain"], typesOnly: ["domain"], packages: ["standardwebhooks"] },
  cli: { ours: ["sdk", "config", "store/migrate"], packages: ["effect"] },
  web: { ours: ["sdk"], packages: ["*"], builtins: [] },
  roles: { ours: ["*"], packages: ["*"] },
  main: { ours: ["*"], packages: ["*"] },
};

export type Import = { readonly from: string; readonly isType: boolean };

/** Static and dynamic imports and re-exports; comments and texts that merely look like one are not told apart. */
export function importsOf(text: string): Import[] {
  const statement =
    /^\s*(?:import|export)\s+(type\s+)?(?:([\w$*\s,]*\{[^}]*\}|[\w$*\s,]+?)\s*from\s*)?["']([^"']+)["']/gm;
  const found = [...text.matchAll(statement)].map(([, type, names = "", from = ""]) => {
    const inner = /^\{([^}]*)\}$/
      .exec(names.trim())?.[1]
      ?.split(",")
      .filter((name) => name.trim() !== "");
    const allTypes = inner !== undefined && inner.length > 0 && inner.every((name) => /^\s*type\s/.test(name));
    return { from, isType: type !== undefined || allTypes };
  });
  const dynamic = [...text.matchAll(/\bimport\(\s*["']([^"']+)["']/g)].map(([, from = ""]) => ({
    from,
    isType: false,
  }));
  return [...found, ...dynamic];
}

/** "src/store/load.ts" → "store/load", "machines/task.ts" → "machines/task", others undefined. */
export function placeOf(path: string): string | undefined {
  const bare = path.replace(/\.(d\.)?[cm]?[jt]sx?$/, "");
  if (/^src\/config(-[a-z]+)?$/.test(bare)) return "config";
  if (bare.startsWith("machines/")) return bare;
  return bare.startsWith("src/") ? bare.slice("src/".length) : undefined;
}

export function importFaults(files: readonly File[]): string[] {
  return files.flatMap((file) => {
    const place = placeOf(file.path);
    if (place === undefined || !/\.[cm]?[jt]sx?$/.test(file.path)) return [];
    const name = place.split("/")[0] ?? "";
    const room = rooms[name];
    if (room === undefined) return [`${file.path}: the room "${name}" is not in the table of rooms`];
    return importsOf(file.text)
      .map((i) => importFault(file.path, name, room, i))
      .filter((fault) => fault !== undefined);
  });
}

function importFault(path: string, name: string, room: Room, { from, isType }: Import): string | undefined {
  const fault = `${path}: ${name} may not import ${from}`;
  if (from.startsWith("node:")) {
    const builtins = room.builtins ?? ["*"];
    return builtins.some((b) => b === "*" || from === `node:${b}`) ? undefined : fault;
  }
  if (!/^[.#]/.test(from)) return matches(packageOf(from), room.packages) ? undefined : fault;
  const place = from.startsWith("#") ? from.slice(1) : placeOf(posix.join(posix.dirname(path), from));
  if (place === undefined) return fault;
  const [target = ""] = place.split("/");
  if (target === name) return undefined;
  const open = room.ours.some((o) => o === "*" || place === o || place.startsWith(`${o}/`));
  if (!open) return fault;
  return room.typesOnly?.includes(target) && !isType ? `${fault} but for its types (import type)` : undefined;
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
  /^(src|machines|test|scripts)\/.*\.([cm]?[jt]sx?|sql|css)$/.test(path) && path !== "src/store/schema.sql";

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
    { what: "waits on time", pattern: /\b(setTimeout|sleep)\(/ },
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
