// A task at work: heartbeats do not pile up where Baton is slow to answer.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { run } from "../../../../src/sdk/service/running.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("sends the next heartbeat only when the last one was answered", async () => {
  const answers: (() => void)[] = [];
  const reporter = {
    heartbeat: () => new Promise<void>((answer) => answers.push(answer)),
    progress: async () => {},
    end: async () => {},
    add: async () => [],
  };
  const start = { taskId: "t", attempt: 0, key: "t:start", body: {}, inputs: {}, path: "/" };
  const work = Promise.withResolvers<void>();
  const task = run(start, () => work.promise, reporter, { heartbeatMs: 10, onError: () => {} });
  await vi.advanceTimersByTimeAsync(100);
  expect(answers).toHaveLength(1);
  answers[0]?.();
  await vi.advanceTimersByTimeAsync(10);
  expect(answers).toHaveLength(2);
  work.resolve();
  await task.done;
});
