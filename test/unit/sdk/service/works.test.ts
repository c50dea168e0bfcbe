// A service closes within its grace also while Baton is away: reports and progress that wait for it are given up.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { within } from "#test/until";
import { type HandlerOptions, handler, type RunningTask, type Work } from "../../../../src/sdk/index.ts";
import { callOf, secret, startBaton } from "./stage.ts";

/** Nothing listens there. */
let away: string;
/** Takes connections, and answers nothing. */
let silent: string;
const silence = createServer(() => {}).listen(0, "127.0.0.1");
beforeEach(async () => {
  const gone = await startBaton();
  gone.close();
  away = gone.url;
  if (!silence.listening) await new Promise((resolve) => silence.once("listening", resolve));
  silent = `http://127.0.0.1:${(silence.address() as AddressInfo).port}`;
});
afterEach(() => silence.closeAllConnections());

const errors: unknown[] = [];
beforeEach(() => void errors.splice(0));

async function begin(baton: string, work: Work, more: Partial<HandlerOptions> = {}) {
  const onError = (error: unknown) => void errors.push(error);
  const service = handler({ secrets: secret, baton, onError, ...more }, work);
  const { url, headers, bytes: body } = callOf(baton);
  expect((await service.take({ url, headers, body })).status).toBe(202);
  return service;
}
const unreported = expect.objectContaining({ message: "the service closed before Baton took the report" });

it.each(["away", "silent"] as const)("gives up the report of a work while Baton is %s", async (how) => {
  const done = Promise.withResolvers<void>();
  const service = await begin(how === "away" ? away : silent, () => done.resolve());
  await done.promise;
  await within(() => service.close(50), 3_000);
  expect(service.running).toBe(0);
  expect(errors).toEqual([unreported]);
});

it.each(["progress", "add", "heartbeat"] as const)("gives up a %s that waits", async (what) => {
  const asked = Promise.withResolvers<void>();
  const failed: unknown[] = [];
  const service = await begin(silent, async (task: RunningTask) => {
    const said = { progress: () => task.progress(1), add: () => task.add([]), heartbeat: () => task.heartbeat() };
    const waits = said[what]();
    asked.resolve();
    await waits.catch((error: Error) => {
      failed.push(error.message);
      throw error;
    });
  });
  await asked.promise;
  await within(() => service.close(50), 3_000);
  expect(failed).toEqual(["the service is closing"]);
  expect(errors).toEqual([]);
});

it("hands back a start whose key was still being written down when it closed", async () => {
  const written = Promise.withResolvers<boolean>();
  const released: string[] = [];
  const asked = Promise.withResolvers<void>();
  const take = () => {
    asked.resolve();
    return written.promise;
  };
  const ledger = { take, release: (key: string) => void released.push(key) };
  const service = handler({ secrets: secret, baton: away, ledger }, () => expect.unreachable());
  const { url, headers, bytes: body, task } = callOf(away);
  const answer = service.take({ url, headers, body });
  await asked.promise;
  await service.close(0);
  written.resolve(true);
  expect((await answer).status).toBe(503);
  expect(released).toEqual([`${task}:start`]);
});

it("still reports a work that ends well when it is aborted, where Baton answers", async () => {
  const baton = await startBaton();
  const asked = Promise.withResolvers<void>();
  const service = await begin(baton.url, async (task) => {
    asked.resolve();
    await task.sleep(600_000).catch(() => {});
    return "as far as it went";
  });
  await asked.promise;
  await within(() => service.close(0), 3_000);
  expect(baton.ends()).toEqual([{ status: "Success", result: "as far as it went" }]);
  expect(errors).toEqual([]);
  baton.close();
});

it("waits for a report within its grace, since Baton may come back", async () => {
  const baton = await startBaton();
  let tried = 0;
  baton.answer = () => (++tried < 3 ? [503, "unavailable"] : undefined);
  const service = await begin(baton.url, () => "done");
  await vi.waitFor(() => expect(tried).toBeGreaterThan(0));
  await service.close(10_000);
  expect(tried).toBe(3);
  expect(errors).toEqual([]);
  baton.close();
});
