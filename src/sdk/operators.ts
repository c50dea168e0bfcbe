// The calls of a client by which operators see what runs, what waits, and for what.
import { type Call, pageCalls } from "./pages.ts";
import type {
  BatchInput,
  DeadLetter,
  Found,
  Limit,
  ListedSchedule,
  Overview,
  Receiver,
  Schedule,
  ScheduleInput,
  Task,
  TaskAttempt,
  WorkerProcess,
} from "./types.ts";

/** `read`: what a GET of this path answers. */
export function operatorCalls(read: <T>(path: string) => Promise<T>, call: Call) {
  const schedule = (method: string, name: string, what = "", body?: unknown, key?: string) =>
    call(method, `/schedules/${name}${what}`, body, key ? { "idempotency-key": key } : {});
  return {
    ...pageCalls(call),
    /** Schedules by name, without the batches that they make. */
    schedules: (filter: Readonly<Record<string, string>> = {}) =>
      read<readonly ListedSchedule[]>(`/schedules?${new URLSearchParams(filter)}`),
    /** One, with its next times and its last batches. */
    schedule: (name: string) => read<Schedule>(`/schedules/${name}`),
    /** Makes or changes it. The same again changes nothing. */
    putSchedule: async (name: string, input: ScheduleInput, key?: string) =>
      (await schedule("PUT", name, "", input, key)).body as Schedule,
    /** Its batches go on. */
    deleteSchedule: async (name: string, key?: string) => void (await schedule("DELETE", name, "", undefined, key)),
    pauseSchedule: async (name: string, key?: string) =>
      (await schedule("POST", name, "/pause", undefined, key)).body as Schedule,
    resumeSchedule: async (name: string, key?: string) =>
      (await schedule("POST", name, "/resume", undefined, key)).body as Schedule,
    /** Makes a batch at once, whatever overlaps. */
    async runSchedule(name: string, key?: string) {
      const { headers, body } = await schedule("POST", name, "/run", undefined, key);
      return { batchId: headers.get("x-batch-id") ?? "", tasks: (body as readonly Task[] | undefined) ?? [] };
    },
    /** The claims of a task, with how their start calls went: the newest 100, oldest first. */
    attempts: (id: string) => read<readonly TaskAttempt[]>(`/task/${id}/attempts`),
    /** The figures of the whole cluster, at most 10 s old. */
    overview: () => read<Overview>("/overview"),
    /** The processes that are alive. `filter`, here and below: page, page_size, after. */
    workers: (filter: Readonly<Record<string, string>> = {}) =>
      read<readonly WorkerProcess[]>(`/workers?${new URLSearchParams(filter)}`),
    /** Whom Baton called in the last day, or has calls for. */
    receivers: (filter: Readonly<Record<string, string>> = {}) =>
      read<readonly Receiver[]>(`/receivers?${new URLSearchParams(filter)}`),
    /** What rules limit, how much of it is used, and how many tasks wait. */
    limits: (filter: Readonly<Record<string, string>> = {}) =>
      read<readonly Limit[]>(`/limits?${new URLSearchParams(filter)}`),
    /** Messages that could not be worked on, newest first. */
    deadLetters: (filter: Readonly<Record<string, string>> = {}) =>
      read<readonly DeadLetter[]>(`/dead-letters?${new URLSearchParams(filter)}`),
    /** Sends such a message again. The same fault makes a new dead letter. */
    replayDeadLetter: async (id: string) => void (await call("POST", `/dead-letters/${id}/replay`)),
    /** At most 20 tasks and batches, newest first: by id or the beginning of one, the beginning of a name, a whole scope. */
    search: (q: string) => read<readonly Found[]>(`/search?${new URLSearchParams({ q })}`),
    /** The body for `create` that makes this batch again. */
    definition: (batchId: string) => read<BatchInput>(`/batch/${batchId}/definition`),
  };
}
