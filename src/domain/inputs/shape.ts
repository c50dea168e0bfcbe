// How a start action asks for the results of other tasks: the shape of `inputs`, and what shapes cannot say. Pure.
import * as Schema from "effect/Schema";
import type { Faults, Path } from "#domain/faults";
import { any, field, name, opt } from "#domain/schema/text";

const inputsMax = 50;
const nameCharsMax = 100;

/** RFC 6901: the whole, or members and places each behind a slash. */
const pointer = Schema.String.check(Schema.isPattern(/^(?:\/(?:[^~/]|~[01])*)*$/u)).annotate({
  message:
    'must be an RFC 6901 pointer: "" for the whole, else it begins with "/"; "~" is written ~0, "/" in a name ~1',
});

const Input = Schema.Struct({
  task: field(name(255), "The local id of a task that this one depends on, directly or through others.", {
    example: "extract",
  }),
  pointer: opt(pointer, "Which part of its result, by RFC 6901. Left out: the whole.", {
    default: "",
    example: "/rows",
  }),
  default: opt(any, "What stands for it where the task has no result, or the pointer finds nothing.", {
    example: 0,
  }),
}).annotate({ identifier: "Input", description: "A part of the result of another task." });

export const inputsField = opt(
  Schema.Union([Schema.Literal("parents"), Schema.Record(Schema.String, Input)]).annotate({
    message: 'must be "parents", or an object of inputs by name',
  }),
  '`"parents"`: the results of all tasks that this one depends on directly, by local id. Or at most 50 inputs by name (1 to 100 characters). They are read when the task is claimed, and are sent with the call.',
  { example: { rows: { task: "extract", pointer: "/rows", default: 0 } } },
);

type Loose = Readonly<Record<string, unknown>>;

/** Faults beyond the shape. `params`: of a start action, which may have any shape. */
export function inputsFaults(kind: unknown, params: Loose, path: Path, faults: Faults): void {
  const { inputs, verb, body } = params;
  if (inputs === undefined || inputs === null) return;
  if (kind === "Webhook") {
    if (verb === "Get")
      faults.add([...path, "inputs"], "conflict", "must not be given with the verb Get, which sends no body");
    if (body !== undefined && body !== null && (typeof body !== "object" || Array.isArray(body)))
      faults.add([...path, "body"], "conflict", "must be an object, or left out, where inputs are given", body);
  }
  if (typeof inputs !== "object") return;
  const names = Object.keys(inputs);
  if (names.length > inputsMax)
    faults.add([...path, "inputs"], "too_many", `must have at most ${inputsMax} entries, has ${names.length}`);
  for (const name of names)
    if (name === "" || [...name].length > nameCharsMax)
      faults.add([...path, "inputs", name], "out_of_range", `its name must have 1 to ${nameCharsMax} characters`);
}
