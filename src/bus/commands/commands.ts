// What clients ask, as it comes from JetStream: parses each message into commands, sends the answers, acks a message when
// its last command is settled. What cannot be parsed is answered if the client waits, and kept in `baton.dead`.
import type { JsMsg } from "@nats-io/jetstream";
import type { Bus } from "#bus/client";
import type { CommandsMessage } from "#bus/commands/publisher";
import { consume, InHand, type Intake } from "#bus/consume";
import type { Brought } from "#bus/counters/progress";
import { setAside } from "#bus/dead";
import { consumers, headers, isInbox, subjects, taskVerbsOnBus } from "#bus/subjects";
import { byNats, isActor } from "#domain/actor";
import {
  type AcceptedVerb,
  type Answer,
  batchVerbs,
  type ClientCommand,
  type DeliveryCommand,
  deliveryVerbs,
  invalidAnswer,
  type TaskVerb,
  taskVerbs,
} from "#domain/command";
import { single } from "#domain/counters/counts";
import { type ErrorCode, Invalid } from "#domain/errors";
import { Faults, quoted } from "#domain/faults";
import { type CommandFields, type Counts, readCommand, readOverrideMessage, readProgress } from "#domain/schema/report";
import { isKey, isUuid, mustBeKey, readTime } from "#domain/schema/text";
import { outcomes } from "#domain/state";
import { parseJson } from "#domain/values/json";
import type { Logger } from "#telemetry/log";

/** A command with its way back. */
export interface Asked {
  readonly command: ClientCommand;
  /** When JetStream stored it, in ms of the clock of Postgres. */
  readonly storedAt: number;
  /** Its caller gives up after the deadline: then it must not take effect. */
  readonly expires: boolean;
  /** Where an answer that comes later goes: for `CommandSource.reply`; null: the client asked for none. */
  readonly replyTo: string | null;
  /** Once per command; null: dropped without an answer. With 202 the final answer comes later. */
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
  /** Resolves when more may be taken. */
  readonly whenFree: () => Promise<void>;
  /** A time of the clock of NATS, by that of Postgres; both in ms. */
  readonly toPostgresMs: (natsMs: number) => number;
}

export interface CommandSource extends Intake {
  /** Sends the answers of the last turn: one message for each inbox. */
  flush(): void;
  /** Sends an answer that came later to where the command said. */
  reply(to: string, answer: Answer): void;
  /** Sets a command aside that could not be decided, with the reason. */
  setAside(command: ClientCommand | DeliveryCommand, reason: string): void;
  /** Gives back what has not been settled. */
  close(): void;
}

export function takeCommands(bus: Bus, handlers: Handlers, log: Logger): CommandSource {
  const inHand = new InHand(bus, log);
  const answers = new Answers(bus, log);
  const storedAt = (message: JsMsg): number => handlers.toPostgresMs(Number(message.timestampNanos) / 1e6);

  const takeMany = (message: JsMsg): void => {
    const { inbox, commands } = readMany(message);
    let open = commands.length;
    if (open === 0) inHand.ack(message);
    for (const command of commands) {
      const asked = {
        storedAt: storedAt(message),
        settle: (answer: Answer | null) => {
          if (answer !== null) answers.add(inbox, command.id, answer);
          if (--open === 0) inHand.ack(message);
        },
      };
      if (isOfDeliveries(command)) handlers.delivery({ ...asked, command });
      else handlers.command({ ...asked, command: named(command), expires: true, replyTo: `${inbox} ${command.id}` });
    }
  };

  const takeOne = (message: JsMsg): void => {
    const to = message.headers?.get(headers.reply) || null;
    const settle = (answer: Answer | null): void => {
      // A client that asked over NATS is answered when all is done, or after some time with 202 that the work goes on.
      if (answer !== null && to !== null && answer.propagating !== true)
        answers.send(to, shown(answer), { task: answer.id });
      inHand.ack(message);
    };
    const read = readMessage(message);
    if ("refused" in read) {
      setAside(bus, message, read.reason, log);
      settle(read.refused);
    } else if ("update" in read) handlers.progress({ ...read, storedAt: storedAt(message), settle });
    else handlers.command({ ...read, storedAt: storedAt(message), expires: false, replyTo: to, settle });
  };

  const intake = consume({
    bus,
    inHand,
    source: consumers.commands,
    log,
    ahead: 64,
    whenFree: handlers.whenFree,
    take: (message) => {
      try {
        if (message.subject === subjects.apiCommands) takeMany(message);
        else takeOne(message);
      } catch (error) {
        setAside(bus, message, String(error), log);
        inHand.ack(message);
      }
    },
  });

  return {
    stop: () => intake.stop(),
    flush: () => answers.flush(),
    reply(to, answer) {
      const [inbox = "", id] = to.split(" ");
      answers.send(inbox, id === undefined ? shown(answer) : [[id, answer]]);
    },
    setAside(command, reason) {
      const of = isOfDeliveries(command) ? subjects.deliveryOf : subjects.taskOf;
      setAside(bus, { subject: of(command.target, command.verb), data: JSON.stringify(command) }, reason, log);
    },
    close: () => inHand.close(),
  };
}

/** The way back: those of the API's commands wait for the end of the turn, and go in one message for each inbox. */
class Answers {
  readonly #bus: Bus;
  readonly #log: Logger;
  readonly #waiting = new Map<string, [id: string, answer: Answer][]>();

  constructor(bus: Bus, log: Logger) {
    this.#bus = bus;
    this.#log = log;
  }

  add(inbox: string, id: string, answer: Answer): void {
    append(this.#waiting, inbox, [id, answer]);
  }

  flush(): void {
    for (const [inbox, list] of this.#waiting) this.send(inbox, list);
    this.#waiting.clear();
  }

  /** The address of a stranger may be invalid; then there is no answer. */
  send(to: string, body: unknown, ids: { readonly task?: string } = {}): void {
    try {
      if (isInbox(to)) this.#bus.nc.publish(to, JSON.stringify(body));
      else this.#log.warn({ ...ids, to }, "an answer was asked for where none may go");
    } catch (error) {
      this.#log.warn({ err: error, ...ids, to }, "an answer could not be sent");
    }
  }
}

/** An answer as HTTP gives it, in one object. */
export function shown(answer: Answer): object {
  if (answer.status < 300) return answer;
  const isConflict = answer.status === 409 || answer.code === "not_in_this_state";
  const conflict = isConflict ? { current_status: answer.state, allowed: answer.allowed ?? [] } : {};
  return { details: [], faults: [], ...answer, ...conflict };
}

const isOfDeliveries = (command: ClientCommand | DeliveryCommand): command is DeliveryCommand =>
  (deliveryVerbs as readonly string[]).includes(command.verb);

/** The API says who asked. Only it may publish here (`nats.conf`); without an actor, it came from another client of NATS. */
const named = (command: ClientCommand): ClientCommand =>
  isActor(command.actor) ? command : { ...command, actor: byNats };

/** Our own API sends nothing else; a stranger may. Throws, so that the message becomes a dead letter. */
function readMany(message: JsMsg): CommandsMessage {
  const read = message.json<CommandsMessage | null>();
  const known = (verb: unknown) => ([...taskVerbs, ...batchVerbs, ...deliveryVerbs] as unknown[]).includes(verb);
  const isCommand = (command: CommandsMessage["commands"][number] | null) =>
    typeof command?.id === "string" &&
    isUuid(command.target) &&
    known(command.verb) &&
    (command.verb !== "override" || outcomes.some((one) => one === command.override?.status)) &&
    (command.verb !== "replay_since" || readTime(command.since) !== undefined);
  if (typeof read?.inbox !== "string" || !Array.isArray(read.commands) || !read.commands.every(isCommand))
    throw new Error("not a message of the API");
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
  const known = more === undefined && taskVerbsOnBus.includes(verb);
  const refuse = (of: string, error: string, faults: Faults, code: ErrorCode = "validation_failed") => ({
    refused: { ...invalidAnswer(of, faults), error, code },
    reason: `${error}: ${faults.list.join("; ")}`,
  });
  const outside = (of: string, error: string, name: string, wrong: string, code?: ErrorCode) => {
    const faults = new Faults();
    faults.addOutside(name === message.subject ? "subject" : `header:${name}`, name, "invalid_format", wrong);
    return refuse(of, error, faults, code);
  };
  if (!known) return outside(id, "Unknown command", message.subject, "must be baton.task.<id>.<verb>");
  if (!isUuid(id)) return outside(id, "Not a task id", message.subject, "must name a UUID", "invalid_id");
  const target = id.toLowerCase();
  const key = message.headers?.get(headers.msgId) || undefined;
  if (key !== undefined && !isKey(key))
    return outside(target, "Invalid header", headers.msgId, `${mustBeKey}, not ${quoted(key)}`);
  const unique = `${message.seq}-${message.timestampNanos}`;
  const read = readPayload(message.data, verb);
  if (read instanceof Faults) return refuse(target, "Validation failed", read);
  if (read instanceof Invalid) {
    const { message: error, code, details, faults } = read;
    return {
      refused: { status: 400, id: target, error, code, details, faults },
      reason: `${error}: ${details.join("; ")}`,
    };
  }
  if ("counts" in read)
    return {
      update: { task: target, ...read.counts, named: read.counts.attempt !== undefined },
      bundle: single(`${target}:${key ?? unique}`),
      place: 0,
    };
  // Whatever its headers say: a client of NATS has no other name.
  const asked = { id: unique, verb: verb as TaskVerb, target, actor: byNats };
  return { command: { ...asked, ...read, ...(key === undefined ? {} : { key }) } };
}

type Read =
  | CommandFields
  | Pick<ClientCommand, "override" | "attempt">
  | { readonly counts: Counts }
  | Faults
  | Invalid;

function readPayload(data: Uint8Array, verb: string): Read {
  const faults = new Faults();
  try {
    const body = data.length === 0 ? {} : parseJson(data, false, faults);
    if (verb === "override") return readOverrideMessage(body, faults) ?? faults;
    if (verb !== "progress") return readCommand(verb as AcceptedVerb, body, faults) ?? faults;
    const counts = readProgress(body, faults);
    return counts ? { counts } : faults;
  } catch (error) {
    if (error instanceof Invalid) return error;
    throw error;
  }
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
