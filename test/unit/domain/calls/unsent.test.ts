// How long a start that cannot be sent is tried again: the contract's numbers, second by second.
import { describe, expect, it } from "vitest";
import { afterUnsent, type Unsendable, type Unsent } from "#domain/calls/unsent";

const begin = Date.parse("2026-01-01T00:00:00Z");
const at = (secs: number) => new Date(begin + secs * 1000);
const refused: Unsendable = { host: "h:80", error: "connect refused", counts: true };
const away: Unsendable = { host: "nats", error: "NATS is away", counts: false };

/** Tries as soon as each is due, each ending `tookSecs` later; gives when they ended, in seconds, and what is left at last. */
function tries(retrySecs: number, tookSecs = 0, why = refused, max = 20): { ends: number[]; last: Unsent | null } {
  const ends: number[] = [];
  let last: Unsent | null | undefined;
  while (last !== null && ends.length < max) {
    const now = new Date((last?.until.getTime() ?? begin) + tookSecs * 1000);
    ends.push((now.getTime() - begin) / 1000);
    last = afterUnsent(last, why, now, retrySecs * 1000);
  }
  return { ends, last: last ?? null };
}

describe("a start that cannot be sent", () => {
  it.each<[retrySecs: number, ends: number[]]>([
    [60, [0, 1, 3, 7, 15, 30, 45, 60]],
    // The last wait is shortened: one falls on that moment.
    [50, [0, 1, 3, 7, 15, 30, 45, 50]],
    [16, [0, 1, 3, 7, 15, 16]],
    [2, [0, 1, 2]],
    [1, [0, 1]],
    [0, [0]],
  ])("is tried for %i s after the first try, at %j, and the last one is the failure", (retrySecs, ends) => {
    expect(tries(retrySecs)).toEqual({ ends, last: null });
  });

  it("counts from the end of the first try, whatever a try takes", () => {
    expect(tries(10, 3)).toEqual({ ends: [3, 7, 12, 16], last: null });
  });

  it("says who was not reached, why, and when it is tried again", () => {
    const first = afterUnsent(undefined, refused, at(0), 60_000);
    expect(first).toEqual({ since: at(0), tries: 1, host: "h:80", error: "connect refused", until: at(1) });
    const second = afterUnsent(first ?? undefined, { ...refused, error: "host not found" }, at(1.5), 60_000);
    expect(second).toEqual({ since: at(0), tries: 2, host: "h:80", error: "host not found", until: at(3.5) });
  });

  it("waits at most 15 s, however often it was tried", () => {
    const before = { since: at(0), tries: 5_000, host: "h:80", error: "", until: at(0) };
    expect(afterUnsent(before, refused, at(100), 86_400_000)?.until).toEqual(at(115));
  });

  it("never fails while NATS is the reason, and has its whole time from the first try after that", () => {
    expect(tries(0, 0, away).last).toMatchObject({ since: null, tries: 20 });
    const waiting = afterUnsent({ ...nothing, since: at(0) }, away, at(300), 60_000) as Unsent;
    const first = afterUnsent(waiting, { ...away, counts: true }, at(310), 60_000);
    expect(first).toMatchObject({ since: at(310), until: at(325) });
  });
});

const nothing: Unsent = { since: null, tries: 9, host: "nats", error: "", until: at(0) };
