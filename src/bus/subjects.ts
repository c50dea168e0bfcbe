// Every subject, stream, consumer and limit of NATS in one table. Streams are bounded; when one is full, publishing is
// refused (never silently dropped), which the API turns into a 503.
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  PersistMode,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { taskVerbs } from "#domain/command";

export const subjects = {
  /** `baton.task.<id>.<verb>`: what any client may ask of a task. */
  task: "baton.task.>",
  taskOf: (id: string, verb: string) => `baton.task.${id}.${verb}`,
  /** Only as what a dead letter is about: what follows from a command on a batch. */
  batchOf: (id: string, what: string) => `baton.batch.${id}.${what}`,
  /** Only as what a dead letter is about: deliveries are replayed through the API. */
  deliveryOf: (id: string, verb: string) => `baton.delivery.${id}.${verb}`,
  /** Many commands in one message, from the HTTP API. */
  apiCommands: "baton.door",
  /** There is work to claim. */
  notifications: "baton.start.bell",
  /** Counter updates, many in one message, from the HTTP API. */
  progress: "baton.progress",
  /** Users' work: what `Nats` actions publish. */
  work: "baton.work.>",
  dead: "baton.dead.>",
  deadOf: (subject: string) => `baton.dead.${subject.replace(/^baton\./, "")}`,
  createBatch: "baton.batch.create",
  addToBatch: (id: string) => `baton.batch.${id}.add`,
  closeBatch: (id: string) => `baton.batch.${id}.close`,
  /** `baton.event.<batch>.<task>.<state>`: each committed transition. */
  event: "baton.event.>",
  eventOf: (batch: string, task: string, state: string) => `baton.event.${batch}.${task}.${state}`,
  /** A timer was armed by a process that runs none. */
  timer: "baton.timer",
  /** A schedule was made or changed. */
  schedule: "baton.schedule",
  /** The circuit of a receiver changed. */
  circuit: "baton.circuit",
  /** A bulk operation was asked for, or is to stop. */
  bulk: "baton.bulk",
} as const;

/** Where what is sent to this process arrives. A user of NATS may read there for its own role alone (`nats.conf`). */
export const inboxPrefixOf = (roles: ReadonlySet<string>): string =>
  `_INBOX_${roles.size === 1 ? [...roles][0] : "baton"}`;

/**
 * Whether answers may go there: not to a stream, not to the server, not to another command. A stranger chooses the address,
 * and the right to publish is ours: an answer to `$JS.API.STREAM.PURGE.<stream>` would empty it.
 */
export const isInbox = (subject: string): boolean =>
  /^(?!\$|baton\.)(?=.{1,255}$)[^\s.*>\p{Cc}]+(\.[^\s.*>\p{Cc}]+)*$/u.test(subject);

export const headers = {
  ...{ reply: "Baton-Reply", reason: "Baton-Reason", msgId: "Nats-Msg-Id" },
  /** The server stores the message only if the last one in the stream has this sequence. */
  expectedLast: "Nats-Expected-Last-Sequence",
  /** The same by the id of the last one. */
  expectedLastId: "Nats-Expected-Last-Msg-Id",
} as const;
export const taskVerbsOnBus: readonly string[] = [...taskVerbs, "progress"];

const second = 1_000_000_000;
const megabyte = 1_048_576;

const bounded = (
  name: string,
  on: string[],
  bytes: number,
  extra: Partial<StreamConfig> = {},
): Partial<StreamConfig> & { name: string } => ({
  name,
  subjects: on,
  retention: RetentionPolicy.Workqueue,
  storage: StorageType.File,
  discard: DiscardPolicy.New,
  max_bytes: bytes,
  duplicate_window: second / 10,
  ...extra,
});

/**
 * No `max_age` on commands: what was accepted outlives any outage of Postgres. The shortest `duplicate_window` there is, where
 * we remember ids ourselves: the server swallows a repetition even when it has lost the first one, or when its sender waits
 * for the answer again. Users' work has nothing but the window.
 */
export const streams = {
  commands: bounded("BATON_COMMANDS", [subjects.task, subjects.apiCommands], 512 * megabyte),
  progress: bounded("BATON_PROGRESS", [subjects.progress], 512 * megabyte),
  notifications: bounded("BATON_BELL", [subjects.notifications], megabyte, {
    storage: StorageType.Memory,
    max_msgs: 256,
  }),
  work: bounded("BATON_WORK", [subjects.work], 1024 * megabyte, { duplicate_window: 120 * second }),
  /** A copy of the log in Postgres: a full one drops its oldest. */
  events: bounded("BATON_EVENTS", [subjects.event], 1024 * megabyte, {
    ...{ retention: RetentionPolicy.Limits, discard: DiscardPolicy.Old, max_age: 86_400 * second },
    ...{ duplicate_window: 120 * second },
  }),
  dead: bounded("BATON_DEAD", [subjects.dead], 64 * megabyte, {
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
  }),
};

/**
 * The settings of a stream that so many servers keep. A single server writes the copy of the log to its disk when it gets round to it:
 * what it loses when it dies is published again. Several servers do not need it, and refuse it.
 */
export const settingsOf = <T extends { readonly name: string }>(stream: T, replicas: number): T =>
  replicas === 1 && stream.name === streams.events.name
    ? { ...stream, num_replicas: 1, persist_mode: PersistMode.Async }
    : { ...stream, num_replicas: replicas };

const durable = (name: string, ackWaitSecs: number): Partial<ConsumerConfig> & { durable_name: string } => ({
  durable_name: name,
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.All,
  ack_wait: ackWaitSecs * second,
  max_ack_pending: 50_000,
  max_deliver: -1,
});

/** Shared by all workers: each message goes to one of them. This is the queue group. */
export const consumers = {
  commands: { stream: streams.commands.name, config: durable("actors", 8) },
  progress: { stream: streams.progress.name, config: durable("counters", 8) },
  notifications: { stream: streams.notifications.name, config: durable("dispatchers", 5) },
  dead: { stream: streams.dead.name, config: durable("dead_letters", 8) },
};

/** Sent this often while a message is worked on, so that it is not given to another. */
export const workingEveryMs = 2_500;
