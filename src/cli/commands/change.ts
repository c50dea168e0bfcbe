// `baton cancel`, `pause`, `resume`, `rerun`, `override`, `replay`, and `complete` and `fail` by a handle: what changes something.
import { report, type TaskOverride, type TaskPatch } from "../../sdk/client.ts";
import { jsonOf, Mistake } from "../arguments.ts";
import { type Context, contextOf, exits, idAmong, idOf, type Settings, shortId, thingOf } from "../context.ts";

export interface ReasonOptions extends Settings {
  readonly reason?: string;
}

type Verb = "cancel" | "pause" | "resume";
const done: Readonly<Record<Verb, string>> = { cancel: "canceled", pause: "paused", resume: "resumed" };

/** Of a task or of a batch, whichever the id is of. */
export async function change(verb: Verb, id: string, options: ReasonOptions): Promise<number> {
  const context = contextOf(options);
  const { baton } = context;
  const thing = await thingOf(baton, id);
  if (thing.type === "task") {
    await baton[verb](thing.id, options.reason);
    context.show({ id: thing.id, type: "task", done: done[verb] }, () => [
      `task ${shortId(thing.id)} is ${done[verb]}`,
    ]);
    return exits.success;
  }
  const count = await changeBatch(context, verb, thing.id, options.reason);
  context.show({ id: thing.id, type: "batch", done: done[verb], tasks: count }, () => [
    `batch ${shortId(thing.id)}: ${count === 1 ? "1 task is" : `${count} tasks are`} ${done[verb]}`,
  ]);
  return exits.success;
}

async function changeBatch({ baton }: Context, verb: Verb, id: string, reason?: string): Promise<number> {
  if (verb === "pause") return baton.pauseBatch(id, reason);
  if (verb === "resume") return baton.resumeBatch(id, reason);
  const stopped = await baton.stop(id, reason);
  return Object.entries(stopped).reduce((sum, [name, n]) => (name.startsWith("canceled_") ? sum + Number(n) : sum), 0);
}

export interface RerunOptions extends Settings {
  readonly all?: boolean;
  readonly dependents?: boolean;
  readonly from?: readonly string[];
}

export async function rerun(id: string, { all, dependents, from, ...settings }: RerunOptions): Promise<number> {
  const context = contextOf(settings);
  const batch = await idOf(context.baton, id, "batch");
  const tasks = await Promise.all((from ?? []).map((one) => idOf(context.baton, one, "task")));
  const made = await context.baton.rerun(batch, {
    ...(all ? { only: "all" as const } : {}),
    ...(dependents ? { dependents } : {}),
    ...(tasks.length > 0 ? { from: tasks } : {}),
  });
  context.show({ batch_id: made.batchId || null, tasks: made.tasks }, () =>
    made.tasks.length === 0
      ? ["nothing is left to run again"]
      : [
          `batch ${made.batchId}: ${made.tasks.length === 1 ? "1 task runs" : `${made.tasks.length} tasks run`} again`,
          `Try: baton watch ${made.batchId}`,
        ],
  );
  return exits.success;
}

export interface OverrideOptions extends Settings {
  readonly status: string;
  readonly reason: string;
  readonly result?: string;
}

export async function override(id: string, { status, reason, result, ...settings }: OverrideOptions): Promise<number> {
  const context = contextOf(settings);
  const task = await idOf(context.baton, id, "task");
  const word: TaskOverride = {
    ...{ status: status as TaskOverride["status"], reason },
    ...(result === undefined ? {} : { result: jsonOf("--result", result) }),
  };
  const state = await context.baton.override(task, word);
  context.show(state, () => [`task ${shortId(task)} is ${state.status}`]);
  return exits.success;
}

export interface ReplayOptions extends Settings {
  readonly since?: string;
}

export async function replay(id: string | undefined, { since, ...settings }: ReplayOptions): Promise<number> {
  const context = contextOf(settings);
  if ((id === undefined) === (since === undefined))
    throw new Mistake(
      "baton replay takes the id of a delivery, or --since with a time\nTry: baton replay --since 2026-01-31T00:00:00Z",
    );
  if (since !== undefined) {
    const replayed = await context.baton.replaySince(since);
    context.show({ replayed }, () => [`${replayed} deliveries are sent again`]);
    return exits.success;
  }
  async function* ids() {
    for await (const { id: one } of context.baton.every("listDeliveries")) yield one;
  }
  const whole = await idAmong(ids(), id ?? "", ["delivery", "baton list deliveries"]);
  const delivery = await context.baton.replay(whole);
  context.show(delivery, () => [`delivery ${delivery.id} is sent again`]);
  return exits.success;
}

export interface EndOptions extends Settings {
  readonly result?: string;
  readonly reason?: string;
}

/** By the handle that a service got: what a service does at its end, done by hand. */
async function end(handle: string, change: TaskPatch, { token, json }: Settings): Promise<number> {
  if (!/^https?:\/\/\S+\/task\//.test(handle))
    throw new Mistake(`"${handle}" is no handle: it is the URL that a start call carries, as https://…/task/<id>`);
  await report(handle, change, { token });
  process.stdout.write(json ? `${JSON.stringify({ status: change.status })}\n` : `reported ${change.status}\n`);
  return exits.success;
}

export const complete = (handle: string, { result, ...settings }: EndOptions): Promise<number> =>
  end(handle, { status: "Success", ...(result === undefined ? {} : { result: jsonOf("--result", result) }) }, settings);

export const fail = (handle: string, { reason = "failed by hand", ...settings }: EndOptions): Promise<number> =>
  end(handle, { status: "Failure", failure_reason: reason }, settings);
