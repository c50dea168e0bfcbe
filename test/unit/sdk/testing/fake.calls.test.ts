// How the fake Baton calls services: what it makes of answers, how it repeats notifications, handlers, clients and messages.
import { expect, it, vi } from "vitest";
import { batch, from, handler, message, type RunningTask, task, webhook } from "../../../../src/sdk/index.ts";
import { fakeBaton, type Services } from "../../../../src/sdk/testing.ts";

const at = (path: string) => `https://etl.example.com/${path}`;
const start = new Date("2026-01-01T00:00:00Z");
const secsAt = (date: Date) => (date.getTime() - start.getTime()) / 1000;
it("takes answers as Baton does: refused, put back, not sent, late, and as the report itself", async () => {
  const tried: number[] = [];
  let answers: (() => Response | Promise<Response>)[] = [];
  const service = {
    fetch: (request: Request): Response | Promise<Response> => {
      tried.push(secsAt(baton.now));
      const say = answers.shift() ?? (() => Response.json({ rows: 2 }));
      // What a server waits for itself is virtual time, too.
      return request.url.includes("late") ? baton.options.clock!.sleep(20_000, request.signal).then(say) : say();
    },
  };
  let baton = fakeBaton({ services: {} });
  const outcome = async (path: string, completes: "on_response" | "on_callback", said: typeof answers, more = {}) => {
    [answers, tried.length] = [said, 0];
    baton = fakeBaton({ services: { "*": service }, now: start });
    const run = await baton.run([
      task("t", { kind: "k", on_start: webhook(at(path), { completes }), timeout: 60, ...more }),
    ]);
    const { status, failure_reason, result } = run.task("t");
    return [status, failure_reason, result, [...tried]];
  };
  const refuse = () => new Response("no", { status: 500 });
  const defer = () => new Response(null, { status: 503, headers: { "retry-after": "7" } });
  const broken = () => Promise.reject(new Error("connect refused"));
  expect(await outcome("x", "on_response", [])).toEqual(["Success", null, { rows: 2 }, [0]]);
  expect(await outcome("x", "on_response", [refuse])).toEqual(["Failure", "on_start failed: HTTP 500", null, [0]]);
  expect(await outcome("x", "on_response", [defer])).toEqual(["Success", null, { rows: 2 }, [0, 7]]);
  expect(await outcome("x", "on_response", [broken, broken])).toEqual(["Success", null, { rows: 2 }, [0, 1, 3]]);
  const gone = await outcome("x", "on_callback", Array(20).fill(broken));
  expect(gone).toEqual(["Failure", "on_start failed: connect refused", null, [0, 1, 3, 7, 15, 30, 45, 60]]);
  expect(await outcome("late", "on_response", [])).toEqual(["Success", null, { rows: 2 }, [0]]);
  expect(await outcome("late", "on_callback", [])).toEqual([
    "Failure",
    "on_start failed: no answer within 10 s",
    null,
    [0],
  ]);
});

it("repeats notifications until they arrive or are exhausted, in order and one at a time", async () => {
  const tried: number[] = [];
  let fails = 2;
  const ends = {
    fetch: () => {
      tried.push(secsAt(baton.now));
      return new Response(null, { status: fails-- > 0 ? 500 : 200 });
    },
  };
  const services = { [at("t")]: () => {}, [at("end")]: ends };
  const tasks = [task("t", { kind: "k", on_start: webhook(at("t")), on_success: [webhook(at("end"))] })];
  let baton = fakeBaton({ services, now: start });
  await baton.run(tasks);
  expect(tried).toEqual([0, 2, 6]);
  expect(baton.calls.slice(1).map(({ key, status }) => [key.slice(36), status])).toEqual([
    [":end:success", 500],
    [":end:success", 500],
    [":end:success", 200],
  ]);
  [fails, tried.length] = [99, 0];
  baton = fakeBaton({ services, now: start });
  await baton.run(tasks);
  expect(tried).toHaveLength(10);
});

it("serves a real handler and a real client without a server", async () => {
  const errors: unknown[] = [];
  const serve = (options: Parameters<typeof handler>[0]) =>
    handler({ ...options, concurrency: 1, onError: (error) => errors.push(error) }, async (task: RunningTask) => {
      await task.sleep(5_000);
      return { big: "x".repeat(task.path === "/b" ? 70_000 : 1) };
    });
  const services: Record<string, ReturnType<typeof serve>> = {};
  const baton = fakeBaton({ services });
  services["*"] = serve(baton.options);
  const { batchId, tasks } = await baton.client.create(
    ["a", "b"].map((id) => task(id, { kind: "k", on_start: webhook(at(id)) })),
    "once",
  );
  expect((await baton.client.create([], "once")).batchId).toBe(batchId);
  await baton.run();
  // The second had to wait, as the handler says.
  expect(baton.calls.map(({ task, status }) => [task, status]).slice(0, 2)).toEqual([
    ["a", 202],
    ["b", 503],
  ]);
  expect((await baton.client.task(tasks[0]?.id ?? "")).status).toBe("Success");
  const b = await baton.client.task(tasks[1]?.id ?? "");
  expect(b.failure_reason).toMatch(/^the result was refused: Validation failed; result: takes \d+ bytes/);
  const state = await baton.client.batch(batchId);
  expect(state).toMatchObject({ status: "failure", total_tasks: 2, first_failure: { local_id: "b", followed: 0 } });
  expect((await baton.client.tasks({ status: "Failure" })).map(({ local_id }) => local_id)).toEqual(["b"]);
  await expect(baton.client.skip(b.id)).rejects.toMatchObject({ status: 409, code: "not_in_this_state" });
  await expect(baton.client.overview()).rejects.toThrow("the fake Baton does not do GET /overview");
});

it("gives messages to functions as a worker does", async () => {
  const seen: unknown[] = [];
  const services: Services = {
    "baton.work.words": (task: RunningTask<{ text: string }>) => {
      seen.push([task.path, task.body, task.inputs]);
      return { words: task.body.text.split(" ").length };
    },
  };
  const words = task("words", { kind: "k", on_start: message("baton.work.words.count", { body: { text: "a b" } }) });
  const again = task("again", {
    ...{ kind: "k", after: [words] },
    on_start: message("baton.work.words.count", { body: { text: "c" }, inputs: { n: from(words, "/words") } }),
  });
  const run = await fakeBaton({ services }).run([words, again]);
  expect(run.task("again").result).toEqual({ words: 1 });
  expect(seen).toEqual([
    ["baton.work.words.count", { text: "a b" }, {}],
    ["baton.work.words.count", { text: "c" }, { n: 2 }],
  ]);
});

it("calls services in the order in which calls are made, however long signing takes", async () => {
  const sign = crypto.subtle.sign.bind(crypto.subtle);
  let isFirst = true;
  // The first signature is the slowest.
  vi.spyOn(crypto.subtle, "sign").mockImplementation(async (...args) => {
    const delays = isFirst ? 50 : 0;
    isFirst = false;
    await Promise.all(Array.from({ length: delays }, () => new Promise((resolve) => setImmediate(resolve))));
    return sign(...args);
  });
  const paths: string[] = [];
  const services = {
    "https://s.example.com": {
      fetch: (request: Request) => {
        paths.push(new URL(request.url).pathname);
        return new Response(null, { status: 200 });
      },
    },
  };
  const notify = (path: string) => webhook(`https://s.example.com/${path}`);
  await fakeBaton({ services }).run(batch([task("t", { kind: "k", on_success: [notify("first"), notify("second")] })]));
  expect(paths).toEqual(["/first", "/second"]);
  vi.restoreAllMocks();
});
