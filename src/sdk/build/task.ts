/**
 * Builds the tasks of a batch as values. A task depends on tasks, not on names: a wrong dependency does not compile, and a circle
 * cannot be written down.
 */
import type { Action, DependencyInput, StartAction, TaskInput } from "../types.ts";

declare const built: unique symbol;

/** A task that `task` has made. It is sent as it is. */
export interface BuiltTask extends TaskInput {
  readonly [built]: true;
}

/** What a task needs of a parent. */
export interface Edge {
  readonly parent: BuiltTask;
  readonly needs: Needs;
}

/** `requires_success` fails with its parent; the conditions skip. */
export type Needs = "requires_success" | NonNullable<DependencyInput["condition"]>;

export interface TaskFields extends Omit<TaskInput, "id" | "name" | "dependencies"> {
  /** For people; the id if left out. */
  readonly name?: string;
  /** What it waits for. A task alone: it must succeed, and this one fails with it. `needs` says something else. */
  readonly after?: readonly (BuiltTask | Edge)[];
}

/**
 * A task of a batch.
 *
 *     const extract = task("extract", { kind: "etl", on_start: webhook("https://etl.example.com/extract") });
 *     const load = task("load", { kind: "etl", on_start: webhook("https://etl.example.com/load"), after: [extract] });
 *     const alarm = task("alarm", { kind: "ops", on_start: webhook(alarmUrl), after: [needs(load, "on_failure")] });
 *     await baton.create(batch([extract, load, alarm]));
 */
export function task(id: string, { name = id, after = [], ...fields }: TaskFields): BuiltTask {
  const dependencies = after.map((one) => ("parent" in one ? dependencyOf(one.parent, one.needs) : dependencyOf(one)));
  return { id, name, ...fields, ...(dependencies.length > 0 ? { dependencies } : {}) } as unknown as BuiltTask;
}

/** Another need than success. */
export const needs = (parent: BuiltTask, what: Needs): Edge => ({ parent, needs: what });

const dependencyOf = ({ id }: BuiltTask, what: Needs = "requires_success"): DependencyInput =>
  what === "requires_success" ? { id, requires_success: true } : { id, condition: what };

/** Where an input comes from: the result of a task, or what a JSON pointer finds in it. */
export interface Input {
  readonly task: string;
  readonly pointer?: string;
  readonly default?: unknown;
}

/** The result of a task that runs before, for `inputs`; `pointer` as in RFC 6901: `/rows/0`. */
export const from = ({ id }: BuiltTask, pointer?: string, standard?: unknown): Input => ({
  task: id,
  ...(pointer === undefined ? {} : { pointer }),
  ...(standard === undefined ? {} : { default: standard }),
});

/** By the names under which the service finds them, or the results of all parents by their ids. */
export type Inputs = "parents" | { readonly [name: string]: Input };

type WebhookParams = Extract<Action, { kind: "Webhook" }>["params"];
type NatsParams = Extract<StartAction, { kind: "Nats" }>["params"];

/** A start, end or cancel action that calls a service: a POST unless `verb` says otherwise. */
export function webhook(
  url: string,
  { inputs, ...params }: Partial<Omit<WebhookParams, "url">> & { readonly inputs?: Inputs } = {},
): Extract<Action, { kind: "Webhook" }> {
  return { kind: "Webhook", params: { url, verb: "Post", ...params, ...(inputs === undefined ? {} : { inputs }) } };
}

/** A start, end or cancel action that publishes a message under `baton.work.`, which a worker pulls. */
export function message(
  subject: string,
  {
    inputs,
    ...params
  }: Partial<Omit<NatsParams, "subject" | "body">> & {
    readonly body?: Readonly<Record<string, unknown>>;
    readonly inputs?: Inputs;
  } = {},
): Extract<Action, { kind: "Nats" }> {
  return { kind: "Nats", params: { subject, ...params, ...(inputs === undefined ? {} : { inputs }) } };
}

/** A start action that is a gate: the task runs until somebody reports. */
export const wait = (prompt?: string): Extract<StartAction, { kind: "Wait" }> => ({
  kind: "Wait",
  params: prompt === undefined ? {} : { prompt },
});
