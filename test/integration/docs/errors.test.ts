// The examples of docs/reference/errors.md are what a real Baton answers: each fault, and each error that a call can cause.
import { createHash, randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { until } from "#test/until";
import { errorWords } from "../../../scripts/errors/codes.ts";
import { faultWords } from "../../../scripts/errors/faults.ts";

const token = "token-of-this-test";
let open: Cluster;
let guarded: Cluster;
beforeAll(async () => {
  const hash = createHash("sha256").update(token).digest("hex");
  [open, guarded] = await Promise.all([
    startCluster({ together: true }),
    startCluster({ workers: 0, env: { AUTH_TOKENS: `reader:read:${hash}`, MAX_UNFINISHED_TASKS: "1" } }),
  ]);
});

interface Refused {
  readonly error: string;
  readonly code: string;
  readonly details: readonly string[];
  readonly faults: readonly { readonly code: string }[];
}

/** `body`: a text is sent as it is. */
async function ask(url: string, call: string, body?: unknown, headers: Record<string, string> = {}) {
  const [method = "", path = ""] = call.split(" ");
  const sent = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
  const type = body === undefined ? {} : { "content-type": "application/json" };
  const answer = await fetch(url + path, { method, headers: { ...type, ...headers }, ...sent });
  return { status: answer.status, body: (await answer.json().catch(() => ({}))) as Refused };
}

it.each(Object.entries(faultWords))(
  "shows the fault %s as it is",
  async (code, { call = "POST /task", sent, says }) => {
    const { status, body } = await ask(open.url, call, sent);
    expect([status, body.details]).toEqual([400, [says]]);
    expect(body.faults.map((fault) => fault.code)).toEqual([code]);
  },
);

const wait = (more: object = {}) => ({
  id: "a",
  name: "A",
  kind: "k",
  on_start: { kind: "Wait", params: {} },
  ...more,
});
async function created(...tasks: object[]) {
  const answer = await open.call("POST", "/task", tasks);
  return { batch: String(answer.headers.get("x-batch-id")), task: (answer.body as { id: string }[])[0]?.id ?? "" };
}
const running = (task: string) => until(async () => (await open.status(task)) === "Running");

describe("shows the error as it is:", () => {
  const shown = (code: keyof typeof errorWords, { status, body }: { status: number; body: Refused }) => {
    const { error, details } = errorWords[code];
    expect([body.code, body.error]).toEqual([code, error]);
    expect(status).toBeGreaterThanOrEqual(400);
    if (details) expect(body.details).toEqual(details);
  };
  const asWritten = ["invalid_id", "unknown_task", "unknown_batch", "unknown_delivery", "unknown_schedule"] as const;
  const more = ["unknown_bulk", "unknown_dead_letter", "unknown_route", "method_not_allowed"] as const;

  it.each([...asWritten, ...more])("%s", async (code) => shown(code, await ask(open.url, errorWords[code].call)));

  it("malformed_json, validation_failed, unsupported_media_type, body_too_large", async () => {
    const call = errorWords.malformed_json.call;
    shown("malformed_json", await ask(open.url, call, '[{"id": "a'));
    const wrong = [
      { id: "a", kind: "k" },
      { id: "b", name: "B", kind: "k", dependencies: [{ id: "ghost" }] },
    ];
    shown("validation_failed", await ask(open.url, call, wrong));
    shown("unsupported_media_type", await ask(open.url, call, "[]", { "content-type": "text/plain" }));
    shown("body_too_large", await ask(open.url, call, JSON.stringify("x".repeat(2_100_000))));
  });

  it("not_in_this_state, wrong_attempt, batch_complete, batch_not_complete", async () => {
    const { batch, task } = await created(wait());
    await running(task);
    shown("wrong_attempt", await ask(open.url, `PATCH /task/${task}?attempt=3`, { status: "Success" }));
    shown("batch_not_complete", await ask(open.url, `POST /batch/${batch}/rerun`));
    await ask(open.url, `DELETE /task/${task}`);
    shown("not_in_this_state", await ask(open.url, `PATCH /task/${task}`, { status: "Success" }));
    shown("batch_complete", await ask(open.url, `POST /batch/${batch}/tasks`, [wait({ id: "b" })]));
  });

  it("key_reused", async () => {
    const headers = { "idempotency-key": randomUUID() };
    await ask(open.url, "POST /task", [wait()], headers);
    shown("key_reused", await ask(open.url, "POST /task", [wait({ name: "other" })], headers));
  });

  it("unauthorized, forbidden", async () => {
    shown("unauthorized", await ask(guarded.url, errorWords.unauthorized.call));
    const headers = { authorization: `Bearer ${token}` };
    shown("forbidden", await ask(guarded.url, errorWords.forbidden.call, undefined, headers));
  });
});
