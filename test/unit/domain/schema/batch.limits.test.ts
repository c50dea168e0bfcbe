// The limits on time that POST /task takes: what each may be, and where.
import { expect, it } from "vitest";
import { Faults } from "#domain/faults";
import { readBatch } from "#domain/schema/batch";
import { strict } from "#test/policy";

const sizes = { tasksMax: 5, dependenciesMax: 2, linksMax: 4, actionsMax: 3, policy: strict };
const now = Date.parse("2026-11-23T12:00:00Z");
const hook = (params: object) => ({ kind: "Webhook", params: { url: "http://h/x", verb: "Post", ...params } });

function faultsOf(more: object): readonly string[] {
  const faults = new Faults();
  const task = { id: "a", name: "A", kind: "k", ...more };
  const batch = readBatch({ tasks: [task] }, 1_000, sizes, now, faults);
  expect(batch === undefined).toBe(!faults.none);
  return faults.list;
}

it.each<[string, object, string]>([
  ...(["max_duration_secs", "expires_secs"] as const).flatMap((name) =>
    [0, 31_536_001, 1.5, "60"].map((value): [string, object, string] => [
      `${name} of ${JSON.stringify(value)}`,
      { [name]: value },
      `tasks[0].${name}: must be an integer from 1 to 31536000`,
    ]),
  ),
  [
    "an expiry before its delay is over",
    { expires_secs: 59, delay_secs: 60 },
    "tasks[0].expires_secs: must be at least 60: the task may not start sooner, not 59",
  ],
  [
    "an expiry before it may run",
    { expires_secs: 3_599, run_at: "2026-11-23T13:00:00Z" },
    "tasks[0].expires_secs: must be at least 3600: the task may not start sooner, not 3599",
  ],
  ...[0, 31_536_001, "60"].map((queue_timeout_secs): [string, object, string] => [
    `queue_timeout_secs of ${JSON.stringify(queue_timeout_secs)}`,
    { on_start: { kind: "Nats", params: { subject: "baton.work.a", queue_timeout_secs } } },
    "tasks[0].on_start.params.queue_timeout_secs: must be an integer from 1 to 31536000",
  ]),
  [
    "a time in the queue for a call",
    { on_start: hook({ queue_timeout_secs: 5 }) },
    "tasks[0].on_start.params.queue_timeout_secs: is not a known field",
  ],
  [
    "a time in the queue for what starts nothing",
    { on_success: [{ kind: "Nats", params: { subject: "baton.work.a", queue_timeout_secs: 5 } }] },
    "tasks[0].on_success[0].params.queue_timeout_secs: is not a known field",
  ],
])("%s is refused", (_, more, fault) => {
  expect(faultsOf(more)).toEqual([expect.stringContaining(fault)]);
});

it.each<[string, object]>([
  ["the shortest limits", { max_duration_secs: 1, expires_secs: 1 }],
  ["the longest limits", { max_duration_secs: 31_536_000, expires_secs: 31_536_000 }],
  ["an expiry when its delay is over", { expires_secs: 60, delay_secs: 60 }],
  ["an expiry when it may run", { expires_secs: 3_600, run_at: "2026-11-23T13:00:00Z" }],
  ["an expiry beside a time that has passed", { expires_secs: 1, run_at: "2026-11-22T13:00:00Z" }],
  [
    "the longest time in a queue",
    { on_start: { kind: "Nats", params: { subject: "baton.work.a", queue_timeout_secs: 31_536_000 } } },
  ],
])("%s is taken", (_, more) => {
  expect(faultsOf(more)).toEqual([]);
});

it.each([0, 31_536_001, 1.5, "60"])("a deadline of %j is refused", (deadline_secs) => {
  const faults = new Faults();
  expect(readBatch({ tasks: [], deadline_secs }, 100, sizes, now, faults)).toBeUndefined();
  expect(faults.list).toEqual([expect.stringContaining("deadline_secs: must be an integer from 1 to 31536000")]);
});
