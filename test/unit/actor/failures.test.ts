// When a failed turn is held against its commands.
import { describe, expect, it } from "vitest";
import { Failures } from "#actor/failures";
import { limits } from "#config";
import { Unavailable } from "#domain/errors";
import { ConnectionLost } from "#store/pg/errors";
import { ask, asked } from "./rows.ts";

const item = () => asked(ask("cancel"));
const lost = (code: string) => new ConnectionLost(Object.assign(new Error(code), { code }));
const failed = (code: string) => Object.assign(new Error(code), { code });
const times = <T>(n: number, what: () => T): T[] => Array.from({ length: n }, what);
const breaks = limits.brokenSetsMax + 1;

describe("a set of commands whose turns break their connections", () => {
  it("is halved once that went on, and its halves at once", () => {
    const failures = new Failures();
    const items = [item(), item()];
    const seen = times(breaks, () => failures.breakAgain(items, lost("ECONNRESET"), true));
    expect(seen).toEqual([...times(limits.brokenSetsMax, () => false), true]);
    expect(failures.breakAgain(items.slice(1), lost("57P02"), true)).toBe(true);
    expect(failures.breakAgain([item()], lost("ECONNRESET"), true)).toBe(false);
  });

  it.each([
    ["Postgres is away", lost("ECONNRESET"), false],
    ["Postgres is starting", lost("57P03"), true],
    ["Postgres may not write", lost("25006"), true],
    ["no connection became free", new Unavailable("no database connection became free in time"), true],
    ["the turn failed and its connection did not", failed("23505"), true],
  ])("is not to blame where %s", (_, error, isUp) => {
    const failures = new Failures();
    const items = [item()];
    expect(new Set(times(20, () => failures.breakAgain(items, error, isUp)))).toEqual(new Set([false]));
  });
});

describe("a command that fails alone", () => {
  it.each([
    ["its input", failed("22P02"), limits.failuresMax],
    ["its connection", lost("ECONNRESET"), limits.brokenFailuresMax],
    ["what may pass, as a full disk", failed("53100"), limits.passingFailuresMax],
  ])("for %s is given up in the end", (_, error, max) => {
    const failures = new Failures();
    const one = item();
    const seen = times(max, () => failures.failAlone(one, error));
    expect(seen.map((letter) => letter.failures)).toEqual(times(max, () => 0).map((_, n) => n + 1));
    expect(seen.map(({ isTooOften }) => isTooOften)).toEqual([...times(max - 1, () => false), true]);
  });

  it("for a lock begins anew", () => {
    const failures = new Failures();
    const one = item();
    for (const code of ["22P02", "22P02", "55P03"]) failures.failAlone(one, failed(code));
    expect(failures.failAlone(one, failed("22P02"))).toEqual({ failures: 1, isTooOften: false });
  });
});
