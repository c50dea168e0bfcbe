// What a call looks like, byte for byte, and how an answer is read.
import { describe, expect, it } from "vitest";
import type { WebhookAction } from "#domain/action";
import { handleOf } from "#domain/calls/handle";
import { signatureHeaders } from "#domain/calls/signature";
import {
  type About,
  batchKey,
  cancelKey,
  endKey,
  httpRequest,
  isReservedHeader,
  retryAfterMs,
  startKey,
  withHandle,
  workMessage,
} from "#domain/calls/webhook";
import { version } from "#domain/values/version";

const id = "0197b0a0-0000-7000-8000-000000000000";
const host = "https://baton.example.org/base";
const start: About = {
  settings: { hostUrl: host, handleSecret: undefined, webhookSigningSecret: [] },
  at: new Date("2026-11-23T10:00:00.900Z"),
  key: startKey(id, 0),
  trigger: "start",
  task: id,
  attempt: 0,
  hasRetry: false,
  facts: null,
};
const webhook = (params: Partial<WebhookAction["params"]> = {}): WebhookAction => ({
  kind: "Webhook",
  params: { url: "https://service.example.org/run", verb: "Post", ...params },
});
const headersOf = (list: readonly string[]) =>
  Object.fromEntries(list.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), list[i + 1]]] : [])));

describe("keys and handles", () => {
  it("say what caused them", () => {
    expect([startKey(id, 0), startKey(id, 2)]).toEqual([`${id}:start`, `${id}:start:2`]);
    expect([endKey(id, "success"), endKey(id, "failure", 2)]).toEqual([`${id}:end:success`, `${id}:end:failure#2`]);
    expect([cancelKey(id, 0), cancelKey(id, 3), cancelKey(id, 1, 3)]).toEqual([
      `${id}:cancel`,
      `${id}:cancel:3`,
      `${id}:cancel:1#3`,
    ]);
    expect([batchKey(id), batchKey(id, 1), batchKey(id, 4)]).toEqual([
      `batch:${id}:complete`,
      `batch:${id}:complete`,
      `batch:${id}:complete#4`,
    ]);
  });

  it.each([
    ["http://h/p", "http://h/p?handle=H%3Fa%3D1%261"],
    ["http://h/p?", "http://h/p?handle=H%3Fa%3D1%261"],
    ["http://h/p?a=1&b=%20+%2B&c", "http://h/p?a=1&b=%20+%2B&c&handle=H%3Fa%3D1%261"],
    ["http://h/p?handle=old&a=1", "http://h/p?a=1&handle=H%3Fa%3D1%261"],
    ["http://h/p?a=1&%68andle=old&handle&b=2&handle=x#frag?handle=y", "http://h/p?a=1&b=2&handle=H%3Fa%3D1%261"],
    ["http://h/p?handles=1&%zz=1&xhandle=2", "http://h/p?handles=1&%zz=1&xhandle=2&handle=H%3Fa%3D1%261"],
  ])("are set in the URL %s", (url, expected) => {
    expect(withHandle(url, "H?a=1&1")).toBe(expected);
  });
});

describe("an HTTP call", () => {
  it("starts with the user's body as it is", () => {
    const request = httpRequest(webhook({ body: { b: 1, a: [null, "ü"] }, headers: { "X-Own": "1" } }), start);
    expect(request).toMatchObject({
      origin: "https://service.example.org",
      path: `/run?handle=${encodeURIComponent(`${host}/task/${id}`)}`,
      method: "POST",
      body: '{"b":1,"a":[null,"ü"]}',
    });
    expect(headersOf(request.headers)).toEqual({
      "user-agent": `Baton/${version}`,
      "x-own": "1",
      "content-type": "application/json",
      "idempotency-key": `${id}:start`,
      "x-task-trigger": "start",
      "x-task-id": id,
    });
  });

  it("has a body only where there is one to send", () => {
    for (const verb of ["Post", "Put", "Patch", "Delete"] as const) {
      expect(httpRequest(webhook({ verb }), start)).toMatchObject({ method: verb.toUpperCase(), body: null });
      expect(httpRequest(webhook({ verb, body: {} }), start).body).toBe("{}");
    }
    const get = httpRequest(webhook({ verb: "Get", body: { a: 1 } }), {
      ...start,
      trigger: "end",
      facts: { task_id: id },
    });
    expect(get.body).toBeNull();
    expect(headersOf(get.headers)["content-type"]).toBeUndefined();
  });

  it("lets users set the content type, and nothing of Baton's", () => {
    const headers = { "Content-Type": "text/x", "idempotency-KEY": "mine", "x-task-id": "mine", Host: "evil" };
    const sent = headersOf(httpRequest(webhook({ body: {}, headers }), start).headers);
    expect(sent).toEqual({
      "user-agent": `Baton/${version}`,
      "content-type": "text/x",
      "idempotency-key": `${id}:start`,
      "x-task-trigger": "start",
      "x-task-id": id,
    });
  });

  it("adds what happened under the reserved key, and always the same bytes", () => {
    const facts = { task_id: id, status: "Success", attempt: 1 };
    const about: About = { ...start, key: endKey(id, "success"), trigger: "end", attempt: 1, hasRetry: true, facts };
    const request = httpRequest(webhook({ body: { a: 1, baton: "mine" } }), about);
    const baton = { ...facts, handle: `${host}/task/${id}?attempt=1` };
    expect(request.body).toBe(JSON.stringify({ a: 1, baton }));
    expect(httpRequest(webhook({ body: { a: 1, baton: "mine" } }), about)).toEqual(request);
    expect(request.path).toContain(encodeURIComponent("?attempt=1"));
    expect(httpRequest(webhook(), about).body).toBe(JSON.stringify({ baton }));
  });

  it("has no handle and no task when a batch is complete", () => {
    const about: About = { ...start, key: batchKey(id), trigger: "end", task: null, facts: { batch_id: id } };
    const request = httpRequest(webhook({ url: "http://h:81/done?handle=kept" }), about);
    expect(request).toMatchObject({ origin: "http://h:81", path: "/done?handle=kept" });
    expect(request.body).toBe(JSON.stringify({ baton: { batch_id: id } }));
    expect(headersOf(request.headers)).toEqual({
      "user-agent": `Baton/${version}`,
      "content-type": "application/json",
      "idempotency-key": `batch:${id}:complete`,
      "x-task-trigger": "end",
    });
  });
});

describe("a NATS message", () => {
  const action = {
    kind: "Nats",
    params: { subject: "baton.work.build", body: { a: 1 }, headers: { "X-Own": "1", "Nats-TTL": "1" } },
  } as const;

  it("says the same in its payload", () => {
    const message = workMessage(action, { ...start, hasRetry: true });
    expect(JSON.parse(message.payload)).toEqual({
      task_id: id,
      attempt: 0,
      handle: `${host}/task/${id}?attempt=0`,
      trigger: "start",
      body: { a: 1 },
    });
    expect(headersOf(message.headers)).toEqual({
      "x-own": "1",
      "content-type": "application/json",
      "idempotency-key": `${id}:start`,
      "x-task-trigger": "start",
      "x-task-id": id,
    });
  });

  it("carries the facts of an end, and null for no body", () => {
    const end = workMessage(action, { ...start, trigger: "end", facts: { status: "Failure" } });
    const baton = { status: "Failure", handle: `${host}/task/${id}` };
    expect(JSON.parse(end.payload).body).toEqual({ a: 1, baton });
    expect(
      JSON.parse(workMessage({ kind: "Nats", params: { subject: "baton.work.x" } }, start).payload).body,
    ).toBeNull();
  });
});

describe("secrets", () => {
  const settings = {
    ...start.settings,
    handleSecret: "h",
    webhookSigningSecret: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", `whsec_${btoa("k".repeat(24))}`],
  };
  const body = { b: "ü" };

  it("sign handles, in calls and in messages alike", () => {
    const about = { ...start, settings, hasRetry: true, attempt: 2 };
    const handle = handleOf(settings, id, 2, true);
    expect(handle).toMatch(/\?attempt=2&sig=[\w-]{43}$/);
    expect(httpRequest(webhook(), about).path).toBe(`/run?handle=${encodeURIComponent(handle)}`);
    const message = workMessage({ kind: "Nats", params: { subject: "baton.work.x" } }, about);
    expect(JSON.parse(message.payload).handle).toBe(handle);
  });

  it("sign the handle with the body that carries it", () => {
    const facts = { task_id: id, attempt: 2 };
    const about = { ...start, settings, trigger: "end" as const, hasRetry: true, attempt: 2, facts };
    const handle = handleOf(settings, id, 2, true);
    const request = httpRequest(webhook({ body }), about);
    expect(JSON.parse(request.body ?? "").baton).toEqual({ ...facts, handle });
    expect(headersOf(request.headers)["webhook-signature"]).toBe(
      signatureHeaders(settings.webhookSigningSecret, about.key, about.at, request.body ?? "")[5],
    );
  });

  it("sign exactly what is sent, and win over headers of that name", () => {
    const about = { ...start, settings, trigger: "end" as const, facts: { task_id: id } };
    const request = httpRequest(webhook({ body, headers: { "webhook-id": "mine" } }), about);
    const message = workMessage({ kind: "Nats", params: { subject: "baton.work.x", body } }, about);
    const none = httpRequest(webhook({ verb: "Get" }), about);
    for (const [text, headers] of [
      [request.body, request.headers],
      [message.payload, message.headers],
      ["", none.headers],
    ] as const)
      expect(headers.slice(-6)).toEqual(
        signatureHeaders(settings.webhookSigningSecret, about.key, about.at, text as string),
      );
    expect(headersOf(request.headers)["webhook-id"]).toBe(about.key);
  });

  it("give a repetition a new time and the same id and bytes", () => {
    const [first, again] = [0, 60_000].map((ms) =>
      httpRequest(webhook({ body }), { ...start, settings, at: new Date(start.at.getTime() + ms) }),
    );
    const [a, b] = [headersOf(first?.headers ?? []), headersOf(again?.headers ?? [])];
    expect([a["webhook-id"], a["webhook-timestamp"], first?.body]).toEqual([
      startKey(id, 0),
      "1795428000",
      again?.body,
    ]);
    expect([b["webhook-id"], b["webhook-timestamp"]]).toEqual([startKey(id, 0), "1795428060"]);
    expect(a["webhook-signature"]).not.toBe(b["webhook-signature"]);
  });
});

describe("Retry-After", () => {
  const now = new Date("2026-11-23T10:00:00.250Z");
  it.each([
    ["0", 0],
    ["7", 7_000],
    [" 7 ", 7_000],
    ["999999", 3_600_000],
    ["99999999999999999999", 3_600_000],
    ["Mon, 23 Nov 2026 10:00:10 GMT", 9_750],
    ["Monday, 23-Nov-26 10:00:10 GMT", 9_750],
    ["Mon Nov 23 10:00:10 2026 GMT", 9_750],
    ["Mon, 23 Nov 2026 09:00:00 GMT", 0],
    ["Tue, 24 Nov 2026 10:00:10 GMT", 3_600_000],
    ["", null],
    ["1.5", null],
    ["-1", null],
    ["soon", null],
    ["Monday morning", null],
    ["2026-11-23T10:00:10Z", null],
    [null, null],
  ])("%j", (value, ms) => {
    expect(retryAfterMs(value, now)).toBe(ms);
  });
});

it("reserved headers are known in any case", () => {
  for (const name of [
    "Host",
    "CONTENT-LENGTH",
    "te",
    "Webhook-Id",
    "x-task-anything",
    "Idempotency-Key",
    "Nats-Msg-Id",
  ])
    expect(isReservedHeader(name)).toBe(true);
  for (const name of ["Content-Type", "Authorization", "X-Own"]) expect(isReservedHeader(name)).toBe(false);
});
