// The batch of a schedule for those who may not operate: no value of a header is left, and nothing else is changed.
import { expect, it } from "vitest";
import { maskedBatch } from "#domain/schedules/masked";

const action = (headers?: object) => ({
  kind: "Webhook",
  params: { url: "https://service.example.com/", ...(headers ? { headers } : {}) },
});
const secret = action({ authorization: "secret", "x-key": "secret" });
const hidden = action({ authorization: "***", "x-key": "***" });
const task = (one: object) => ({
  ...{ id: "a", name: "A", kind: "k", metadata: { headers: { "x-key": "kept" } }, dependencies: [] },
  ...{ on_start: one, on_success: [action(), one], on_failure: [one], on_cancel: [one] },
});

it.each([
  ["an array of tasks", [task(secret)], [task(hidden)]],
  ["an object", { tasks: [task(secret)], scope: "s" }, { tasks: [task(hidden)], scope: "s" }],
  ["one action at the end", { tasks: [], on_batch_complete: secret }, { tasks: [], on_batch_complete: hidden }],
  ["several", { tasks: [], on_batch_complete: [secret] }, { tasks: [], on_batch_complete: [hidden] }],
  [
    "null for what is left out",
    [{ id: "a", on_start: null, on_success: null }],
    [{ id: "a", on_start: null, on_success: null }],
  ],
])("of %s", (_, body, expected) => {
  const before = JSON.stringify(body);
  expect(maskedBatch(body)).toEqual(expected);
  expect(JSON.stringify(body)).toBe(before);
});
