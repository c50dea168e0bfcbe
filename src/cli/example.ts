// Owns the example pipelines: where they lie, how the service's URL gets into them, and how they are expected to end.
// An example is the body of POST /task: a .json file in which {{service}} stands for the URL of the service, or a .mjs file
// whose default export makes it from that URL. `metadata.expect` of a task names its expected end state.
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Action, BatchInput, ListedTask, TaskInput } from "../sdk/client.ts";

const examples = {
  "ci-pipeline": "ci-pipeline.json",
  "etl-dead-ends": "etl-dead-ends.json",
  "argo-depends": "argo-depends.json",
  "deploy-gate": "deploy-gate.json",
  "tenant-rates": "tenant-rates.json",
  etl: "etl.mjs",
} as const;
const directory = join(import.meta.dirname, "../../examples");

/** The path of an example by its short name, or of the file itself. */
export const exampleFile = (name: string): string =>
  name in examples ? join(directory, examples[name as keyof typeof examples]) : resolve(name);

/** Reads an example for a service at `service`. Throws with a message for people when it is no such file. */
export async function loadExample(file: string, service: string): Promise<BatchInput> {
  const body: unknown = file.endsWith(".mjs")
    ? (await import(pathToFileURL(file).href)).default(service)
    : JSON.parse((await readFile(file, "utf8")).replaceAll("{{service}}", service));
  const batch = (Array.isArray(body) ? { tasks: body } : body) as BatchInput;
  if (!Array.isArray(batch.tasks)) throw new Error(`${file} holds no tasks`);
  return batch;
}

/** What did not end as the example expects, one line each. Tasks without an expectation may end in any final state. */
export function unexpected(sent: BatchInput, tasks: readonly ListedTask[]): string[] {
  const ended = new Map(tasks.map((task) => [task.local_id, task]));
  return sent.tasks.flatMap(({ id, metadata }) => {
    const status = ended.get(id)?.status ?? "missing";
    const expected = metadata?.expect;
    return expected === undefined || expected === status ? [] : [`${id} is ${status}, expected ${String(expected)}`];
  });
}

/** The paths of the service that should have got a delivery once the tasks ended as they did, sorted. */
export function expectedDeliveries(sent: BatchInput, tasks: readonly ListedTask[], service: string): string[] {
  const inputs = new Map(sent.tasks.map((task) => [task.id, task]));
  const ofTasks = tasks.flatMap((task) => endActions(inputs.get(task.local_id), task));
  return [...ofTasks, ...list(sent.on_batch_complete)]
    .flatMap((action) => (action.kind === "Webhook" ? [action.params.url] : []))
    .filter((url) => url.startsWith(`${service}/`))
    .map((url) => new URL(url).pathname)
    .sort();
}

function endActions(input: TaskInput | undefined, task: ListedTask): readonly Action[] {
  if (task.status === "Success") return input?.on_success ?? [];
  if (task.status === "Failure") return input?.on_failure ?? [];
  // A cancel delivery stops work; a task that never started has none to stop.
  return task.status === "Canceled" && task.started_at ? (input?.on_cancel ?? []) : [];
}

const list = (actions: Action | readonly Action[] | undefined): readonly Action[] =>
  actions === undefined ? [] : [actions].flat();
