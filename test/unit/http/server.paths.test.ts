// What the server makes of a path that is none, holds no id, or is known for other methods.
import { describe, expect, it } from "vitest";
import { refused } from "#test/refused";
import { fakeServer } from "./fakes.ts";

const id = "019B0000-0000-7000-8000-00000000000A";
const { app } = await fakeServer();

describe("a path", () => {
  it.each(["/nope", `/task/${id}/nope`, `/batch/${id}/stop`, "/Task"])("%s is unknown", async (url) => {
    const answer = await app.inject(url);
    expect([answer.statusCode, answer.json().error]).toEqual([404, "No such route"]);
  });

  it.each([
    ["GET", "/tasks", "/task"],
    ["POST", "/tasks", "/task"],
    ["GET", `/tasks/${id}/events`, `/task/${id}/events`],
    ["GET", `/batches/${id}`, `/batch/${id}`],
    ["GET", "/batch", "/batches"],
    ["GET", "/Task", "/task"],
    ["GET", "/webhook-delivery", undefined],
    ["GET", `/tasks/${id}/nope`, undefined],
  ] as const)("%s %s says which one was meant: %s", async (method, url, near) => {
    const answer = await app.inject({ method, url });
    const details = near === undefined ? `${method} ${url}` : `${method} ${url}; did you mean ${near}?`;
    expect(answer.json().details).toEqual([details]);
  });

  it.each([
    ["x", "x"],
    ["%00", "\0"],
    [`${id}0`, `${id}0`],
    ["x".repeat(3000), `${"x".repeat(60)}…`],
    ["..%2f", "../"],
  ])("with the id %s is 400", async (wrong, shown) => {
    const message = `must be a UUID, not ${JSON.stringify(shown)}`;
    for (const url of [`/task/${wrong}`, `/task/${wrong}/events`, `/batch/${wrong}`, `/dag/${wrong}`]) {
      const answer = await app.inject(url);
      expect([answer.statusCode, answer.json()]).toEqual([
        400,
        refused("invalid_id", "Invalid id", {
          details: [`id: ${message}`],
          faults: [{ path: ":id", code: "invalid_format", message }],
        }),
      ]);
    }
  });

  it.each(["/task/%zz", "/nope/%ff%", "/batch/%c3/tasks"])("with a broken escape is 400: %s", async (url) => {
    const answer = await app.inject(url);
    const message = "is no percent-encoded UTF-8";
    expect([answer.statusCode, answer.json()]).toEqual([
      400,
      refused("validation_failed", "Malformed URL", {
        details: [`path: ${message}`],
        faults: [{ path: ":path", code: "invalid_format", message }],
      }),
    ]);
  });

  it.each([
    ["GET", "/webhook-deliveries/replay", "POST"],
    ["HEAD", "/webhook-deliveries/replay", "POST"],
    ["DELETE", "/webhook-deliveries/replay", "POST"],
    ["POST", "/docs", "GET, HEAD"],
    ["DELETE", "/view", "GET, HEAD"],
    ["DELETE", "/task", "POST, GET, HEAD"],
  ] as const)("takes %s %s for another method of what it names", async (method, url, allow) => {
    const answer = await app.inject({ method, url });
    expect([answer.statusCode, answer.headers.allow]).toEqual([405, allow]);
    if (method !== "HEAD") expect(answer.json().code).toBe("method_not_allowed");
  });
});
