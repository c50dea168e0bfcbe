// Bodies that are not JSON, and the name that a call gives itself.
import { describe, expect, it } from "vitest";
import type { WebhookAction } from "#domain/action";
import { type About, httpRequest } from "#domain/calls/webhook";
import { version } from "#domain/values/version";

const start: About = {
  ...{ settings: { hostUrl: "http://baton", handleSecret: undefined, webhookSigningSecret: [] }, at: new Date(0) },
  ...{ key: "t:start", trigger: "start", task: "t", attempt: 0, hasRetry: false, facts: null },
};
const webhook = (params: object): WebhookAction => ({
  kind: "Webhook",
  params: { url: "https://service.example.org/run", verb: "Post", ...params },
});

describe("an HTTP call", () => {
  it.each<[string, Record<string, string>, unknown, string]>([
    ["a text as it is", { "Content-Type": "application/x-www-form-urlencoded" }, "a=1&b=2", "a=1&b=2"],
    ["a text as it is", { "content-type": "text/plain; charset=utf-8" }, 'say "ü"', 'say "ü"'],
    ["a text as it is", { "CONTENT-TYPE": "application/jsonlines" }, '{"a":1}', '{"a":1}'],
    ["a text as it is", { "content-type": "text/plain" }, "", ""],
    ["JSON", {}, "a=1", '"a=1"'],
    ["JSON", { "content-type": "application/json" }, "a=1", '"a=1"'],
    ["JSON", { "Content-Type": "Application/JSON; charset=utf-8" }, "a=1", '"a=1"'],
    ["JSON", { "content-type": "application/cloudevents+json" }, "a=1", '"a=1"'],
    ["JSON", { "content-type": "text/plain" }, { a: 1 }, '{"a":1}'],
    ["JSON", { "content-type": "text/plain" }, 7, "7"],
    ["JSON", { "content-type": "text/plain" }, ["a"], '["a"]'],
  ])("sends %s under %j: %j", (_, headers, body, text) => {
    const request = httpRequest(webhook({ headers, body }), start);
    expect(request.body).toBe(text);
    const types = request.headers.filter((_name, i) => /^content-type$/i.test(request.headers[i - 1] ?? ""));
    expect(types).toEqual([Object.values(headers)[0] ?? "application/json"]);
  });

  it("leaves the name of the agent to its user", () => {
    const sent = httpRequest(webhook({ headers: { "user-AGENT": "mine" } }), start).headers;
    expect(sent.filter((name) => /^user-agent$/i.test(name))).toEqual(["user-AGENT"]);
    expect(sent[sent.indexOf("user-AGENT") + 1]).toBe("mine");
    const own = httpRequest(webhook({}), start).headers;
    expect(own[own.indexOf("User-Agent") + 1]).toBe(`Baton/${version}`);
  });
});
