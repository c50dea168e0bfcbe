// Publishes the commands of the API. All that wait go into one JetStream message: at once when none is on its way, else when the last
// one is stored. Each command has an id; answers come back, many in one message, to one inbox of this process. A command that could
// not be stored, or got no answer in time, fails with `Unavailable`: repeating it is safe.
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { Bus } from "#bus/client";
import { progressApplied } from "#bus/counters/applied";
import { ProgressPublisher } from "#bus/counters/progress-publisher";
import { tellBulk } from "#bus/notifications/bulk";
import { ClaimNotifier } from "#bus/notifications/claims";
import { tellSchedule, tellTimer } from "#bus/notifications/timers";
import { type Resent, resend } from "#bus/resend";
import { subjects } from "#bus/subjects";
import { limits } from "#config";
import type { Answer, ClientCommand, DeliveryCommand, Progress } from "#domain/command";
import { Busy, Unavailable } from "#domain/errors";
import { Batcher } from "#flow/batcher";

export interface CommandPublisher {
  /** Asks the actor and waits for its answer, 10 s at most. */
  ask(command: ClientCommand | DeliveryCommand): Promise<Answer>;
  /** Resolves when JetStream has stored the update. Waits while BATCH_CHANNEL_CAPACITY updates are on their way. */
  progress(update: Progress): Promise<void>;
  /** Whether everything stored by now is counted; waits for that a little. */
  counted(): Promise<boolean>;
  /** Notifies workers that there is work, and timers that some of it is due in `firstDelayMs`. */
  notifyClaims(firstDelayMs?: number): void;
  /** Notifies workers that a bulk operation has something to do. */
  notifyBulk(): void;
  /** Notifies workers that a schedule was made or changed, which has to be looked at in `ms`. */
  notifySchedule(ms: number): void;
  /** Sends a message again as it came; false: nothing takes messages on its subject. */
  resend(message: Resent): Promise<boolean>;
  readonly up: boolean;
}

/** Payload of a message on `subjects.apiCommands`. */
export interface CommandsMessage {
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
  /** The command is committed, and this is known so far of what follows from it. */
  begun?: Answer;
}

interface Options {
  readonly channelCapacity: number;
  /** Whether commands can be decided now: without Postgres they are refused at once, not left to wait in vain. */
  readonly decidable: () => boolean;
}

export function openPublisher(bus: Bus, options: Options): CommandPublisher {
  const commands = new CommandRequests(bus, options.decidable);
  const counters = new ProgressPublisher(bus, options.channelCapacity);
  const notifier = new ClaimNotifier(bus);
  return {
    ask: (command) => commands.ask(command),
    progress: (update) => counters.put(update),
    counted: progressApplied(bus),
    notifyClaims: (firstDelayMs) => {
      notifier.notify();
      if (firstDelayMs !== undefined) tellTimer(bus, firstDelayMs);
    },
    notifyBulk: () => tellBulk(bus),
    notifySchedule: (ms) => tellSchedule(bus, ms),
    resend: (message) => resend(bus, message),
    get up() {
      return bus.up;
    },
  };
}

class CommandRequests {
  readonly #bus: Bus;
  readonly #waiting = new Map<string, Waiting>();
  #inbox: { subject: string; of: NatsConnection } | null = null;
  readonly #decidable: () => boolean;
  readonly #messages: Batcher<Waiting>;

  constructor(bus: Bus, decidable: () => boolean) {
    this.#bus = bus;
    this.#decidable = decidable;
    this.#messages = new Batcher({
      max: limits.messageCommandsMax,
      take: (waiting) => waiting.splice(0, fitting(waiting)),
      run: (batch) => this.#publish(batch),
      remedy: () => "give_up",
      giveUp: (batch, cause) => {
        for (const { command } of batch)
          this.#fail(command.id, new Unavailable("NATS did not store the command", [], { cause }));
      },
    });
  }

  ask(command: ClientCommand | DeliveryCommand): Promise<Answer> {
    if (!this.#bus.up) return Promise.reject(new Unavailable("NATS cannot be reached"));
    if (!this.#decidable()) return Promise.reject(new Unavailable("Postgres cannot be reached"));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(command.id);
        if (entry.begun !== undefined) resolve(entry.begun);
        else reject(new Busy("no actor answered in time"));
      }, limits.commandDeadlineMs);
      const entry: Waiting = { command, text: JSON.stringify(command), resolve, reject, timer };
      this.#waiting.set(command.id, entry);
      this.#messages.put(entry);
    });
  }

  async #publish(waiting: readonly Waiting[]): Promise<Waiting[]> {
    const batch = waiting.filter(({ command }) => this.#waiting.has(command.id));
    if (batch.length === 0) return [];
    const message = `{"inbox":${JSON.stringify(this.#listen())},"commands":[${batch.map(({ text }) => text).join()}]}`;
    await this.#bus.js.publish(subjects.apiCommands, message, { timeout: limits.publishTimeoutMs });
    return [];
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
      if (answer.propagating === true) {
        entry.begun = answer;
        continue;
      }
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

/** How many of these go into one message: as many as it may hold, and at least one. */
function fitting(queue: readonly Waiting[]): number {
  let bytes = 0;
  const end = queue.findIndex(({ text }, n) => {
    bytes += Buffer.byteLength(text);
    return n === limits.messageCommandsMax || (n > 0 && bytes > limits.messageBytesMax);
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
