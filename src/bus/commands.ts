// What clients ask, as it comes from JetStream: parses each message into commands, sends the answers, acks a message when
// its last command is settled. What cannot be parsed is answered where somebody waits, and parked in `baton.dead`.
import type { JsMsg } from "@nats-io/jetstream";
import type { Bus } from "#bus/client";
import { consume, InHand, type Intake } from "#bus/consume";
import { park } from "#bus/dead";
import type { DoorMessage } from "#bus/door";
import type { Brought } from "#bus/progress";
import { consumers, headers, isInbox, subjects } from "#bus/subjects";
import {
  type Answer,
  batchVerbs,
  type ClientCommand,
  type DeliveryCommand,
  deliveryVerbs,
  type TaskVerb,
  taskVerbs,
} from "#domain/command";
import { single } from "#domain/counts";
import { Invalid } from "#domain/errors";
import { parseExactJson } from "#domain/json";
import { Faults } from "#domain/schema/decode";
import { readCommand, readPut } from "#domain/schema/report";
import { isKey, isUuid, mustBeKey, readTime } from "#domain/schema/text";
import type { Logger } from "#telemetry/log";

/** A command with its way back. */
export interface Asked {
  readonly command: ClientCommand;
  /** When JetStream stored it, ms. */
  readonly storedAt: number;
  /** Nobody waits for the answer any more after the deadline: then it must not take effect. */
  readonly expires: boolean;
  /** Once per command; null: dropped without an answer. */
  readonly settle: (answer: Answer | null) => void;
}

/** A command about deliveries; its caller waits no longer than the deadline. */
export interface AskedDelivery {
  readonly command: DeliveryCommand;
  readonly storedAt: number;
  readonly settle: (answer: Answer | null) => void;
}

/** A counter update that was published by itself. */
export interface AskedProgress extends Omit<Brought, "settle"> {
  readonly storedAt: number;
  readonly settle: (answer: Answer | null) => void;
}

export interface Handlers {
  readonly command: (asked: Asked) => void;
  readonly delivery: (asked: AskedDelivery) => void;
  readonly progress: (asked: AskedProgress) => void;
  /** Resolves when there is room for more. */
  readonly room: () => Promise<void>;
}

export interface CommandSource extends Intake {
  /** Sends the answers of the last turn: one message for each inbox. */
  flush(): void;
  /** Parks a command that could not be decided, with the reason. */
  park(command: ClientCommand | DeliveryCommand, reason: string): void;
  /** Gives back what has not been settled. */
  close(): void;
}

export function takeCommands(bus: Bus, handlers: Handlers, log: Logger): CommandSource {
  const inHand = new InHand(bus, log);
  const answers = new Map<string, [string, Answer][]>();
  /** An address of a stranger may be none; then nobody is waiting there. */
  const reply = (to: string, body: unknown): void => {
    try {
      if (isInbox(to)) bus.nc.publish(to, JSON.stringify(body));
      else log.warn({ to }, "an answer was asked for where none may go");
    } catch (error) {
      log.warn({ err: error, to }, "an answer could not be sent");
    }
  };

  const takeDoor = (message: JsMsg): void => {
    const { inbox, commands } = readDoor(message);
    let open = commands.length;
    if (open === 0) inHand.ack(message);
    for (const command of commands) {
      const asked = {
        storedAt: storedAt(message),
        settle: (answer: Answer | null) => {
          if (answer !== null) append(answers, inbox, [command.id, answer]);
          if (--open === 0) inHand.ack(message);
        },
      };
      if (isOfDeliveries(command)) handlers.delivery({ ...asked, command });
      else handlers.command({ ...asked, command, expires: true });
    }
  };

  const takeOne = (message: JsMsg): void => {
    const to = message.headers?.get(headers.reply) || null;
    const settle = (answer: Answer | null): void => {
      if (answer !== null && to !== null) reply(to, answer);
      inHand.ack(message);
    };
    const read = readMessage(message);
    if ("refused" in read) {
      park(bus, message, read.reason, log);
      settle(read.refused);
    } else if ("update" in read) handlers.progress({ ...read, storedAt: storedAt(message), settle });
    else handlers.command({ ...read, storedAt: storedAt(message), expires: false, settle });
  };

  const intake = consume({
    bus,
    inHand,
    source: consumers.commands,
    log,
    ahead: 256,
    take: async (message) => {
      try {
        if (message.subject === subjects.door) takeDoor(message);
        else takeOne(message);
      } catch (error) {
        park(bus, message, String(error), log);
        inHand.ack(message);
      }
      await handlers.room();
    },
  });

  return {
    stop: () => intake.stop(),
    flush() {
      for (const [inbox, list] of answers) reply(inbox, list);
      answers.clear();
    },
    park(command, reason) {
      const of = isOfDeliveries(command) ? subjects.deliveryOf : subjects.taskOf;
      park(bus, { subject: of(command.target, command.verb), data: JSON.stringify(command) }, reason, log);
    },
    close: () => inHand.close(),
  };
}

const storedAt = (message: JsMsg): number => Number(message.timestampNanos) / 1e6;

const isOfDeliveries = (command: ClientCommand | DeliveryCommand): command is DeliveryCommand =>
  (deliveryVerbs as readonly string[]).includes(command.verb);

/** Our own doors send nothing else; a stranger may. Throws, so that the message is parked. */
function readDoor(message: JsMsg): DoorMessage {
  const read = message.json<DoorMessage | null>();
  const known = (verb: unknown) => ([...taskVerbs, ...batchVerbs, ...deliveryVerbs] as unknown[]).includes(verb);
  const isCommand = (command: DoorMessage["commands"][number] | null) =>
    typeof command?.id === "string" &&
    isUuid(command.target) &&
    known(command.verb) &&
    (command.verb !== "replay_since" || readTime(command.since) !== undefined);
  if (typeof read?.inbox !== "string" || !Array.isArray(read.commands) || !read.commands.every(isCommand))
    throw new Error("not a message of a door");
  return read;
}

/** A message that a client published by itself. */
function readMessage(
  message: JsMsg,
):
  | { readonly command: ClientCommand }
  | Pick<Brought, "update" | "bundle" | "place">
  | { readonly refused: Answer; readonly reason: string } {
  const [, , id = "", verb = "", more] = message.subject.split(".");
  const known = more === undefined && ([...taskVerbs, "progress"] as string[]).includes(verb);
  const refuse = (of: string, error: string, details: readonly string[]) => ({
    refused: { status: 400, id: of, error, details },
    reason: `${error}: ${details.join("; ")}`,
  });
  if (!known) return refuse(id, "Unknown command", [`${message.subject}: must be baton.task.<id>.<verb>`]);
  if (!isUuid(id)) return refuse(id, "Not a task id", [`${message.subject}: must name a UUID`]);
  const target = id.toLowerCase();
  const key = message.headers?.get(headers.msgId) || undefined;
  if (key !== undefined && !isKey(key)) return refuse(target, "Invalid header", [`${headers.msgId}: ${mustBeKey}`]);
  const unique = `${message.seq}-${message.timestampNanos}`;
  const read = readPayload(message.data, verb);
  if ("faults" in read) return refuse(target, read.error ?? "Validation failed", read.faults);
  if ("counts" in read)
    return { update: { task: target, ...read.counts }, bundle: single(`${target}:${key ?? unique}`), place: 0 };
  return { command: { id: unique, verb: verb as TaskVerb, target, ...read, ...(key === undefined ? {} : { key }) } };
}

type Read =
  | { readonly fields: NonNullable<ClientCommand["fields"]>; readonly attempt?: number }
  | { readonly counts: { readonly success: number; readonly failures: number } }
  | { readonly error?: string; readonly faults: readonly string[] };

function readPayload(data: Uint8Array, verb: string): Read {
  const faults = new Faults();
  try {
    const body = data.length === 0 ? {} : parseExactJson(data);
    if (verb === "progress") {
      const counts = readPut(body, faults);
      return counts ? { counts } : { faults: faults.list };
    }
    return readCommand(verb as TaskVerb, body, faults) ?? { faults: faults.list };
  } catch (error) {
    if (error instanceof Invalid) return { error: error.message, faults: error.details };
    throw error;
  }
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
