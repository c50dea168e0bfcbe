// What operators read: the processes, dead letters, limits and receivers, as the API answers them.
import * as Schema from "effect/Schema";
import { waits } from "#domain/attempts";
import type { CircuitState } from "#domain/calls/circuit";
import { ruleTypes } from "#domain/rules/admit";
import { perSecsMax } from "#domain/rules/rule";
import { batchStates } from "#domain/schema/answers/batch";
import { any, at, atOrNull, countMax, field, id, int } from "#domain/schema/text";
import { taskStates } from "#domain/state";

const msMax = 2 ** 31 - 1;
const circuitStates = Object.keys({ closed: true, open: true, half_open: true } satisfies Record<
  CircuitState,
  true
>) as CircuitState[];

export const WorkerProcess = Schema.Struct({
  id: field(int(1, msMax), "Its number: events name it as `worker:<id>`.", { example: 7 }),
  roles: field(Schema.Array(Schema.String), "What it does.", { example: ["api", "worker"] }),
  version: field(Schema.String, "Its version.", { example: "0.1.0" }),
  started_at: at("When it started."),
  alive_until: at("It counts as alive until then, and renews this while it is."),
  calls_open: field(int(0, countMax), "Calls to services that it has open: starts and deliveries.", { example: 12 }),
  lag_ms: field(int(0, msMax), "The longest that it was held up lately, in milliseconds.", { example: 3 }),
  skew_ms: field(int(-msMax, msMax), "How far it finds the clock of NATS ahead of that of Postgres, in milliseconds.", {
    example: 0,
  }),
}).annotate({ identifier: "WorkerProcess", description: "A process of Baton that is alive." });

export const DeadLetter = Schema.Struct({
  id: id("The id of the dead letter."),
  subject: field(Schema.String, "The NATS subject, as the message was sent.", {
    example: "baton.task.019b0000-0000-7000-8000-00000000000a.succeed",
  }),
  reason: field(Schema.String, "Why nothing could be done with it.", {
    example: "Validation failed: reslt: is unknown",
  }),
  at: at("When it was set aside."),
  payload: field(
    Schema.NullOr(Schema.String),
    "The message, up to 64 KB: as text, or in base64 where it is no UTF-8. null for tokens that may not operate.",
    { example: '{"reslt":1}' },
  ),
}).annotate({ identifier: "DeadLetter", description: "A message that could not be worked on, and was set aside." });

export const DeadLetterReplayed = Schema.Struct({ id: id("The id that the dead letter had.") }).annotate({
  identifier: "DeadLetterReplayed",
  description: "The message was sent again.",
});

export const Limit = Schema.Struct({
  type: field(Schema.Literals(ruleTypes), "What is limited: how many tasks, how much work, or how many starts.", {
    example: "Concurrency",
  }),
  kind: field(Schema.String, "The kind of the tasks that count.", { example: "resize" }),
  fields: field(Schema.Array(Schema.String), "The metadata fields that they have in common.", { example: ["tenant"] }),
  values: field(Schema.Array(any), "The values of these fields, in their order.", { example: ["a"] }),
  limit: field(int(1, countMax), "The most that may be used.", { example: 5 }),
  per_secs: field(Schema.NullOr(int(1, perSecsMax)), "Of a Rate: in a window of so many seconds; else null.", {
    example: null,
  }),
  used: field(Schema.Finite, "How much is used now: tasks, work that is left to do, or starts.", { example: 5 }),
  holders: field(Schema.Array(Schema.String), "The first 10 of the tasks that hold a slot; none of a Rate.", {
    example: ["019b0000-0000-7000-8000-00000000000a"],
  }),
  waiting: field(int(0, 10_000), "Tasks that could start but for limits, this one among them; counted to 10,000.", {
    example: 12,
  }),
}).annotate({ identifier: "Limit", description: "A limit of a rule, for tasks of one kind with the same values." });

export const Receiver = Schema.Struct({
  receiver: field(Schema.String, "Host and port.", { example: "service.example.com:443" }),
  circuit: field(Schema.Literals(circuitStates), "`open`: it is not called for now.", { example: "closed" }),
  until: atOrNull("When it may be tried again; null while the circuit is closed."),
  calls_open: field(int(0, countMax), "Calls to it that are open: starts and deliveries.", { example: 2 }),
  waiting: field(
    int(0, 10_000),
    "Starts and deliveries that wait for it, or for a free call slot; counted to 10,000. Of tasks with rules, those of the first 100 queues whose rules admit one.",
    { example: 0 },
  ),
  last_error: field(Schema.NullOr(Schema.String), "Why the newest call that failed did; null: none has lately.", {
    example: "HTTP 503",
  }),
  at: atOrNull("When the newest call to it ended; null: none has lately."),
}).annotate({ identifier: "Receiver", description: "Whom Baton called in the last day, or has calls for." });

const foundStates = [...batchStates, ...taskStates];
export const Found = Schema.Struct({
  type: field(Schema.Literals(["task", "batch"]), "What was found.", { example: "task" }),
  id: id("Its id."),
  label: field(Schema.String, "The name of a task; the scope of a batch, or its id where it has none.", {
    example: "Load the orders",
  }),
  batch_id: id("The batch of a task, or the batch itself."),
  status: field(Schema.Literals(foundStates), "The state of the task, or in lower case that of the batch.", {
    example: "Running",
  }),
}).annotate({ identifier: "Found", description: "A task or a batch that a search found." });

const ms = field(Schema.NullOr(int(0, countMax)), "Milliseconds; null: it did not come to that.", { example: 3 });
const AttemptTimes = Schema.Struct({ connect: ms, answer: ms }).annotate({
  identifier: "AttemptTimes",
  description: "How long until the connection was open (0 on a kept one), and from then until the answer was there.",
});
export const TaskAttempt = Schema.Struct({
  attempt: field(int(0, msMax), "The attempt, from 0.", { example: 0 }),
  claimed_at: at("When a worker claimed the task."),
  started_at: atOrNull("When the start call began; null: none was made, or how it went is not known."),
  ended_at: atOrNull("When the start call ended; null as before."),
  worker: field(Schema.String, "The worker, as events name it.", { example: "worker:7" }),
  waited_for: field(
    Schema.NullOr(Schema.Literals(waits)),
    "What held the task before it was claimed, where Baton knows it: a rule, a receiver to which no call could be sent, or a time.",
    { example: null },
  ),
  status: field(Schema.NullOr(int(100, 999)), "HTTP status of the answer; null where there was none, or no HTTP.", {
    example: 202,
  }),
  error: field(Schema.NullOr(Schema.String), "What went wrong with the call.", { example: null }),
  ms: field(AttemptTimes, "How long the call took."),
}).annotate({ identifier: "TaskAttempt", description: "A claim of a task, and how its start call went." });

const rounded = (what: string) => field(int(0, countMax), what, { example: 3 });
const Rates = Schema.Struct({
  starts: rounded("Claims that led to a start, whatever came of it."),
  successes: rounded("Tasks that ended in Success."),
  failures: rounded("Tasks that ended in Failure."),
}).annotate({
  identifier: "Rates",
  description: "What started and ended in a time, counted by ten seconds as it is published.",
});
const WaitingCounts = Schema.Struct({
  dependency: rounded("Waiting tasks: a dependency has not been met."),
  rule: rounded("Tasks that could start, in queues that a rule does not admit now."),
  run_at: rounded("Tasks whose time has not come."),
  backoff: rounded("Tasks that wait for their next attempt."),
  paused: rounded("Paused tasks."),
  circuit: rounded("Tasks without rules that could start, whose receiver has an open circuit."),
  unreachable: rounded("Tasks whose start could not be sent, until it is tried again."),
  ready: rounded("All other tasks that could start now."),
}).annotate({ identifier: "WaitingCounts", description: "Unfinished tasks that do not run, by what they wait for." });
const NextOfSchedule = Schema.Struct({
  name: field(Schema.String, "The name of the schedule.", { example: "nightly" }),
  next: atOrNull("When it makes its next batch; null: never."),
}).annotate({ identifier: "NextOfSchedule", description: "A schedule and its next time." });
export const Overview = Schema.Struct({
  at: at("When this was read; at most 10 s ago."),
  running: rounded("Claimed and Running tasks."),
  waiting: field(WaitingCounts, "The others that are not finished."),
  oldest_ready_at: atOrNull(
    "Since when the task that is ready the longest is; null: none is, of the 1,000 that are Pending the longest.",
  ),
  last_minute: field(Rates, "Of the last minute."),
  last_hour: field(Rates, "Of the last hour."),
  receivers_unhealthy: rounded("Receivers whose circuit is not closed."),
  exhausted: rounded("Deliveries that were given up."),
  dead_letters: rounded("Messages that could not be worked on."),
  workers: rounded("Processes that are alive, in every role."),
  schedules: field(Schema.Array(NextOfSchedule), "The schedules, those that are next first; at most 100.", {
    example: [],
  }),
}).annotate({
  identifier: "Overview",
  description: "The figures of the whole cluster. Counts above 100,000 are rounded.",
});
