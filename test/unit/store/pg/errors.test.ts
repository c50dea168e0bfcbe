// What an error means for those who write many things in one transaction.
import { describe, expect, it } from "vitest";
import { Unavailable } from "#domain/errors";
import { untilWritten } from "#store/pg/errors";

const fault = (code: string) => Object.assign(new Error(code), { code });
const away = new Unavailable("away");

describe("a batch that could not be written", () => {
  it.each([away, fault("57P01"), fault("40P01"), fault("55P03"), fault("53100")])(
    "is tried again for as long as that is nobody's fault (%s), with growing pauses",
    (error) => {
      const remedy = untilWritten(100);
      for (const [tries, steps] of [
        [1, 1],
        [3, 3],
        [5, 5],
        [1_000, 5],
      ] as const) {
        const pauseMs = remedy(error, tries) as number;
        expect(pauseMs).toBeGreaterThanOrEqual(50 * steps);
        expect(pauseMs).toBeLessThan(100 * steps);
      }
    },
  );

  it.each([fault("22P02"), fault("23514"), fault("P0001"), new Error("a mistake of ours")])(
    "is halved where it is at fault itself (%s), at once or after some tries",
    (error) => {
      expect(untilWritten(100)(error, 1)).toBe("halve");
      const remedy = untilWritten(100, 5);
      expect(remedy(error, 4)).toBeTypeOf("number");
      expect(remedy(error, 5)).toBe("halve");
      expect(remedy(error, 6)).toBe("halve");
    },
  );
});
