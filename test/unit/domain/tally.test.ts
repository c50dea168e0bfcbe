// What transitions are counted as, by ten seconds.
import { expect, it } from "vitest";
import { talliesOf } from "#domain/tally";

const at = (secs: number) => new Date(Date.UTC(2030, 0, 1, 0, 0, secs));
const moved = (secs: number, from: string, to: string) => ({ at: at(secs), from, to });

it("counts starts by what a claim came to, and ends by their state", () => {
  const events = [
    ...[moved(19, "Claimed", "Running"), moved(10, "Claimed", "Success"), moved(11, "Claimed", "Retrying")],
    ...[moved(12, "Claimed", "Pending"), moved(12, "Claimed", "Paused"), moved(12, "Claimed", "Canceled")],
    ...[moved(12, "Pending", "Claimed"), moved(13, "Running", "Failure"), moved(14, "Running", "Success")],
    ...[moved(15, "Waiting", "Skipped"), moved(16, "Success", "Success")],
  ];
  expect(talliesOf(events)).toEqual([{ at: at(10), starts: 3, successes: 2, failures: 1 }]);
});

it("keeps times apart, the oldest first, and says nothing where nothing started or ended", () => {
  const events = [moved(25, "Running", "Success"), moved(9, "Running", "Failure"), moved(31, "Pending", "Claimed")];
  expect(talliesOf(events)).toEqual([
    { at: at(0), starts: 0, successes: 0, failures: 1 },
    { at: at(20), starts: 0, successes: 1, failures: 0 },
  ]);
});
