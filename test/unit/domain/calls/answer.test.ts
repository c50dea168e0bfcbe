// What a service may answer to a start call: everything that is not exactly an action is ignored, and says why where it
// was meant as one. And what is kept of an answer to be read later.
import { describe, expect, it } from "vitest";
import type { Action, WebhookAction } from "#domain/action";
import { type AnswerBody, actionIn, beginningOf, resultIn, wordsIn } from "#domain/calls/answer";
import { tidyAction } from "#domain/schema/action";
import { strict } from "#test/policy";

const whole = (body: string | null): AnswerBody => ({ body, part: null, isCut: false });

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
    expect(actionIn(whole(` ${JSON.stringify(action)}`), strict)).toEqual({ action: tidyAction(action as Action) });
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
    expect(actionIn(whole(body), strict).action).toBeUndefined();
  });
});

describe("an answer that is the report", () => {
  it.each([
    ['{"rows":7}', { rows: 7 }],
    [' \r\n{"a":{}}\n', { a: {} }],
    ['\ufeff{"a":1}', { a: 1 }],
    ['{"n":1152921504606847000,"x":0.10000000000000001,"big":"9007199254740993"}', null],
    [`{"a":"${"x".repeat(65_528)}"}`, null],
  ])("is the result where it is a JSON object: %.60s", (body, result) => {
    const kept = result ?? JSON.parse(body);
    expect(resultIn(whole(body))).toEqual({ result: kept });
  });

  it.each([null, "", "[1]", "7", "null", '"text"', "nonsense", "{nonsense", '{"a":', "{'a':1}", '{"a":1} 2', "\ufeff"])(
    "is no result, and nothing to speak of, where it is anything else: %j",
    (body) => expect(resultIn(whole(body))).toEqual({ result: null }),
  );

  it.each<[string, AnswerBody, RegExp]>([
    ["NUL", whole('{"a":["x\\u0000"]}'), /^a\[0\]: holds a NUL character$/],
    ["a lone surrogate", whole('{"a":"\\ud800"}'), /^a: holds half of a surrogate pair$/],
    ["a lone surrogate in a name", whole('{"\\udc00":1}'), /its name holds half/],
    ["__proto__", whole('{"a":{"__proto__":{}}}'), /^a\.__proto__: is not allowed as a name$/],
    ["too deep", whole(`${'{"a":'.repeat(33)}1${"}".repeat(33)}`), /nested over 32 levels/],
    [
      "a number that would change",
      whole('{"id":9007199254740993}'),
      /^id: 9007199254740993(.0)? would be kept as 9007199254740992/,
    ],
    [
      "the same with a point",
      whole('{"id":9007199254740993.0}'),
      /^id: 9007199254740993(.0)? would be kept as 9007199254740992/,
    ],
    ["a number beyond all", whole('{"a":1e999}'), /^a: is too large a number$/],
    ["after a byte order mark", whole('\ufeff{"a":1e999}'), /^a: is too large a number$/],
    ["several", whole('{"a":"\\u0000","b":1e999}'), /^a: .*; b: /],
    ["over 64 KB", { body: '{"a":"xx', part: null, isCut: true }, /^body: takes more than 65536 bytes$/],
    ["over a megabyte", { body: null, part: '{"a":"xx', isCut: true }, /^body: takes more than 65536 bytes$/],
    ["broken off", { body: null, part: '{"a":"xx', isCut: false }, /^body: its end did not arrive$/],
  ])("says why a JSON object is not kept: %s", (_, answer, says) => {
    const { result, ignored } = resultIn(answer);
    expect([result, ignored]).toEqual([null, expect.stringMatching(says)]);
  });

  it("says so in bounded words", () => {
    const many = `{${Array.from({ length: 100 }, (_, i) => `"${"k".repeat(90)}${i}":1e999`).join()}}`;
    expect(resultIn(whole(many)).ignored?.length).toBe(500);
  });
});

it("an action that is cut off, or holds what is refused, says so", () => {
  const text = '{"kind":"Webhook","params":{"url":"http://h/","verb":"Post","body":{"a":"\\u0000"}}}';
  expect(actionIn(whole(text), strict)).toEqual({ ignored: "params.body.a: holds a NUL character" });
  const cut = { body: null, part: text.slice(0, 60), isCut: false };
  expect(actionIn(cut, strict)).toEqual({ ignored: "body: its end did not arrive" });
  expect(actionIn({ body: null, part: '{"ok":', isCut: false }, strict)).toEqual({});
});

it("an action may say that it is one of a cancel, and nothing else", () => {
  const action = { kind: "Webhook", params: { url: "http://service.example.org/", verb: "Post" } };
  const sent = (trigger: unknown) => actionIn(whole(JSON.stringify({ ...action, trigger })), strict);
  expect([sent("Cancel"), sent(null)]).toEqual([{ action }, { action }]);
  for (const trigger of ["Start", "End"])
    expect(sent(trigger)).toEqual({ ignored: `trigger: must be Cancel here, or left out, not "${trigger}"` });
  expect(sent("cancel").ignored).toMatch(/^trigger: must be one of Start, End, Cancel/);
});

it("an ignored action says what is wrong with it, an ordinary answer says nothing", () => {
  const action = { kind: "Webhook", params: { url: "ftp://h/", verb: "Post" } };
  expect(actionIn(whole(JSON.stringify(action)), strict).ignored).toMatch(/params\.url: must be a URL/);
  expect(actionIn(whole('{"ok":true}'), strict)).toEqual({});
});

describe("the beginning of an answer", () => {
  const plain: WebhookAction = { kind: "Webhook", params: { url: "https://service.example.org/end", verb: "Post" } };
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
    expect(beginningOf({ body, part: null }, plain, bytes)).toBe(kept);
    expect(beginningOf({ body: null, part: body }, plain, bytes)).toBe(kept);
  });

  it("does not repeat what the action sent in a header or its query, nor what may be another secret", () => {
    const url = "https://service.example.org/end?team=v3ry%20private";
    const sent = { ...plain, params: { ...plain.params, url, headers: { "x-key": "t0p-secret" } } };
    const body = '{"seen":"t0p-secret","of":"v3ry private","url":"/end?sig=abc&x=1"}';
    expect(beginningOf({ body, part: null }, sent, 99)).toBe('{"seen":"***","of":"***","url":"/end?sig=***&x=1"}');
    expect(beginningOf({ body, part: null }, plain, 99)).toContain("t0p-secret");
  });
});

describe("what a service says to a start that it refuses", () => {
  const params = { url: "https://service.example.org/run", verb: "Post" } as const;
  const headers = { authorization: "Bearer abcdef123", "x-team": "data", accept: "application/json" };
  const action = { kind: "Webhook", params: { ...params, headers } } as const;
  const said = (body: string | null, part: string | null = null) => wordsIn({ body, part }, action);

  it.each([
    ["no body", null, null],
    ["blanks", " \r\n\t", null],
    ["bytes that are no text", "\ufffd\ufffdPNG", null],
    ["JSON", '{ "error": "disk full" }', '{ "error": "disk full" }'],
    ["lines", "disk\r\n  full\u0000\u001b[31m\u202e", "disk full [31m"],
    ["a page", "<html><style>p{}</style><h1>502 Bad Gateway</h1><hr>nginx</html>", "502 Bad Gateway nginx"],
    ["a header that was sent", "who is Bearer abcdef123?", "who is ***?"],
    ["the token in it", '{"token_seen":"abcdef123"}', '{"token_seen":"***"}'],
    ["a header that is no secret", "takes application/json of data", "takes application/json of data"],
    [
      "the signature of a handle",
      "bad handle http://b/task/1?attempt=0&sig=a1b2c3",
      "bad handle http://b/task/1?attempt=0&sig=***",
    ],
    ["the same encoded", "handle=http%3A%2F%2Fb%3Fsig%3Da1b2c3", "handle=http%3A%2F%2Fb%3Fsig%3D***"],
    ["a member that names a secret", '{"api_key":"k1","why":"no"}', '{"api_key":"***","why":"no"}'],
    ["a password in an address", "connect to postgres://u:pw@db/x", "connect to postgres://***@db/x"],
    ["a signed call", "bad signature v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=", "bad signature v1,***"],
  ])("is, of %s, its words alone", (_, body, words) => {
    expect(said(body)).toBe(words);
  });

  it("has at most 200 characters, and no half of a character or of a secret", () => {
    expect(said("x".repeat(300))).toBe(`${"x".repeat(199)}…`);
    expect([...(said("😀".repeat(300)) ?? "")]).toHaveLength(200);
    expect(said(null, `${" ".repeat(4_080)}why Bearer abcdef123`)).toBe("why Bearer");
  });
});
