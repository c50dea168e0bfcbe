// Receivers that must not be called are refused when a batch is taken in, over HTTP and NATS, among all the other faults.
import { expect, it } from "vitest";
import { createFromMessage } from "#intake/by-message";
import { strict } from "#test/policy";
import { fakeServer } from "../http/fakes.ts";

const hook = (url: string) => ({ kind: "Webhook", params: { url, verb: "Post" } });
const batch = {
  tasks: [
    {
      id: "a",
      name: "a",
      kind: "k",
      timeout: 0,
      on_start: hook("http://127.0.0.1/"),
      on_success: [hook("http://ok.example.org/"), hook("http://localhost/")],
      on_failure: [hook("http://[::1]/")],
      on_cancel: [hook("http://2130706433/")],
    },
  ],
  on_batch_complete: [hook("http://10.0.0.1/")],
};
const faults = [
  "on_batch_complete[0].params.url: must not point to a private address (10.0.0.0/8); to allow it, give Baton ALLOWED_CIDRS=10.0.0.1/32",
  "tasks[0].on_cancel[0].params.url: must write an IPv4 address as four decimal numbers",
  "tasks[0].on_failure[0].params.url: must not point to a loopback address (::1/128); to allow it, give Baton ALLOWED_CIDRS=::1/128",
  "tasks[0].on_start.params.url: must not point to a loopback address (127.0.0.0/8); to allow it, give Baton ALLOWED_CIDRS=127.0.0.1/32",
  "tasks[0].on_success[1].params.url: host is blocked: localhost; to allow it, give Baton ALLOWED_HOSTNAMES=localhost",
  "tasks[0].timeout: must be an integer from 1 to 31536000, not 0",
];

it.each(["/task", "/task?dry_run=1"])("POST %s", async (url) => {
  const { json } = await fakeServer();
  const answer = await json("POST", url, batch);
  expect([answer.statusCode, [...answer.json().details].sort()]).toEqual([400, faults]);
});

it("over NATS", async () => {
  const config = {
    maxTasksPerBatch: 10,
    maxDepsPerTask: 10,
    maxLinksPerBatch: 100,
    maxActionsPerTask: 10,
    maxUnfinishedTasks: 0,
  };
  const answer = await createFromMessage(
    { config, policy: strict, db: {} as never, commands: { notifyClaims() {} }, large: {} as never },
    JSON.stringify(batch),
  );
  expect([answer.status, [...(answer.body as { details: string[] }).details].sort()]).toEqual([400, faults]);
});

it("by what the operator blocks and allows besides", async () => {
  const { json } = await fakeServer({
    BLOCKED_HOSTNAMES: "ok.example.org",
    BLOCKED_HOSTNAME_SUFFIXES: "org.example",
    ALLOWED_HOSTNAMES: "localhost",
    ALLOWED_CIDRS: "10.0.0.0/8,::1/128",
  });
  const more = { ...batch, on_batch_complete: [...batch.on_batch_complete, hook("http://a.org.example/")] };
  expect([...(await json("POST", "/task", more)).json().details].sort()).toEqual([
    "on_batch_complete[1].params.url: host is blocked: .org.example",
    faults[1],
    faults[3],
    "tasks[0].on_success[0].params.url: host is blocked: ok.example.org",
    faults[5],
  ]);
});

it("what the operator allows is taken", async () => {
  const { json } = await fakeServer({ SKIP_SSRF_VALIDATION: "1" });
  const answer = await json("POST", "/task?dry_run=1", { ...batch, tasks: [{ ...batch.tasks[0], timeout: 1 }] });
  expect(answer.statusCode).toBe(200);
});
