// When a schedule runs: a cron line in a time zone, or every so many seconds. Pure: the time is passed in, and what a line means
// follows from the line and the zone alone. Where the hour field has only numbers, a line names moments of a day: one that a clock
// change leaves out runs at the first valid moment after it, and one that comes twice the first time only. Any other hour field
// names distances: what is left out does not run, and what comes twice runs twice.
import { Cron } from "croner";

/** What decides the times of a schedule. */
export interface Timetable {
  /** Null: `every_secs` says. */
  readonly cron: string | null;
  readonly every_secs: number | null;
  /** An IANA name. */
  readonly timezone: string;
  /** From where `every_secs` counts, in ms since 1970. */
  readonly anchor: number;
}

/** Times in ms since 1970. */
export interface Times {
  /** The first time after `ms`; null: there is none. */
  next(ms: number): number | null;
  /** The newest `n` times up to `ms`, which is included; oldest first. */
  newest(n: number, ms: number): number[];
}

/** What stands for five fields. */
const words: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

export const cronCharsMax = 200;

/** What is wrong with a cron line; undefined: nothing. It may still name a day that never comes. */
export function cronFault(line: string): string | undefined {
  const fields = fieldsOf(line);
  if (fields.length === 1 && fields[0]?.startsWith("@"))
    return `${fields[0]} is not known; known are ${Object.keys(words).join(", ")}`;
  if (fields.length !== 6) return `has ${line.trim() === "" ? 0 : line.trim().split(/\s+/).length} fields`;
  const odd = fields.find(
    (field) => !/^[\dA-Za-z*,/-]+$/.test(field) || /(^|[^A-Za-z])[LWH]([^A-Za-z]|$)|\d[LW]/i.test(field),
  );
  if (odd !== undefined) return `${JSON.stringify(odd)} is not known`;
  try {
    croned(line, "UTC");
    return undefined;
  } catch (error) {
    return (error as Error).message.replace(/^CronPattern: /, "");
  }
}

/** Whether this is a time zone by name. */
export function isZone(name: string): boolean {
  if (!/^[A-Za-z][\w+/-]*$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** The times of a timetable that has no faults. */
export function timesOf({ cron, every_secs, timezone, anchor }: Timetable): Times {
  return cron === null ? everySecs(every_secs as number, anchor) : ofCron(cron, timezone);
}

/** The same up to `until`, which is included; null: without an end. */
export function bounded(times: Times, until: number | null): Times {
  if (until === null) return times;
  return {
    next: (ms) => {
      const next = times.next(ms);
      return next === null || next > until ? null : next;
    },
    newest: (n, ms) => times.newest(n, Math.min(ms, until)),
  };
}

/** The next `n` times after `ms`. */
export function nextOf(times: Times, n: number, ms: number): number[] {
  const found: number[] = [];
  for (let next = times.next(ms); next !== null && found.length < n; next = times.next(next)) found.push(next);
  return found;
}

/** The first time is one distance after the anchor. */
function everySecs(secs: number, anchor: number): Times {
  const stepMs = secs * 1000;
  const countTo = (ms: number) => Math.floor((ms - anchor) / stepMs);
  return {
    next: (ms) => anchor + Math.max(1, countTo(ms) + 1) * stepMs,
    newest: (n, ms) => {
      const last = countTo(ms);
      const first = Math.max(1, last - n + 1);
      return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => anchor + (first + i) * stepMs);
    },
  };
}

function ofCron(line: string, timezone: string): Times {
  const cron = known(line, timezone);
  return {
    next: (ms) => cron.nextRun(new Date(ms))?.getTime() ?? null,
    // What is asked for ends before its argument, but for the second that the argument is within.
    newest: (n, ms) =>
      cron
        .previousRuns(n, new Date(ms + 1))
        .map((time) => time.getTime())
        .reverse(),
  };
}

/** To read a line takes longer than to ask it for a time. */
const lines = new Map<string, Cron>();
const linesMax = 1_000;

function known(line: string, timezone: string): Cron {
  const key = `${timezone} ${line}`;
  const cron = lines.get(key) ?? croned(line, timezone);
  if (lines.size >= linesMax) lines.clear();
  lines.set(key, cron);
  return cron;
}

/** Six fields where there are five, or a word that stands for them. */
function fieldsOf(line: string): string[] {
  const text = line.trim();
  const fields = (words[text.toLowerCase()] ?? text).split(/\s+/);
  return fields.length === 5 ? ["0", ...fields] : fields;
}

/** Croner tells moments from distances by more than the hour, so each line is written as it reads it right. */
function croned(line: string, timezone: string): Cron {
  const [second = "", minute = "", hour = "", ...days] = fieldsOf(line);
  const options = { timezone, mode: "6-part" } as const;
  if (/^\d+(,\d+)*$/.test(hour)) {
    // Without a wildcard, so that all of it is a moment.
    const fields = [expanded(second), expanded(minute), hour, ...days];
    return new Cron(fields.join(" "), { ...options, fixedTimeRule: "no-wildcard" });
  }
  // A range of one hour would count as a number.
  const stepped = hour.replace(/\b(\d+-\d+)(?=,|$)/g, "$1/1");
  return new Cron([second, minute, stepped, ...days].join(" "), options);
}

const sixty = 60;

/** A field of seconds or minutes as a list of numbers; as it is where it is wrong, so that croner says how. */
function expanded(field: string): string {
  const numbers = new Set<number>();
  for (const part of field.split(",")) {
    const [, all, from, to, step] = /^(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part) ?? [];
    const first = all ? 0 : Number(from);
    const last = all ? sixty - 1 : Number(to ?? from);
    const by = Number(step ?? 1);
    const isSound = first <= last && last < sixty && by >= 1 && by < sixty && (step === undefined || all || to);
    if (!isSound) return field;
    for (let n = first; n <= last; n += by) numbers.add(n);
  }
  return [...numbers].sort((a, b) => a - b).join();
}
