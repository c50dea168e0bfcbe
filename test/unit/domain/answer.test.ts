// What a service may answer to a start call: everything that is not exactly an action is ignored, and says why where it
// was meant as one. And what is kept of an answer to be read later.
import { describe, expect, it } from "vitest";
import type { Action } from "#domain/action";
import { actionIn, beginningOf, resultIn } from "#domain/answer";
import { tidyAction } from "#domain/schema/action";
import { strict } from "#test/policy";

describe("an action in a start's answer", () => {
  const url = "https://service.example.org/stop";
  it.each([
    { kind: "Webhook", params: { url, verb: "Post" } },
    {
      kind: "Webhook",
      params: { url, verb: "Delete", body: { run: 7 }, headers: { "X-A": "1" }, completes: "on_callback" },
    },
    { kind: "Webhook", params: { url, verb: "Get", body: null, headers: null } },
    { kind: "Nats", params: { subject: "baton.work.stop.now", body: {} } },
  ])("is taken: %j", (action) => {
    expect(actionIn(` ${JSON.stringify(action)}`, strict)).toEqual({ action: tidyAction(action as Action) });
  });

  const params = { url, verb: "Post" };
  it.each([
    null,
    "",
    "ok",
    "[]",
    "null",
    '{"kind":',
    '{"ok":true}',
    ...[
      { kind: "Webhook" },
      { kind: "Webhook", params: [] },
      { kind: "Mail", params },
      { kind: "constructor", params: {} },
      { kind: "Webhook", params, more: 1 },
      { kind: "Webhook", params: { ...params, more: 1 } },
      { kind: "Webhook", params: { url } },
      { kind: "Webhook", params: { url, verb: "POST" } },
      { kind: "Webhook", params: { url, verb: "toString" } },
      { kind: "Webhook", params: { ...params, url: "ftp://h/" } },
      { kind: "Webhook", params: { ...params, url: "http://u:p@h/" } },
      { kind: "Webhook", params: { ...params, url: "http://h/a b" } },
      { kind: "Webhook", params: { ...params, url: "http:\\\\h/" } },
      { kind: "Webhook", params: { ...params, body: [1] } },
      { kind: "Webhook", params: { ...params, body: "x" } },
      { kind: "Webhook", params: { ...params, body: { a: "\0" } } },
      { kind: "Webhook", params: { ...params, body: { a: "\ud800" } } },
      { kind: "Webhook", params: { ...params, headers: { "X-Task-Id": "1" } } },
      { kind: "Webhook", params: { ...params, headers: { "X-A": "1\r\nX-B: 2" } } },
      { kind: "Webhook", params: { ...params, headers: { "X A": "1" } } },
      { kind: "Webhook", params: { ...params, headers: { "X-A": 1 } } },
      { kind: "Webhook", params: { ...params, completes: "on_response" } },
      { kind: "Nats", params: { subject: "baton.work" } },
      { kind: "Nats", params: { subject: "baton.work.*" } },
      { kind: "Nats", params: { subject: "baton.work.a.>" } },
      { kind: "Nats", params: { subject: "baton.work..a" } },
      { kind: "Nats", params: { subject: "baton.task.x" } },
    ].map((value) => JSON.stringify(value)),
    '{"kind":"Webhook","params":{"url":"http://h/","verb":"Post","body":{"__proto__":{}}}}',
    `{"kind":"Webhook","params":{"url":"http://h/","verb":"Post","body":${'{"a":'.repeat(40)}1${"}".repeat(40)}}}`,
  ])("is ignored: %s", (body) => {
    expect(actionIn(body, strict).action).toBeUndefined();
  });
});

it("an answer that is the report becomes the result only where it is a JSON object", () => {
  expect(resultIn('{"rows":7}')).toEqual({ rows: 7 });
  for (const body of [null, "", "[1]", "7", "nonsense", '{"a":"\\u0000"}']) expect(resultIn(body)).toBeNull();
});

it("an ignored action says what is wrong with it, an ordinary answer says nothing", () => {
  const action = { kind: "Webhook", params: { url: "ftp://h/", verb: "Post" } };
  expect(actionIn(JSON.stringify(action), strict).ignored).toMatch(/params\.url: must be a URL/);
  expect(actionIn('{"ok":true}', strict)).toEqual({});
});

describe("the beginning of an answer", () => {
  it.each<[string | null, number, string | null]>([
    [null, 8, null],
    ["", 8, ""],
    ["eight888", 8, "eight888"],
    ["nine 9999", 8, "nine 999"],
    ["seven77ü", 8, "seven77"],
    ["six666ü!", 8, "six666ü"],
    ["€€€", 8, "€€"],
    ["😀😀😀", 7, "😀"],
    ["a\0b\0", 8, "ab"],
    ["\ud800a\udc00😀", 64, "a😀"],
  ])("%j in %i bytes is %j", (body, bytes, kept) => {
    expect(beginningOf(body, bytes)).toBe(kept);
  });
});
