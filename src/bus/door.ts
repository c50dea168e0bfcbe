// The way in for commands by HTTP: what is waiting goes into one JetStream message (at once when none is on its way, else
// when the last is stored), each command with an id; answers come back batched to one inbox of this process.
// A command that could not be stored, or got no answer in time, fails with `Unavailable`: repeating it is safe.
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { progressApplied } from "#bus/applied";
import type { Bus } from "#bus/client";
import { ProgressDoor } from "#bus/progress-door";
import { subjects } from "#bus/subjects";
import { tellTimer } from "#bus/timer";
import { limits } from "#config";
import type { Answer, ClientCommand, DeliveryCommand, Progress } from "#domain/command";
import { Unavailable } from "#domain/errors";

export interface Door {
  /** Asks the actor and waits for its answer, 10 s at most. */
  ask(command: ClientCommand | DeliveryCommand): Promise<Answer>;
  /** Resolves when JetStream has stored the update. Waits while BATCH_CHANNEL_CAPACITY updates are on their way. */
  progress(update: Progress): Promise<void>;
  /** Whether everything stored by now is counted; waits for that a little. */
  counted(): Promise<boolean>;
  /** Tells the dispatchers that there is work, and the timers that some of it is due in `firstDelayMs`. */
  ring(firstDelayMs?: number): void;
  readonly up: boolean;
}

/** Payload of a message on `subjects.door`. */
export interface DoorMessage {
  readonly inbox: string;
  readonly commands: readonly (ClientCommand | DeliveryCommand)[];
}

interface Waiting {
  /** As it is sent. */
  readonly text: string;
  readonly command: ClientCommand | DeliveryCommand;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

interface Options {
  readonly channelCapacity: number;
  /** Whether anybody can decide commands now: without Postgres they are refused at once, not left to wait in vain. */
  readonly decidable: () => boolean;
}

export function openDoor(bus: Bus, options: Options): Door {
  const commands = new CommandDoor(bus, options.decidable);
  const counters = new ProgressDoor(bus, options.channelCapacity);
  const bell = new Bell(bus);
  return {
    ask: (command) => commands.ask(command),
    progress: (update) => counters.put(update),
    counted: progressApplied(bus),
    ring: (firstDelayMs) => {
      bell.ring();
      if (firstDelayMs !== undefined) tellTimer(bus, firstDelayMs);
    },
    get up() {
      return bus.up;
    },
  };
}

class CommandDoor {
  readonly #bus: Bus;
  readonly #waiting = new Map<string, Waiting>();
  #queue: Waiting[] = [];
  #publishing = false;
  #inbox: { subject: string; of: NatsConnection } | null = null;

  readonly #decidable: () => boolean;

  constructor(bus: Bus, decidable: () => boolean) {
    this.#bus = bus;
    this.#decidable = decidable;
  }

  ask(command: ClientCommand | DeliveryCommand): Promise<Answer> {
    if (!this.#bus.up) return Promise.reject(new Unavailable("NATS cannot be reached"));
    if (!this.#decidable()) return Promise.reject(new Unavailable("Postgres cannot be reached"));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(command.id);
        reject(new Unavailable("no actor answered in time"));
      }, limits.commandDeadlineMs);
      const entry = { command, text: JSON.stringify(command), resolve, reject, timer };
      this.#waiting.set(command.id, entry);
      this.#queue.push(entry);
      if (!this.#publishing) {
        this.#publishing = true;
        // What the same pass of the event loop brings goes along.
        setImmediate(() => void this.#publish());
      }
    });
  }

  async #publish(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, fitting(this.#queue)).filter(({ command }) => this.#waiting.has(command.id));
      if (batch.length === 0) continue;
      const message = `{"inbox":${JSON.stringify(this.#listen())},"commands":[${batch.map(({ text }) => text).join()}]}`;
      try {
        await this.#bus.js.publish(subjects.door, message, { timeout: limits.publishTimeoutMs });
      } catch (error) {
        for (const { command } of batch)
          this.#fail(command.id, new Unavailable("NATS did not store the command", [], { cause: error }));
      }
    }
    this.#publishing = false;
  }

  #listen(): string {
    const { nc } = this.#bus;
    if (this.#inbox?.of !== nc) {
      this.#inbox = { subject: this.#bus.newInbox(), of: nc };
      nc.subscribe(this.#inbox.subject, { callback: (error, message) => (error ? undefined : this.#answers(message)) });
    }
    return this.#inbox.subject;
  }

  #answers(message: Msg): void {
    for (const [id, answer] of readAnswers(message)) {
      const entry = this.#waiting.get(id);
      if (!entry) continue;
      this.#waiting.delete(id);
      clearTimeout(entry.timer);
      entry.resolve(answer);
    }
  }

  #fail(id: string, error: Error): void {
    const entry = this.#waiting.get(id);
    if (!entry) return;
    this.#waiting.delete(id);
    clearTimeout(entry.timer);
    entry.reject(error);
  }
}

/** How many of these go into one message: as many as it may hold, and one at least. */
function fitting(queue: readonly Waiting[]): number {
  let bytes = 0;
  const end = queue.findIndex(({ text }, n) => {
    bytes += Buffer.byteLength(text);
    return n === limits.doorCommandsMax || (n > 0 && bytes > limits.doorBytesMax);
  });
  return end < 0 ? queue.length : end;
}

/** Anybody may publish to an inbox: what is no list of answers is skipped. An error here would stop the connection. */
function readAnswers(message: Msg): [string, Answer][] {
  try {
    const read = message.json<unknown>();
    return Array.isArray(read) ? read.filter((one) => Array.isArray(one) && typeof one[1]?.status === "number") : [];
  } catch {
    return [];
  }
}

/** Rings once however often it is asked while the last ring is on its way. A bell that is lost costs one sweep. */
export class Bell {
  readonly #bus: Bus;
  #ringing = false;
  #again = false;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  ring(): void {
    if (!this.#bus.up) return;
    if (this.#ringing) {
      this.#again = true;
      return;
    }
    this.#ringing = true;
    void this.#bus.js
      .publish(subjects.bell, "", { timeout: limits.publishTimeoutMs })
      .catch(() => {})
      .then(() => {
        this.#ringing = false;
        if (this.#again) {
          this.#again = false;
          this.ring();
        }
      });
  }
}
