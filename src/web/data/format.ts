// How times, durations, ids and numbers are written: always the same way, whatever the browser's language, so that two people
// who speak about a screen see the same. Pure: the time zone and the present come in.
export type Zone = "local" | "utc";

const two = (n: number): string => String(n).padStart(2, "0");
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly clock: string;
}

function partsOf(ms: number, zone: Zone): Parts {
  const at = new Date(ms);
  return zone === "utc"
    ? {
        ...{ year: at.getUTCFullYear(), month: at.getUTCMonth(), day: at.getUTCDate() },
        clock: `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`,
      }
    : {
        ...{ year: at.getFullYear(), month: at.getMonth(), day: at.getDate() },
        clock: `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`,
      };
}

/** Today `14:02:07`, this year `28 Nov 14:02`, else with the year; UTC ends in Z. */
export function timeText(ms: number, zone: Zone, nowMs: number): string {
  const [at, now] = [partsOf(ms, zone), partsOf(nowMs, zone)];
  const end = zone === "utc" ? "Z" : "";
  if (at.year === now.year && at.month === now.month && at.day === now.day) return `${at.clock}${end}`;
  const date = `${at.day} ${months[at.month]}`;
  const clock = `${at.clock.slice(0, 5)}${end}`;
  return at.year === now.year ? `${date} ${clock}` : `${date} ${at.year} ${clock}`;
}

/** In a named zone, with the weekday and how far that zone is from UTC then: `Mon 30 Nov 02:30 GMT+1`. */
export function zoneTimeText(ms: number, timeZone: string): string {
  const form = new Intl.DateTimeFormat("en-GB", {
    ...{ timeZone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
    ...{ hourCycle: "h23", timeZoneName: "shortOffset" },
  });
  const parts = new Map(form.formatToParts(ms).map(({ type, value }) => [type, value]));
  const get = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? "";
  const date = `${get("weekday")} ${get("day")} ${get("month")}`;
  return `${date} ${get("hour")}:${get("minute")} ${get("timeZoneName")}`;
}

/** `12 s`, `4 min`, `2 h`, `3 d`; what is to come says so. */
export function agoText(ms: number, nowMs: number): string {
  const seconds = Math.round(Math.abs(nowMs - ms) / 1000);
  const [size, unit] = units.find(([size]) => seconds >= size) ?? [1, "s"];
  const text = `${Math.floor(seconds / size)} ${unit}`;
  return ms > nowMs && seconds > 0 ? `in ${text}` : `${text} ago`;
}

const units: readonly (readonly [seconds: number, unit: string])[] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
];

/** `182 ms`, `4.2 s`, `1 min 12 s`, `3 h 05 min`, `2 d 4 h`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(ms < 9_950 ? 1 : 0)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1_440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Ids begin with a time that neighbours share: their end tells them apart. */
export const shortId = (id: string): string => `…${id.slice(-8)}`;

export const numberText = (n: number): string => n.toLocaleString("en-GB");

/** Of work that is counted: `1,204 of 12,400`. */
export const countText = (n: number, one: string, many = `${one}s`): string =>
  `${numberText(n)} ${n === 1 ? one : many}`;
