// What becomes of a request body before anybody looks at what it says: types, codings, charsets, JSON that is none.
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { refused } from "#test/refused";
import { fakeServer } from "./fakes.ts";

const id = "019B0000-0000-7000-8000-00000000000A";
const { app, asked, json } = await fakeServer({ PAYLOAD_MAX_BYTES: "4096" });

describe("a body", () => {
  it.each<[string, number, string | Buffer, string | undefined]>([
    ["that is no JSON", 400, "{", "application/json"],
    ["that is empty", 400, "", "application/json"],
    ["that is not UTF-8", 400, Buffer.from([0x22, 0xff, 0x22]), "application/json"],
    ["with __proto__", 400, '{"status":"Success","__proto__":{}}', "application/json"],
    ["with NUL", 400, '{"status":"Failure","failure_reason":"\\u0000"}', "application/json"],
    ["that is too deep", 400, `{"result":${"[".repeat(40)}${"]".repeat(40)}}`, "application/json"],
    ["that is too long", 413, JSON.stringify({ result: "x".repeat(5000) }), "application/json"],
    ["of another type", 415, '{"status":"Success"}', "text/plain"],
    ["of a type that only begins right", 415, '{"status":"Success"}', "application/jsonx"],
    ["of a JSON dialect", 415, '{"status":"Success"}', "application/vnd.api+json"],
    ["in another charset", 415, '{"status":"Success"}', "application/json; charset=latin1"],
    ["of no type", 415, '{"status":"Success"}', undefined],
    ["of a type that is none", 415, '{"status":"Success"}', ";"],
    ["with a number that would change", 400, '{"result":9007199254740993}', "application/json"],
  ])("%s is %i", async (_what, status, payload, type) => {
    const before = asked.length;
    const answer = await app.inject({
      method: "PATCH",
      url: `/task/${id}`,
      payload,
      ...(type === undefined ? {} : { headers: { "content-type": type } }),
    });
    expect([answer.statusCode, answer.body]).toEqual([
      status,
      expect.stringMatching(/^\{"error":".+","code":"\w+","details":\[.*\],"faults":\[/),
    ]);
    expect(asked).toHaveLength(before);
  });

  it("with a content coding is 415", async () => {
    const gzip = await app.inject({
      ...{ method: "PATCH", url: `/task/${id}`, payload: gzipSync('{"status":"Success"}') },
      headers: { "content-type": "application/json", "content-encoding": "gzip" },
    });
    expect([gzip.statusCode, gzip.json()]).toEqual([
      415,
      refused("unsupported_media_type", "The body must not have a content coding", {
        details: ['Content-Encoding: must be left out, not "gzip"'],
        faults: [{ path: "header:Content-Encoding", code: "not_allowed", message: 'must be left out, not "gzip"' }],
      }),
    ]);
    const plain = await json("PATCH", `/task/${id}`, { status: "Success" }, { "content-encoding": "identity" });
    expect(plain.statusCode).toBe(200);
  });

  it.each([
    ["text/plain", 'must be application/json in UTF-8, not "text/plain"'],
    [undefined, "must be application/json in UTF-8"],
  ])("of the type %s is 415, which says so", async (type, message) => {
    const answer = await app.inject({
      ...{ method: "PATCH", url: `/task/${id}`, payload: '{"status":"Success"}' },
      ...(type === undefined ? {} : { headers: { "content-type": type } }),
    });
    expect([answer.statusCode, answer.json()]).toEqual([
      415,
      refused("unsupported_media_type", "Content type must be application/json", {
        details: [`Content-Type: ${message}`],
        faults: [{ path: "header:Content-Type", code: "not_allowed", message }],
      }),
    ]);
  });

  it.each([
    ["POST", "/task"],
    ["PATCH", `/task/${id}`],
    ["PUT", `/task/${id}`],
    ["POST", `/task/${id}/override`],
    ["POST", `/batch/${id}/tasks`],
    ["POST", `/task/${id}/tasks`],
    ["PATCH", `/batch/${id}/rules`],
    ["POST", "/webhook-deliveries/replay"],
  ] as const)("that is missing or empty is no JSON: %s %s", async (method, url) => {
    const headers = { "content-type": "application/json" };
    for (const sent of [{}, { headers, payload: "" }, { headers, payload: " \n" }, { headers, payload: "\ufeff" }]) {
      const answer = await app.inject({ method, url, ...sent });
      expect([answer.statusCode, answer.json()]).toEqual([
        400,
        refused("malformed_json", "Malformed JSON", {
          details: ["body: is empty"],
          faults: [{ path: "", code: "empty", message: "is empty" }],
        }),
      ]);
    }
  });

  it("may be left out where it may say nothing", async () => {
    const empty = { headers: { "content-type": "application/json" }, payload: "" };
    for (const sent of [{}, empty])
      expect((await app.inject({ method: "POST", url: `/batch/${id}/rerun`, ...sent })).json().code).not.toBe(
        "malformed_json",
      );
  });

  it("of a call that reads is refused, not ignored: it may be a filter", async () => {
    const headers = { "content-type": "application/json" };
    for (const [url, sent] of [
      ["/task", { headers, payload: '{"status":"Running"}' }],
      ["/task", { payload: "status=Running" }],
      [`/task/${id}`, { headers, payload: "{" }],
      ["/batches", { headers: { ...headers, "transfer-encoding": "chunked" }, payload: "{}" }],
    ] as const) {
      const answer = await app.inject({ method: "GET", url, ...sent });
      expect([answer.statusCode, answer.json().faults]).toEqual([
        400,
        [{ path: "", code: "unknown_field", message: "this call takes no body" }],
      ]);
    }
    for (const sent of [{ headers }, { headers: { "content-length": "0" } }])
      expect((await app.inject({ method: "GET", url: "/task?page=x", ...sent })).json().details).toHaveLength(1);
    expect((await app.inject({ method: "GET", url: "/health", headers, payload: "{}" })).statusCode).toBe(200);
  });

  it("may begin with a byte order mark", async () => {
    expect((await json("PATCH", `/task/${id}`, '\ufeff{"status":"Success"}')).statusCode).toBe(200);
  });

  it("that is a bare array of tasks has its faults named as tasks, whichever check finds them", async () => {
    const numbers = await json("POST", "/task", '[{"id":"a","metadata":{"n":1152921504606846976}}]');
    expect(numbers.json()).toMatchObject({
      code: "validation_failed",
      details: [
        expect.stringMatching(/^tasks\[0\]\.metadata\.n: 1152921504606846976 would be kept as /),
        ...["tasks[0].name: is required", "tasks[0].kind: is required"],
      ],
      faults: ["/0/metadata/n", "/0/name", "/0/kind"].map((path) => ({ path })),
    });
  });

  it("may name its charset", async () => {
    const answer = await json("PATCH", `/task/${id}`, '{"status":"Success"}', {
      "content-type": "Application/JSON; Charset=UTF-8",
    });
    expect(answer.statusCode).toBe(200);
  });
});
