// A call that a service refuses becomes known at the service, too: by its own function, or on stderr in lines that strangers cannot multiply.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type HandlerOptions, handler, type Refused } from "../../../../src/sdk/index.ts";
import { refusedOf, warnings } from "../../../../src/sdk/service/refused.ts";
import { callOf, type Sent, secret, startBaton } from "./stage.ts";

const baton = "http://127.0.0.1:8085";
let refused: Refused[];
beforeEach(() => {
  refused = [];
});
afterEach(() => void vi.restoreAllMocks());

async function give(sent: Sent, more: { options?: Partial<HandlerOptions>; headers?: object } = {}) {
  const onRefused = (one: Refused) => void refused.push(one);
  const service = handler({ secrets: secret, baton, onRefused, ...more.options }, () => {});
  const { headers, url, bytes: body, task } = callOf(baton, sent);
  const answer = await service.take({ headers: { ...headers, ...more.headers }, url, body });
  return { answer, key: `${task}:start`, task };
}

it("says of a call without any signature what Baton may lack", async () => {
  const { answer, key } = await give({ secrets: [] });
  const reason = "unsigned: does Baton have WEBHOOK_SIGNING_SECRET?";
  expect(answer).toEqual({ status: 401, body: { error: reason } });
  expect(refused).toEqual([{ reason, path: "/jobs/resize", key }]);
});

it.each<[string, Sent, object, number, RegExp]>([
  ["another secret", { secrets: [`whsec_${Buffer.alloc(32, 8).toString("base64")}`] }, {}, 401, /^No signature fits$/],
  ["a header missing", {}, { "webhook-id": "" }, 401, /^The header webhook-id is missing$/],
  ["an old call", { at: new Date(Date.now() - 301_000) }, {}, 401, /^The call is too old$/],
  ["another Baton", { handle: "https://b.example/task/1" }, {}, 401, /at http:\S+:8085: is that Baton's HOST_URL\?$/],
  ["no key of Baton's", { key: ":other" }, {}, 400, /:other" is no key of Baton's$/],
  ["no JSON", { body: "{" }, {}, 400, /^the body is no JSON$/],
])("says why it refuses: %s", async (_, sent, headers, status, reason) => {
  const { answer } = await give(sent, { headers });
  expect(answer.status).toBe(status);
  expect(refused.map(({ reason }) => reason)).toEqual([expect.stringMatching(reason)]);
  expect(answer.body).toEqual({ error: refused[0]?.reason });
});

it("refuses all the same where the function for it throws", async () => {
  const onRefused = () => {
    throw new Error("the log is full");
  };
  expect((await give({ secrets: [] }, { options: { onRefused } })).answer.status).toBe(401);
});

it("writes one line by itself where it is not said otherwise", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const service = handler({ secrets: secret, baton }, () => {});
  for (let i = 0; i < 3; i += 1) {
    const { headers, url, bytes: body } = callOf(baton, { secrets: [] });
    await service.take({ headers, url, body });
  }
  expect(warn.mock.calls).toEqual([
    ["@baton/sdk: refused a call to /jobs/resize: unsigned: does Baton have WEBHOOK_SIGNING_SECRET?"],
  ]);
});

it("writes a line at most every 10 s, says how many had none, and cuts what strangers send", () => {
  let now = 0;
  const lines: string[] = [];
  const warned = warnings(
    () => now,
    (line) => void lines.push(line),
  );
  for (; now < 25_000; now += 1_000) warned(refusedOf("old", "/work", "k"));
  expect(lines).toEqual([
    "@baton/sdk: refused a call to /work: old",
    "@baton/sdk: refused a call to /work: old (and 9 more since the last such line)",
    "@baton/sdk: refused a call to /work: old (and 9 more since the last such line)",
  ]);
  const long = refusedOf("old", `/${"x".repeat(5_000)}`, "k".repeat(5_000));
  expect([long.path.length, long.key.length]).toEqual([200, 200]);
});

it("writes a line for a report that Baton refused, where it is not said otherwise, and none for what a work throws", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const other = await startBaton();
  other.answer = ({ body }) => (body.status === "Success" ? [401, "unauthorized"] : undefined);
  const service = handler<{ fails: boolean }>({ secrets: secret, baton: other.url }, ({ body }) => {
    if (body.fails) throw new Error("no such table");
  });
  const started = async (fails: boolean) => {
    const { headers, url, bytes: body, task } = callOf(other.url, { body: { fails } });
    await service.take({ headers, url, body });
    return task;
  };
  const task = await started(false);
  await vi.waitFor(() => expect(warn.mock.calls).toHaveLength(1));
  await started(true);
  await service.close(5_000);
  expect(warn.mock.calls).toEqual([[`@baton/sdk: task ${task}: Baton refused (401 unauthorized): unauthorized`]]);
  other.close();
});
