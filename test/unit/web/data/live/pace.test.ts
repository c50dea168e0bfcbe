// How often an open console asks.
import { expect, it } from "vitest";
import type { Overview } from "../../../../../src/sdk/client.ts";
import { paceOf } from "../../../../../src/web/data/live/pace.ts";

const nothing = { starts: 0, successes: 0, failures: 0 };
const figures = (running: number, last_minute = nothing) => ({ running, last_minute }) as Overview;

it("asks for the overview less often where nothing runs, starts or ends", () => {
  expect([undefined, figures(1), figures(0, { ...nothing, failures: 1 }), figures(0)].map(paceOf)).toEqual([
    5_000, 5_000, 5_000, 20_000,
  ]);
});
