// The measure of isolation must be able to fail: a place in which something stands still for a while is seen to do so.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { disturbed, liveBeside, nothing, type Place, type Seen } from "#test/neighbours";
import { until } from "#test/until";

let bare: Server;
beforeEach(async () => {
  bare = createServer((_, response) => response.end());
  await new Promise<void>((resolve) => bare.listen(0, "127.0.0.1", resolve));
});
afterEach(() => new Promise((resolve) => bare.close(resolve)));

const statusOf: Readonly<Record<string, number>> = { POST: 201, PATCH: 200, GET: 200 };

/** Answers at once, but for what `held` says is held until it resolves. */
function place(held: (verb: string, path: string) => Promise<unknown> | undefined): Place {
  let ids = 0;
  return {
    bare: `http://127.0.0.1:${(bare.address() as AddressInfo).port}/`,
    pids: () => [],
    startAction: {},
    async call(verb, path) {
      await held(verb, path);
      return { status: statusOf[verb] ?? 500, body: verb === "POST" ? [{ id: String(++ids) }] : [] };
    },
    started: async () => void (await held("start", "")),
  };
}

async function lives(where: Place, enough: (seen: Seen) => boolean): Promise<Seen> {
  const others = liveBeside(where);
  await until(() => enough(others.seen));
  return others.stop();
}

it("sees nothing where everything answers at once", async () => {
  const seen = await lives(
    place(() => undefined),
    ({ reports, health }) => reports.length > 40 && health.length > 5,
  );
  expect(disturbed(seen, nothing())).toEqual([]);
});

it.each([
  ["PATCH", "/task/", ["reports"], 3_000],
  ["start", "", ["starts", "timers"], 4_500],
  ["GET", "/task?", ["listings"], 3_000],
  ["GET", "/health", ["health"], 2_500],
])("sees that %s %s stood still for a moment", async (verb, path, steps, ms) => {
  const end = performance.now() + ms;
  const isOver = () => performance.now() > end;
  const standsStill = () => until(isOver);
  const seen = await lives(
    place((asked, at) => (asked === verb && at.startsWith(path) ? standsStill() : undefined)),
    ({ reports, listings }) => isOver() && reports.length > 20 && listings.length > 5,
  );
  expect(disturbed(seen, nothing())).toEqual(steps.map((step) => expect.stringContaining(step)));
});

it("sees an answer that is none", async () => {
  const wrong = { ...place(() => undefined), call: async () => ({ status: 503, body: "busy" }) };
  const seen = await lives(wrong, ({ wrong }) => wrong.length > 3);
  expect(disturbed(seen, nothing())[0]).toContain("503");
});
