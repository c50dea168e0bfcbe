// Pipelines under the fake Baton, as their authors test them: against functions, handlers and servers, in virtual time.
import { expect, it, vi } from "vitest";
import { batch, from, handler, needs, type RunningTask, task, wait, webhook } from "../../../../src/sdk/index.ts";
import { fakeBaton, type Services } from "../../../../src/sdk/testing.ts";

const at = (path: string) => `https://etl.example.com/${path}`;
const start = new Date("2026-01-01T00:00:00Z");
const secsAt = (date: Date) => (date.getTime() - start.getTime()) / 1000;
const one = (services: Services[string], more: object = {}) =>
  ({ services: { "*": services }, tasks: [task("t", { kind: "k", on_start: webhook(at("t")), ...more })] }) as const;

it("runs a batch against functions, with results as inputs, and tells of the ends", async () => {
  const heard: unknown[] = [];
  const notify = handler(
    {
      secrets: null,
      baton: "http://baton.test",
      onNotice: ({ trigger, body, baton }) => void heard.push([trigger, body, baton]),
    },
    () => {},
  );
  const baton = fakeBaton({
    services: {
      [at("extract")]: () => ({ rows: [3, 4] }),
      [at("load")]: ({ inputs, body }: RunningTask<{ table: string }>) => ({ ...inputs, table: body.table }),
      "https://notify.example.com": notify,
    },
  });
  const extract = task("extract", { kind: "etl", on_start: webhook(at("extract")) });
  const inputs = { first: from(extract, "/rows/0"), none: from(extract, "/none", "standard") };
  const load = task("load", {
    kind: "etl",
    after: [extract],
    on_start: webhook(at("load"), { body: { table: "orders" }, inputs }),
    on_success: [webhook("https://notify.example.com/done", { body: { to: "a" } })],
  });
  const alarm = task("alarm", { kind: "ops", after: [needs(load, "on_failure")] });
  const join = task("join", { kind: "etl", join: "any", after: [needs(load, "always"), needs(alarm, "on_success")] });
  const run = await baton.run(
    batch([extract, load, alarm, join], { on_batch_complete: webhook("https://notify.example.com/all") }),
  );
  expect(run.statuses).toEqual({ extract: "Success", load: "Success", alarm: "Skipped", join: "Success" });
  expect(run.status).toBe("success");
  expect(run.task("load").result).toEqual({ first: 3, none: "standard", table: "orders" });
  expect(run.task("alarm").failure_reason).toBe("Condition on_failure of parent task load not met: it is Success");
  const handle = `http://baton.test/task/${run.task("load").id}`;
  expect(heard).toEqual([
    ["end", { to: "a" }, expect.objectContaining({ status: "Success", trigger: "end", attempt: 0, handle })],
    ["complete", {}, expect.objectContaining({ batch_id: run.id, counts: expect.objectContaining({ success: 3 }) })],
  ]);
  expect(baton.calls.map(({ trigger, task, status }) => [trigger, task, status])).toEqual([
    ["start", "extract", 202],
    ["start", "load", 202],
    ["end", "load", 200],
    ["end", null, 200],
  ]);
  expect(baton.now).toEqual(start);
});

it("tries again after the back-off, in virtual time, and says when", async () => {
  const times: number[] = [];
  const { services, tasks } = one(
    () => {
      times.push(secsAt(baton.now));
      if (times.length < 4) throw new Error("no such file");
    },
    { retry: { max_retries: 3, initial_delay_secs: 10, backoff_multiplier: 3, max_delay_secs: 60 } },
  );
  const baton = fakeBaton({ services, now: start });
  const run = await baton.run(tasks);
  expect(times).toEqual([0, 10, 40, 100]);
  expect(run.task("t")).toMatchObject({ status: "Success", attempt: 3, failure_reason: null });
  expect(run.events.map(({ event, to, at }) => [secsAt(at), event, to]).slice(0, 4)).toEqual([
    [0, "claim", "Claimed"],
    // It throws before its start was answered.
    [0, "fail", "Retrying"],
    [10, "backoff_elapsed", "Pending"],
    [10, "claim", "Claimed"],
  ]);
});

it("times out a service that says nothing, and asks it to stop", async () => {
  const calls: [key: string, body: string][] = [];
  const silent = {
    fetch: async (request: Request) => {
      calls.push([request.headers.get("idempotency-key")?.slice(36) ?? "", await request.text()]);
      return new Response(null, { status: 202 });
    },
  };
  const more = { timeout: 30, retry: { max_retries: 1 }, on_cancel: [webhook(at("stop"))] };
  const { services, tasks } = one(silent, more);
  const baton = fakeBaton({ services, now: start });
  const run = await baton.run(tasks);
  expect(run.task("t")).toMatchObject({ status: "Failure", failure_reason: "Timeout after 30 s", attempt: 1 });
  expect(secsAt(baton.now)).toBe(65);
  expect(calls.map(([key]) => key)).toEqual([":start", ":cancel", ":start:1", ":cancel:1"]);
  expect(JSON.parse(calls[1]?.[1] ?? "").baton).toMatchObject({ trigger: "cancel", status: "Retrying" });
});

it("keeps a long work alive by its heartbeats, and aborts it when its task is over", async () => {
  const reasons: unknown[] = [];
  const work = async (task: RunningTask) => {
    task.signal.addEventListener("abort", () => reasons.push(task.signal.reason.message));
    await task.sleep(3_600_000);
    await task.progress(2, 1);
  };
  const long = one(work, { timeout: 20 });
  const first = fakeBaton({ services: long.services, now: start });
  expect((await first.run(long.tasks)).task("t")).toMatchObject({ status: "Success", success: 2, failures: 1 });
  expect(secsAt(first.now)).toBe(3600);
  // Heartbeats that come too late save nothing.
  const slow = fakeBaton({ services: long.services, heartbeatMs: 25_000 });
  expect((await slow.run(long.tasks)).task("t").failure_reason).toBe("Timeout after 20 s");
  const limited = one(work, { max_duration_secs: 100, on_cancel: [webhook(at("stop"))] });
  const second = fakeBaton({ services: limited.services });
  expect((await second.run(limited.tasks)).task("t").failure_reason).toBe("Ran longer than 100 s");
  // The heartbeat of a handler hears of an end without a cancel action, too.
  const canceled = fakeBaton({ services: long.services });
  const run = canceled.create(long.tasks);
  await canceled.run({ forSecs: 50 });
  expect(run.statuses).toEqual({ t: "Running" });
  run.cancel("t", "too late");
  await canceled.run();
  expect(run.task("t")).toMatchObject({ status: "Canceled", failure_reason: "too late" });
  expect(reasons).toHaveLength(3);
});

it("stops at a gate, which the test opens or lets run out", async () => {
  const did: string[] = [];
  const services = { "*": ({ path }: RunningTask) => void did.push(path) };
  const deploy = () => {
    const build = task("build", { kind: "ci", on_start: webhook(at("build")) });
    const approve = task("approve", { kind: "gate", after: [build], timeout: 86_400, on_start: wait("Deploy?") });
    return [build, approve, task("deploy", { kind: "ci", after: [approve], on_start: webhook(at("deploy")) })];
  };
  const baton = fakeBaton({ services });
  const run = await baton.run(deploy());
  expect(run.statuses).toEqual({ build: "Success", approve: "Running", deploy: "Waiting" });
  expect(() => run.report("deploy", { status: "Success" })).toThrow('"deploy" is Waiting, which does not take succeed');
  run.report("approve", { status: "Success", result: { by: "me" } });
  await baton.run();
  expect(run.status).toBe("success");
  expect(did).toEqual(["/build", "/deploy"]);

  const late = fakeBaton({ services });
  const other = await late.run(deploy());
  await late.run({ forSecs: 86_400 });
  expect(other.task("approve").failure_reason).toBe("Timeout after 86400 s");
  expect(other.task("deploy")).toMatchObject({
    status: "Failure",
    failure_reason: "Required parent task approve failed",
  });
});

it("lets a running task add tasks that read its results, once", async () => {
  const count = (text: string) => ({ words: text.split(" ").length });
  const services: Services = {
    [at("plan")]: async (task: RunningTask) => {
      const parts = ["a b c", "d e"].map((text, i) => ({
        ...{ id: `part-${i}`, name: text, kind: "k", dependencies: [{ id: "plan" }] },
        on_start: webhook(at("count"), { body: { text } }),
      }));
      const dependencies = parts.map(({ id }) => ({ id, requires_success: true }));
      const join = {
        id: "join",
        name: "join",
        kind: "k",
        dependencies,
        on_start: webhook(at("join"), { inputs: "parents" }),
      };
      expect((await task.add([...parts, join])).map(({ local_id }) => local_id)).toEqual(["part-0", "part-1", "join"]);
    },
    [at("count")]: ({ body }: RunningTask<{ text: string }>) => count(body.text),
    [at("join")]: ({ inputs }: RunningTask) => inputs,
  };
  const run = await fakeBaton({ services }).run([task("plan", { kind: "k", on_start: webhook(at("plan")) })]);
  expect(run.status).toBe("success");
  expect(run.task("join").result).toEqual({ "part-0": { words: 3 }, "part-1": { words: 2 } });
});

it("holds to limits on time: delays, expiry, deadlines and open batches", async () => {
  const baton = fakeBaton({ services: { "*": (task: RunningTask) => task.sleep(1_000) }, now: start });
  const first = task("first", { kind: "k", delay_secs: 60, on_start: webhook(at("a")) });
  const late = task("late", { kind: "k", after: [first], expires_secs: 30 });
  const run = await baton.run(batch([first, late]));
  expect(run.task("late").failure_reason).toBe("Not started within 30 s");
  // Nobody needs it any more.
  expect(run.task("first").failure_reason).toBe("All child tasks already terminated");
  const slow = batch([task("slow", { kind: "k", delay_secs: 3600 })], { deadline_secs: 100 });
  const stopped = await baton.run(slow);
  expect([stopped.status, stopped.task("slow").failure_reason]).toEqual(["canceled", "Batch deadline passed"]);
  const open = await baton.run(batch([task("a", { kind: "k" })], { open: true }));
  expect(open.status).toBe("running");
  open.close();
  expect(open.status).toBe("success");
});

it("says what a test does wrong: no service, a fault of the batch, what it cannot do, and work that waits for real time", async () => {
  const a = task("a", { kind: "k", on_start: webhook(at("a")) });
  const none = fakeBaton({ services: { [at("ab")]: () => {} } });
  expect(() => none.create([a])).toThrow(
    `"a": no service of this test is called at ${at("a")}; name it in \`services\``,
  );
  expect(() => none.create([{ ...a, on_start: wait(), dependencies: [{ id: "ghost" }] }])).toThrow(
    '"a" depends on "ghost", which is not in the batch',
  );
  expect(() => none.create([{ ...a, on_start: wait(), paused: true }])).toThrow("the fake Baton does not pause");
  const hangs = fakeBaton({ services: { "*": () => new Promise(() => {}) }, silenceMs: 20 });
  await expect(hangs.run([a])).rejects.toThrow(
    'task "a" (attempt 0): nothing was heard for 0.02 s of real time. A work that waits uses `task.sleep`',
  );
  const fine = fakeBaton({ services: { "*": () => vi.waitFor(() => true) } });
  expect((await fine.run([a])).status).toBe("success");
});
