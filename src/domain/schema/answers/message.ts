// What travels by NATS besides what HTTP has too: answers to commands, work that Nats actions publish.
import * as Schema from "effect/Schema";
import { acceptedVerbs } from "#domain/command";
import { type ErrorCode, errorCodes } from "#domain/errors";
import { Fault } from "#domain/schema/answers/system";
import { State, Task } from "#domain/schema/answers/task";
import { field, id, int, opt } from "#domain/schema/text";

const httpStatus = field(int(100, 599), "The status that HTTP would give.", { example: 200 });
const ifRefused = {
  error: field(Schema.optionalKey(Schema.String), "A short sentence, where it was refused.", {
    example: "Validation failed",
  }),
  code: field(
    Schema.optionalKey(Schema.Literals(Object.keys(errorCodes) as ErrorCode[])),
    "A stable word for programs, where it was refused.",
    { example: "validation_failed" },
  ),
  details: field(Schema.optionalKey(Schema.Array(Schema.String)), "Every fault for people.", {
    example: ["failure_reason: is required with status Failure"],
  }),
  faults: field(Schema.optionalKey(Schema.Array(Fault)), "The same faults for programs."),
};

export const CommandAnswer = Schema.Struct({
  status: httpStatus,
  id: id("The task."),
  state: field(Schema.optionalKey(State), "The state of the task.", { example: "Success" }),
  attempt: field(Schema.optionalKey(int(0, 2 ** 31 - 1)), "Its present attempt.", { example: 0 }),
  propagating: field(
    Schema.optionalKey(Schema.Literal(true)),
    "With 202: the command is committed; what follows from it takes over 10 s and goes on by itself.",
    { example: true },
  ),
  ...ifRefused,
  current_status: field(Schema.optionalKey(State), "With 409: the state of the task.", { example: "Success" }),
  allowed: field(
    Schema.optionalKey(Schema.Array(Schema.Literals(acceptedVerbs))),
    "With 409: what the task accepts now; empty when it has ended.",
    { example: [] },
  ),
}).annotate({ identifier: "CommandAnswer", description: "The answer to a command, where the message asked for one." });

export const CreateAnswer = Schema.Struct({
  status: httpStatus,
  batch_id: field(Schema.optionalKey(Schema.String), "The id of the batch.", {
    format: "uuid",
    example: "019b0000-0000-7000-8000-00000000000a",
  }),
  tasks: field(Schema.optionalKey(Schema.Array(Task)), "The created tasks, in the order sent.", { example: [] }),
  deduplicated: field(
    Schema.optionalKey(Schema.Array(Schema.String)),
    "What was left out, by the ids of the call, at most 100.",
    { example: ["load"] },
  ),
  warnings: field(Schema.optionalKey(Schema.Array(Schema.String)), "Rules that can admit nothing now, at most 10.", {
    example: ['tasks[0].rules[0].matcher.kind: no task of this call has the kind "elt"'],
  }),
  truncated: field(
    Schema.optionalKey(Schema.Boolean),
    "The tasks did not fit into a message; they can be read by the id of the batch.",
    { example: true },
  ),
  ...ifRefused,
}).annotate({
  identifier: "CreateAnswer",
  description: "The answer to the creation of a batch, or of more tasks in one.",
});

export const CloseAnswer = Schema.Struct({
  status: httpStatus,
  batch_id: field(Schema.optionalKey(Schema.String), "The id of the batch.", {
    format: "uuid",
    example: "019b0000-0000-7000-8000-00000000000a",
  }),
  open: field(Schema.optionalKey(Schema.Literal(false)), "It is not open any more.", { example: false }),
  ...ifRefused,
}).annotate({ identifier: "CloseAnswer", description: "The answer to the closing of a batch." });

export const Work = Schema.Struct({
  task_id: field(Schema.optionalKey(Schema.String), "The task; missing when a batch is complete.", {
    format: "uuid",
    example: "019b0000-0000-7000-8000-00000000000a",
  }),
  attempt: field(Schema.optionalKey(int(0, 2 ** 31 - 1)), "The attempt of the task.", { example: 0 }),
  handle: field(Schema.optionalKey(Schema.String), "The URL to report to.", {
    example: "https://baton.example.com/task/019b0000-0000-7000-8000-00000000000a",
  }),
  trigger: field(Schema.Literals(["start", "end", "cancel"]), "What the message is about.", { example: "start" }),
  body: opt(Schema.Unknown, "The body of the action.", { example: { file: "a.csv" } }),
  inputs: field(
    Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
    "Of a start that asks for them: the results of other tasks, by name.",
    { example: { rows: 1000 } },
  ),
}).annotate({ identifier: "Work", description: "What a Nats action publishes; workers pull it from a queue group." });
