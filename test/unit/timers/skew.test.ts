// How far two clocks are apart, as a process measures it by clocks of ours: whatever its own clock says, and however slow the answers.
import { expect, it, onTestFinished } from "vitest";
import { makeLogger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";
import { until } from "#test/until";
import { type AskTime, ClockSkew } from "#timers/skew";

function rig(natsAheadMs: number | null, delays: readonly number[] = [0]) {
  const lines: { level: string; msg: string; natsAheadSecs?: number }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  const clock = { steady: 0, ahead: natsAheadMs };
  let asked = 0;
  const truth = () => 1_700_000_000_000 + clock.steady;
  /** The way back takes longer than the way there, by all of the delay. */
  const answered = (time: number) => {
    clock.steady += delays[asked++ % delays.length] ?? 0;
    return time;
  };
  let asks = 0;
  const nats: AskTime = async () => {
    asks++;
    return clock.ahead === null ? null : answered(truth() + clock.ahead);
  };
  const log = makeLogger({ logLevel: "info" }, "test", { write });
  const skew = new ClockSkew({ nats, postgres: async () => truth(), log, steadyMs: () => clock.steady });
  onTestFinished(() => skew.stop());
  return { skew, lines, clock, asked: () => asks };
}

it.each([0, 6_500, -6_500, -3_600_000])(
  "NATS ahead by %d ms: its times are corrected, and the metric says so",
  async (ahead) => {
    const { skew } = rig(ahead);
    await until(() => skew.isKnown);
    expect(skew.toPostgresMs(1_700_000_000_000 + ahead)).toBe(1_700_000_000_000);
    expect(metrics.clockSkewSeconds.samples()).toEqual([`baton_clock_skew_seconds ${ahead / 1_000}`]);
  },
);

it("goes by the quickest of a few answers", async () => {
  const { skew } = rig(2_000, [3_000, 10, 800]);
  await until(() => skew.isKnown);
  expect(skew.toPostgresMs(0)).toBe(-2_000 + 5);
});

it("is unknown until both clocks have answered, and then corrects times", async () => {
  const { skew, clock, asked } = rig(null);
  await until(() => asked() > 0);
  expect([skew.isKnown, skew.toPostgresMs(1_000)]).toEqual([false, 1_000]);
  clock.ahead = 50;
  await until(() => skew.isKnown);
  expect(skew.toPostgresMs(1_000)).toBe(950);
});

it.each([
  [1_001, ["warn"]],
  [-1_001, ["warn"]],
  [999, []],
])("%d ms are logged: %j", async (ahead, expected) => {
  const { skew, lines } = rig(ahead);
  await until(() => skew.isKnown);
  await skew.stop();
  expect(lines.map(({ level }) => level)).toEqual(expected);
});
