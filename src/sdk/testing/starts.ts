// Starts tasks of the fake Baton: the call or message of each, and what becomes of the task by the answer.
import type { StartAction } from "../types.ts";
import type { LiveBatch } from "./batch.ts";
import { inputsOf } from "./inputs.ts";
import { type Life, startOf, timeoutOf } from "./life.ts";
import { handleOf, numbered } from "./outbox.ts";
import type { Answered, Outgoing } from "./services.ts";

/** `call`: makes a call and keeps it in mind; rejects where not a byte could be sent. */
export interface Outside {
  readonly url: string;
  readonly now: () => number;
  readonly call: (outgoing: Outgoing) => Promise<Answered>;
  /** Calls `late` after so many milliseconds, unless the function that it gives is called before. */
  readonly after: (ms: number, late: () => void) => () => void;
}

const answerSecs = 10;
const inputsBytesMax = 262_144;
const resultBytesMax = 65_536;
/** For so long a start is tried that cannot be sent. */
const unsentMs = 60_000;

/** Claims the task and starts it; resolves when its call has been answered. */
export async function startTask(batch: LiveBatch, life: Life, outside: Outside): Promise<void> {
  batch.tell(life, "claim");
  const action = startOf(life);
  if (action === null) return void batch.tell(life, "succeed");
  if (action.kind === "Wait") return void batch.tell(life, "started");
  const inputs = inputsOf(life, batch.decider.lives);
  const bytes = inputs === undefined ? 0 : bytesOf(inputs);
  if (bytes > inputsBytesMax) {
    const reason = `its inputs take ${bytes} bytes as compact JSON, at most ${inputsBytesMax} are sent`;
    return void batch.tell(life, "start_failed", { reason: `on_start failed: ${reason}` });
  }
  const outgoing = outgoingOf(batch, life, action, inputs, outside);
  if (action.kind === "Nats") {
    life.isAwaited = true;
    batch.tell(life, "started");
    return void (await outside.call(outgoing));
  }
  const { attempt, startedAt } = life;
  const secs = action.params.completes === "on_response" ? timeoutOf(life) : answerSecs;
  life.isCalling = true;
  const answer = await answerOf(outgoing, secs, outside).finally(() => (life.isCalling = false));
  // Reported, canceled or out of time meanwhile: the answer changes nothing.
  if (life.status !== "Claimed" || life.attempt !== attempt || life.startedAt !== startedAt) return;
  settle(batch, life, answer, outside.now());
}

function outgoingOf(batch: LiveBatch, life: Life, action: StartAction, inputs: object | undefined, { url }: Outside) {
  const { id, localId, attempt } = life;
  const handle = handleOf(url, life, attempt);
  const own = action.kind === "Wait" ? undefined : action.params.body;
  const baton = { task_id: id, batch_id: batch.id, local_id: localId, attempt, inputs, handle };
  const body = inputs === undefined || action.kind === "Nats" ? own : { ...(own as object), baton };
  return {
    ...({
      trigger: "start",
      key: numbered(life, "start", attempt),
      task: localId,
      taskId: id,
      attempt,
      action,
    } as const),
    ...{ handle, body, inputs: inputs as Outgoing["inputs"], waits: new AbortController() },
  };
}

type Answer = Answered | "late" | { readonly unsent: string };

async function answerOf(outgoing: Outgoing, secs: number, { call, after }: Outside): Promise<Answer> {
  let stop = () => {};
  const late = new Promise<"late">((resolve) => {
    stop = after(secs * 1000, () => {
      resolve("late");
      outgoing.waits.abort(new DOMException(`no answer within ${secs} s`, "TimeoutError"));
    });
  });
  const answer = call(outgoing).catch((error) => ({ unsent: error instanceof Error ? error.message : String(error) }));
  return Promise.race([answer, late]).finally(stop);
}

function settle(batch: LiveBatch, life: Life, answer: Answer, now: number): void {
  const start = startOf(life);
  const onResponse = start?.kind === "Webhook" && start.params.completes === "on_response";
  const failed = (why: string) => ({ reason: `on_start failed: ${why}` });
  if (answer === "late") {
    const secs = onResponse ? timeoutOf(life) : answerSecs;
    batch.tell(life, "start_unanswered", failed(`no answer within ${secs} s`));
  } else if ("unsent" in answer) settleUnsent(batch, life, answer.unsent, now);
  else if (answer.status >= 200 && answer.status < 300) {
    if (onResponse) batch.tell(life, "succeed", { result: resultOf(answer.text) });
    else batch.tell(life, "started");
  } else if ((answer.status === 429 || answer.status === 503) && answer.retryAfterMs !== null)
    batch.tell(life, "start_deferred", { until: now + answer.retryAfterMs });
  else batch.tell(life, "start_failed", failed(`HTTP ${answer.status}`));
}

/** Tried again after 1, 2, 4, 8 and every 15 s; one try falls on the last moment. */
function settleUnsent(batch: LiveBatch, life: Life, why: string, now: number): void {
  const { since, tries } = life.unsent ?? { since: now, tries: 0 };
  const left = since + unsentMs - now;
  if (left <= 0) return void batch.tell(life, "start_failed", { reason: `on_start failed: ${why}` });
  life.unsent = { since, tries: tries + 1 };
  batch.tell(life, "start_unsent", { until: now + Math.min(1000 * 2 ** tries, 15_000, left) });
}

/** A JSON object is a result; any other answer is none. */
function resultOf(text: string): unknown {
  try {
    const read = JSON.parse(text);
    const isObject = typeof read === "object" && read !== null && !Array.isArray(read);
    return isObject && new TextEncoder().encode(text).length <= resultBytesMax ? read : undefined;
  } catch {
    return undefined;
  }
}

export const bytesOf = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length;
