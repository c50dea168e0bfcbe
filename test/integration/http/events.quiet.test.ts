// The log of events while nothing happens: nobody looks at it again and again, and nothing comes late for that.
import { it, onTestFinished, vi } from "vitest";
import type { NextEvent } from "#bus/events";
import { freshDatabase } from "#test/services";
import { stays, until } from "#test/until";
import { begun, follow, listen, openWriter } from "./log.ts";

vi.mock("#config", async (original) => {
  const config = await original<typeof import("#config")>();
  // So long a rest that nothing in these tests comes by itself.
  return { ...config, limits: { ...config.limits, eventQuietMs: 100, eventRestMs: 600_000 } };
});

/** An API whose NATS says that there is an event when the test does. */
async function quietApi() {
  const url = await freshDatabase();
  const waiting = new Set<() => void>();
  const nextEvent: NextEvent = async (hear) => {
    waiting.add(hear);
    return () => void waiting.delete(hear);
  };
  const api = await listen(url, {}, 0, nextEvent);
  onTestFinished(() => api.close());
  const asked = vi.spyOn(api.db, "use");
  return {
    ...{ api, writer: openWriter(url), waiting },
    asked: () => asked.mock.calls.length,
    publish() {
      for (const hear of [...waiting]) hear();
    },
  };
}

/** It listens, and has looked once more since. */
async function resting({ waiting, asked }: Awaited<ReturnType<typeof quietApi>>): Promise<void> {
  await until(() => waiting.size === 1);
  let before = -1;
  await until(() => {
    const same = before === asked();
    before = asked();
    return same;
  });
}

it("is not read while nothing happens, and is at once when NATS says that something has", async () => {
  const quiet = await quietApi();
  const heard = await follow(quiet.api);
  await begun(heard);
  await resting(quiet);
  const before = quiet.asked();
  await quiet.writer.write();
  await stays(() => quiet.asked() === before, 500);
  quiet.publish();
  await until(() => heard.events.length === 1);
  // From now on it looks by itself again, for a while.
  await quiet.writer.write();
  await until(() => heard.events.length === 2);
  await resting(quiet);
});

it("is read for a client that comes meanwhile and resumes after an event", async () => {
  const quiet = await quietApi();
  const first = await follow(quiet.api);
  const start = await begun(first);
  await resting(quiet);
  await quiet.writer.write(3);
  const second = await follow(quiet.api, "", Math.max(start, (await quiet.writer.ids())[0] as number));
  await until(() => second.events.length === 2 && first.events.length === 3);
});

it("does not rest where an event was published while it began to listen", async () => {
  const url = await freshDatabase();
  const writer = openWriter(url);
  let asked = 0;
  const nextEvent: NextEvent = async (hear) => {
    asked++;
    if (asked > 1) return () => {};
    await writer.write();
    hear();
    return () => {};
  };
  const api = await listen(url, {}, 0, nextEvent);
  onTestFinished(() => api.close());
  const heard = await follow(api);
  await begun(heard);
  await until(() => heard.events.length === 1);
  await until(() => asked === 2);
});
