// The one loop under all timers: it ticks when it is due, nudged or given a sooner time, survives what a tick
// throws, and stops without a tick left behind. Long pauses stand for "never"; nothing here waits for them.
import { it } from "vitest";
import { makeLogger } from "#telemetry/log";
import { stays, until, within } from "#test/until";
import { loop } from "#timers/loop";

const log = makeLogger({ logLevel: "silent" }, "test");
const hour = 3_600_000;

it("ticks at once, and again when it is nudged", async () => {
  let ticks = 0;
  const running = loop("due", log, async () => {
    ticks++;
    return hour;
  });
  await until(() => ticks === 1);
  running.nudge();
  await until(() => ticks === 2);
  await within(() => running.stop(), 1_000);
});

it("ticks for what is due sooner, never later because of what is due later", async () => {
  let ticks = 0;
  const running = loop("due", log, async () => {
    ticks++;
    return hour;
  });
  await until(() => ticks === 1);
  running.within(60_000);
  running.within(20);
  running.within(50_000);
  await until(() => ticks === 2);
  await within(() => running.stop(), 1_000);
});

it("does not forget a nudge that comes while it ticks", async () => {
  let ticks = 0;
  let release = () => {};
  const running = loop("due", log, async () => {
    ticks++;
    if (ticks === 1) await new Promise<void>((resolve) => (release = resolve));
    return hour;
  });
  await until(() => ticks === 1);
  running.nudge();
  release();
  await until(() => ticks === 2);
  await within(() => running.stop(), 1_000);
});

it("goes on after a tick that throws", async () => {
  let ticks = 0;
  const running = loop(
    "due",
    log,
    async () => {
      if (++ticks < 3) throw new Error("not yet");
      return hour;
    },
    1,
  );
  await until(() => ticks === 3);
  await within(() => running.stop(), 1_000);
});

it("waits for a tick under way when it is stopped, and ticks no more", async () => {
  let ticks = 0;
  let release = () => {};
  const running = loop("due", log, async () => {
    ticks++;
    await new Promise<void>((resolve) => (release = resolve));
    return 0;
  });
  await until(() => ticks === 1);
  let stopped = false;
  const stopping = running.stop().then(() => {
    stopped = true;
  });
  await stays(() => !stopped, 30);
  release();
  await within(() => stopping, 1_000);
  running.nudge();
  await stays(() => ticks === 1, 30);
});
