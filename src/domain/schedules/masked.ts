// The body of a batch for those who may not operate: headers of actions are often secrets, so their values are hidden. Pure.
import { isObject, type JsonObject } from "#domain/values/json";

/** `body`: a sound body of POST /task. */
export function maskedBatch(body: unknown): unknown {
  if (Array.isArray(body)) return body.map(maskedTask);
  if (!isObject(body)) return body;
  return mapped({ ...body, tasks: (body.tasks as readonly unknown[]).map(maskedTask) }, ["on_batch_complete"]);
}

const maskedTask = (task: unknown): unknown =>
  isObject(task) ? mapped(task, ["on_start", "on_success", "on_failure", "on_cancel"]) : task;

/** The actions of these members, which are one or a list. */
function mapped(of: JsonObject, members: readonly string[]): JsonObject {
  const changed = members.filter((name) => isObject(of[name]) || Array.isArray(of[name]));
  return { ...of, ...Object.fromEntries(changed.map((name) => [name, maskedActions(of[name])])) };
}

const maskedActions = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(maskedAction) : maskedAction(value);

function maskedAction(action: unknown): unknown {
  if (!isObject(action) || !isObject(action.params) || !isObject(action.params.headers)) return action;
  const headers = Object.fromEntries(Object.keys(action.params.headers).map((name) => [name, "***"]));
  return { ...action, params: { ...action.params, headers } };
}
