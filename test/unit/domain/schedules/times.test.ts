// The times of schedules: a table of lines that people write, and every clock change of three zones against an oracle that walks
// the local minutes of a day and knows nothing of cron.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bounded, cronFault, isZone, nextOf, type Timetable, timesOf } from "#domain/schedules/times";
import { seed } from "#test/seed";

const table = (cron: string, timezone = "UTC"): Timetable => ({ cron, every_secs: null, timezone, anchor: 0 });
const next = (line: string, zone: string, from: string, n = 3) =>
  nextOf(timesOf(table(line, zone)), n, Date.parse(from)).map((ms) => new Date(ms).toISOString().replace(".000", ""));

// biome-ignore format: a table is read by its rows
const rows: readonly (readonly [what: string, line: string, zone: string, from: string, ...expected: string[]])[] = [
  ["a night at a fixed hour", "30 2 * * *", "UTC", "2026-01-01T02:30:00Z", "2026-01-02T02:30:00Z", "2026-01-03T02:30:00Z"],
  ["@monthly", "@monthly", "UTC", "2026-01-31T12:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"],
  ["@daily", "@daily", "Asia/Kolkata", "2026-01-01T00:00:00Z", "2026-01-01T18:30:00Z", "2026-01-02T18:30:00Z"],
  ["@weekly", "@weekly", "UTC", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"],
  ["@hourly", "@hourly", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"],
  ["@yearly", "@yearly", "UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"],
  ["the leap day", "0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"],
  ["the 31st, where a month has one", "0 0 31 * *", "UTC", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"],
  ["seconds", "*/20 * * * * *", "UTC", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:20Z", "2026-01-01T00:00:40Z", "2026-01-01T00:01:00Z"],
  ["both day fields: either is enough", "0 0 13 * 5", "UTC", "2026-02-01T00:00:00Z", "2026-02-06T00:00:00Z", "2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z"],
  ["names, ranges and Sunday as 7", "0 9 * JAN-FEB MON-TUE,7", "UTC", "2026-02-27T00:00:00Z", "2027-01-03T09:00:00Z"],
  // 02:00 to 03:00 is left out on 29 March 2026 in Berlin, and comes twice on 25 October.
  ["left out, a number: the first valid moment", "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
  ["left out, a list", "30 1,2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T23:30:00Z"],
  ["left out, minutes by steps: once", "*/15 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"],
  ["left out, a range: it does not run", "30 2-2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"],
  ["left out, a wildcard", "30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"],
  ["twice, a number: the first time", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
  ["twice, a range: both", "30 2-2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"],
  ["twice, a wildcard: both", "30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"],
  // 8 March and 1 November 2026 in New York; half an hour on 5 April and 4 October in Lord Howe.
  ["left out in New York", "30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
  ["twice in New York, a number", "30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
  ["twice in New York, a step", "30 */1 * * *", "America/New_York", "2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"],
  ["left out by half an hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
  ["twice by half an hour, a number", "45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", "2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
];

describe("a line", () => {
  it.each(rows)("%s", (_, line, zone, from, ...expected) => {
    expect(next(line, zone, from, expected.length)).toEqual(expected);
  });

  // biome-ignore format: a table is read by its rows
  it.each([
    "", "* * * *", "* * * * * * *", "61 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * * 8", "5/10 * * * *", "*/0 * * * *",
    "*/70 * * * *", "22-2 * * * *", "a * * * *", "0 0 L * *", "0 0 5L * *", "0 0 15W * *", "0 0 * * 5#2", "? * * * *", "H * * * *", "@reboot", "@never", "2030-01-31T12:00:00Z",
    "* * * JANUARY *", "+5 * * * *", "0 99,1 2 * * *", "0 1 2,24 * * *",
  ])("%j is refused", (line) => {
    expect(cronFault(line)).toMatch(/\S/);
  });

  it.each(["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *"])("%s never comes", (line) => {
    expect(cronFault(line)).toBeUndefined();
    expect(next(line, "UTC", "2026-01-01T00:00:00Z")).toEqual([]);
  });

  it("is read whatever spaces and letters it has", () => {
    expect(cronFault("  0\t9  *  *  mon-fri ")).toBeUndefined();
    expect(cronFault("@Daily")).toBeUndefined();
  });
});

it.each([
  ["Europe/Berlin", true],
  ["UTC", true],
  ["Etc/GMT+2", true],
  ["", false],
  ["+02:00", false],
  ["Mars/Olympus", false],
  ["Europe/Berlin ", false],
])("%j is a zone: %s", (name, is) => {
  expect(isZone(name)).toBe(is);
});

describe("every so many seconds", () => {
  const times = timesOf({ cron: null, every_secs: 90, timezone: "UTC", anchor: 1_000 });
  it("begins one distance after the anchor", () => {
    expect(nextOf(times, 3, 0)).toEqual([91_000, 181_000, 271_000]);
    expect(nextOf(times, 1, 91_000)).toEqual([181_000]);
    expect(times.newest(2, 271_000)).toEqual([181_000, 271_000]);
    expect(times.newest(5, 100_000)).toEqual([91_000]);
    expect(times.newest(5, 90_999)).toEqual([]);
  });
});

it("an end is included", () => {
  const times = bounded(timesOf(table("0 * * * *")), Date.parse("2026-01-01T02:00:00Z"));
  expect(nextOf(times, 5, Date.parse("2026-01-01T00:00:00Z")).map((ms) => new Date(ms).getUTCHours())).toEqual([1, 2]);
  expect(times.newest(2, Date.parse("2026-01-05T00:00:00Z")).map((ms) => new Date(ms).getUTCHours())).toEqual([1, 2]);
});

// biome-ignore format: a table is read by its rows
const days = [
  ["Europe/Berlin", "2026-03-29"], ["Europe/Berlin", "2026-10-25"], ["America/New_York", "2027-03-14"], ["America/New_York", "2027-11-07"],
  ["Australia/Lord_Howe", "2026-10-04"], ["Australia/Lord_Howe", "2027-04-04"], ["Asia/Kolkata", "2026-06-01"],
] as const;
const lines = [
  "30 2 * * *",
  "15 1 * * *",
  "0,30 1,2 * * *",
  "*/20 * * * *",
  "7 */2 * * *",
  "45 1-3 * * *",
  "10 0-23/3 * * *",
  "* 2 * * *",
];

describe.each(days)("around a clock change in %s, %s", (zone, day) => {
  it.each(lines)("%s", (line) => {
    const from = Date.parse(`${day}T00:00:00Z`) - 36 * 3_600_000;
    const to = from + 84 * 3_600_000;
    const times = timesOf(table(line, zone));
    const expected = oracle(line, zone, from, to);
    expect(between(times.next, from, to)).toEqual(expected);
    expect(times.newest(expected.length, to)).toEqual(expected);
  });
});

it(`the newest times are the last of all, whatever the line (seed ${seed})`, () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...lines, "*/7 * * * * *", "0 0 * * 1", "@monthly"),
      fc.constantFrom("Europe/Berlin", "America/New_York", "Australia/Lord_Howe"),
      fc.integer({ min: Date.parse("2026-01-01"), max: Date.parse("2027-12-31") }),
      fc.integer({ min: 1, max: 9 }),
      (line, zone, ms, n) => {
        const times = timesOf(table(line, zone));
        const newest = times.newest(n, ms);
        expect(newest).toHaveLength(n);
        expect(newest.at(-1)).toBeLessThanOrEqual(ms);
        expect(between(times.next, (newest[0] as number) - 1, ms)).toEqual(newest);
      },
    ),
    { seed, numRuns: 60 },
  );
});

/** All times after `from` up to `to`. */
function between(next: (ms: number) => number | null, from: number, to: number): number[] {
  const found: number[] = [];
  for (let ms = next(from); ms !== null && ms <= to; ms = next(ms)) found.push(ms);
  return found;
}

/** Walks the minutes between two instants; knows of a line its minutes and hours alone. */
function oracle(line: string, zone: string, from: number, to: number): number[] {
  const [minutes, hours] = line.split(" ") as [string, string];
  const minuteOf = numbers(minutes, 59);
  const hourOf = numbers(hours, 23);
  const isFixed = /^\d+(,\d+)*$/.test(hours);
  const format = new Intl.DateTimeFormat("sv", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
  const local = (ms: number) => format.format(ms);
  const hits = new Set<number>();
  const seen = new Set<string>();
  const dayMs = 86_400_000;
  let latest = "";
  for (let ms = from - dayMs; ms <= to; ms += 60_000) {
    const text = local(ms);
    const skipped = latest === "" || text <= latest ? [] : minutesBetween(latest, text);
    const matches = (one: string) => hourOf.has(Number(one.slice(11, 13))) && minuteOf.has(Number(one.slice(14, 16)));
    if (isFixed && skipped.some(matches)) hits.add(ms);
    if (matches(text) && !(isFixed && seen.has(text))) hits.add(ms);
    seen.add(text);
    if (text > latest) latest = text;
  }
  return [...hits].filter((ms) => ms > from && ms <= to);
}

function minutesBetween(before: string, after: string): string[] {
  const found: string[] = [];
  const ms = (text: string) => Date.parse(`${text.replace(" ", "T")}:00Z`);
  for (let at = ms(before) + 60_000; at < ms(after); at += 60_000)
    found.push(new Date(at).toISOString().slice(0, 16).replace("T", " "));
  return found;
}

function numbers(field: string, max: number): Set<number> {
  const all = new Set<number>();
  for (const part of field.split(",")) {
    const [range = "", step = "1"] = part.split("/");
    const [first, last] = range === "*" ? [0, max] : (range.split("-").map(Number) as [number, number?]);
    for (let n = first ?? 0; n <= (last ?? first ?? 0); n += Number(step)) all.add(n);
  }
  return all;
}
