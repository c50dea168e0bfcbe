// Headers that an action may carry, and those it may not.
import { expect, it } from "vitest";
import { readAction } from "#domain/schema/action";
import { Faults } from "#domain/schema/decode";
import { strict } from "#test/policy";

function told(headers: string): readonly string[] {
  const faults = new Faults();
  const action = JSON.parse(`{"kind":"Webhook","params":{"url":"http://h/","verb":"Post","headers":${headers}}}`);
  readAction(action, "", strict, faults);
  return faults.list;
}

const own = "is set by Baton or by the connection itself";

it.each([
  "Host",
  "Content-Length",
  "Transfer-Encoding",
  "Connection",
  "Keep-Alive",
  "Proxy-Connection",
  "Proxy-Authorization",
  "Upgrade",
  "TE",
  "Trailer",
  "Expect",
  "webhook-id",
  "Webhook-Signature",
  "webhook-anything",
  "Idempotency-Key",
  "X-Task-Id",
  "x-task-anything",
  "Nats-Msg-Id",
])("%s is refused", (name) => {
  for (const spelt of [name, name.toLowerCase(), name.toUpperCase()])
    expect(told(`{"${spelt}":"1"}`)).toEqual([expect.stringMatching(new RegExp(`${spelt}.*: ${own}`))]);
});

it.each<[string, string, RegExp]>([
  ["a line feed", '{"a":"x\\ny: z"}', /headers\.a: must hold printable/],
  ["a carriage return", '{"a":"x\\ry"}', /headers\.a: must hold printable/],
  ["NUL", '{"a":"x\\u0000"}', /headers\.a: must hold printable/],
  ["what is not Latin-1", '{"a":"€"}', /headers\.a: must hold printable/],
  ["a value over 4 kB", `{"a":"${"x".repeat(4097)}"}`, /headers\.a: must have at most 4096 characters/],
  ["__proto__", '{"__proto__":"x"}', /__proto__: is not a header name/],
  ["a blank in a name", '{"a b":"x"}', /headers\["a b"\]: is not a header name/],
  ["no name", '{"":"x"}', /is not a header name/],
  ["a colon in a name", '{"a:":"x"}', /is not a header name/],
  ["two of one name", '{"A":"x","a":"y"}', /headers\.a: is named twice/],
  [
    "more than 32",
    JSON.stringify(Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`h${i}`, ""]))),
    /params\.headers: must have at most 32 entries/,
  ],
])("%s is refused", (_, headers, says) => {
  expect(told(headers).join("\n")).toMatch(says);
});

it("others are the user's own", () => {
  const mine = { Authorization: "Bearer x", "Content-Type": "text/x", Cookie: "a=b", "X-Own": `\t${"x".repeat(4095)}` };
  expect(told(JSON.stringify(mine))).toEqual([]);
  expect(told(JSON.stringify(Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`h${i}`, ""]))))).toEqual([]);
});
