// The reference model of admission, as a measure: from what the service saw and what was sent and answered when, it says
// which starts no right order of claims can explain. It knows nothing of keys, slots or queues; where a change was under way
// it takes the side of the system.

/** All times are wall clock in milliseconds. */
export interface Version<T> {
  readonly value: T;
  readonly sent: number;
  /** From here on it holds for certain; infinite while that is not known. */
  answered: number;
}
export type Metadata = Readonly<Record<string, unknown>> | null;
export interface Rule {
  /** A Rate counts the starts of one second. */
  readonly type: "Concurrency" | "Capacity" | "Rate";
  readonly kind: string;
  readonly fields: readonly string[];
  readonly limit: number;
}
/** One call of a start action, and how long its task was running for certain. */
export interface Stay {
  readonly from: number;
  to: number;
  /** Its claim was decided after this time. */
  lo: number;
  /** Progress counts for one attempt alone. */
  readonly attempt: number;
}
export interface Counted {
  readonly sent: number;
  readonly attempt: number;
  readonly n: number;
}
export interface Life {
  readonly name: string;
  readonly kind: string;
  /** When its creation was answered. */
  created: number;
  /** Oldest first, the first from the creation; what was refused is not kept. */
  readonly metadata: Version<Metadata>[];
  readonly rules: Version<readonly Rule[]>[];
  readonly expected: Version<number | null>[];
  /** Progress, by the time it was sent; what was refused is not kept. */
  readonly counted: Counted[];
  readonly stays: Stay[];
}

/** A start that one key had to allow, or a task that this key counts; ordered by when it was decided. */
export interface Entry {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly lo: number;
  /** What others must not have reached when it was decided. */
  readonly limit: number;
  /** What it counts for others at a time. */
  readonly weight: (at: number) => number;
}

export const born = Number.NEGATIVE_INFINITY;
const never = Number.POSITIVE_INFINITY;

/** Every start that broke a limit, in words. */
export function broken(lives: readonly Life[]): string[] {
  const faults: string[] = [];
  const keys = new Set<string>();
  for (const life of lives)
    for (const stay of life.stays) {
      if (keysAt(life, stay).every((terms) => terms.some(({ key }) => key === null)))
        faults.push(`${life.name} started at ${stay.from} though a rule could not be met`);
      for (const { key } of keysAt(life, stay).flat()) if (key !== null) keys.add(key);
    }
  for (const key of keys) {
    const since = sinceOf(lives, key);
    const entries = lives.flatMap((life) => entriesOf(life, key, since));
    for (const { from: at } of entries) {
      const open = entries.filter(({ from, to }) => from <= at && at <= to);
      const fault = unexplained(open, at);
      if (fault !== null) faults.push(`${key} at ${at}: ${fault}`);
    }
  }
  return faults;
}

/**
 * All of these were open at once, so each was decided while those decided before it were open. Null where some order explains
 * them; it is looked for from the last one backwards, which finds one if there is any (Lawler's rule).
 */
export function unexplained(open: readonly Entry[], at: number): string | null {
  const left = [...open];
  let total = left.reduce((sum, { weight }) => sum + weight(at), 0);
  while (left.length > 0) {
    const lasts = left.filter((one) => !left.some((other) => other !== one && one.from < other.lo));
    const slack = (one: Entry) => one.limit + one.weight(at);
    const last = lasts.reduce((best, one) => (slack(one) > slack(best) ? one : best));
    total -= last.weight(at);
    if (total >= last.limit) {
      const others = left.filter((one) => one !== last);
      return `${said(last)} found ${total} of ${last.limit}: ${others.map(said).join(", ")}`;
    }
    left.splice(left.indexOf(last), 1);
  }
  return null;
}
const said = ({ name, from, lo, limit }: Entry) => `${name} (${lo}..${from}, limit ${limit})`;

interface Term {
  readonly key: string | null;
  readonly limit: number;
}

/** What the rules may have said when this start was decided, one list for each way it may have been. */
function keysAt(life: Life, { lo, from }: Stay): Term[][] {
  const counted = life.expected.some(({ value, sent }) => value !== null && sent <= from);
  return possible(life.rules, lo, from).flatMap((rules) =>
    possible(life.metadata, lo, from).map((metadata) =>
      rules.map((rule) => ({
        key: rule.type === "Capacity" && !counted ? null : keyOf(rule, metadata),
        limit: rule.limit,
      })),
    ),
  );
}

function possible<T>(versions: readonly Version<T>[], lo: number, hi: number): T[] {
  return versions
    .filter(({ sent }, n) => sent <= hi && (versions[n + 1]?.answered ?? never) >= lo)
    .map(({ value }) => value);
}

const keyOf = ({ type, kind, fields }: Omit<Rule, "limit">, metadata: Metadata): string | null => {
  const names = [...new Set(fields)].sort();
  if (names.some((name) => !Object.hasOwn(metadata ?? {}, name))) return null;
  return JSON.stringify([type, kind, names.map((name) => [name, canonical(metadata?.[name])])]);
};

/** Two JSON values are equal whatever the order of their keys. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const sorted = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, inner]) => [name, canonical(inner)]));
}

/** So long a start counts for certain: a call may be seen late, and the next one at once. */
const windowMs = 700;

/** From when on the starts of a Rate are counted: that is said first by some rule on its kind and fields. */
function sinceOf(lives: readonly Life[], key: string): number {
  const [type, kind, values] = JSON.parse(key) as [Rule["type"], string, [string, unknown][]];
  if (type !== "Rate") return born;
  const fields = values.map(([name]) => name).join();
  const isSuch = (rule: Rule) =>
    rule.type === type && rule.kind === kind && [...new Set(rule.fields)].sort().join() === fields;
  return Math.min(
    ...lives.flatMap(({ rules, created }) =>
      rules.filter(({ value }) => value.some(isSuch)).map(({ answered }) => (answered === born ? created : answered)),
    ),
  );
}

/** What the start of a task is to a Rate. What it has when it is claimed is what counts, whatever becomes of it. */
function startsOf(life: Life, key: string, since: number): Entry[] {
  const [type, kind, values] = JSON.parse(key) as [Rule["type"], string, [string, unknown][]];
  const fields = values.map(([name]) => name);
  return life.stays.map((stay) => {
    const isCounted =
      life.kind === kind &&
      stay.lo >= since &&
      possible(life.metadata, stay.lo, stay.from).every((metadata) => keyOf({ type, kind, fields }, metadata) === key);
    const limits = limitsAt(life, stay, key);
    const { lo, from } = stay;
    return {
      name: life.name,
      lo,
      from,
      to: from + windowMs,
      limit: Math.max(...limits),
      weight: () => (isCounted ? 1 : 0),
    };
  });
}

const limitsAt = (life: Life, stay: Stay, key: string): number[] =>
  keysAt(life, stay).map((terms) =>
    Math.min(never, ...terms.filter((term) => term.key === key).map(({ limit }) => limit)),
  );

/** What a task is to a key, one entry for each time that it came to hold it. */
function entriesOf(life: Life, key: string, since: number): Entry[] {
  const [type, kind, values] = JSON.parse(key) as [Rule["type"], string, [string, unknown][]];
  if (type === "Rate") return startsOf(life, key, since);
  const fields = values.map(([name]) => name);
  const spans = life.kind === kind ? spansOf(life, (metadata) => keyOf({ type, kind, fields }, metadata) === key) : [];
  return life.stays.flatMap((stay) => {
    const weight = (at: number) => (type === "Concurrency" ? 1 : leastLoad(life, stay.attempt, at));
    const limits = limitsAt(life, stay, key);
    const base = { name: life.name, lo: stay.lo, limit: Math.max(...limits) };
    const members = spans
      .map(({ from, to }) => {
        const span = { from: Math.max(from, stay.from), to: Math.min(to, stay.to), weight };
        // Whoever came to hold it in another way than by a claim was not asked.
        return { ...base, ...span, limit: from <= stay.lo ? base.limit : never };
      })
      .filter(({ from, to }) => from <= to);
    const asked = members.some(({ limit }) => limit < never) || base.limit === never;
    return asked ? members : [...members, { ...base, from: stay.from, to: stay.from, weight: () => 0 }];
  });
}

/** From when until when the metadata were such for certain. */
function spansOf({ metadata }: Life, isSuch: (metadata: Metadata) => boolean): { from: number; to: number }[] {
  const spans: { from: number; to: number }[] = [];
  let open: { from: number; to: number } | null = null;
  for (const { value, sent, answered } of metadata) {
    if (!isSuch(value)) {
      if (open !== null) open.to = sent;
      open = null;
    } else if (open === null) {
      open = { from: answered, to: never };
      spans.push(open);
    }
  }
  return spans;
}

/** Of what was expected, what cannot have been done by then in this attempt. */
function leastLoad({ expected, counted }: Life, of: number, at: number): number {
  const least = Math.min(...expected.filter(({ sent }) => sent <= at).map(({ value }) => value ?? 0));
  return Math.max(
    0,
    counted.reduce((left, { sent, attempt, n }) => (attempt === of && sent <= at ? left - n : left), least),
  );
}
