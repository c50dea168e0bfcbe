// Large batches, on the side of the server: hands the call to a thread of its own, lends that connections, and gets the bytes of
// the answer. To parse, check, plan and print tens of thousands of tasks takes seconds, in which this thread would answer nobody.
// The other one starts with the first large call and ends when none came for a while.
import { Worker } from "node:worker_threads";
import type { CommandPublisher } from "#bus/commands/publisher";
import { type Config, limits } from "#config";
import { Unavailable } from "#domain/errors";
import type { Faults } from "#domain/faults";
import type {
  Add,
  Asking,
  Create,
  FromThread,
  LargeCall,
  Rerun,
  RunOfSchedule,
  ToThread,
} from "#intake/large/messages";
import { jsonType, type Reply } from "#intake/reply";
import type { Made } from "#intake/schedules/make";
import type { Target } from "#store/create/grow";
import type { Db } from "#store/pg/pool";
import type { Due } from "#store/schedules/due";
import type { Logger } from "#telemetry/log";

export interface LargeDeps {
  readonly config: Config;
  readonly db: Pick<Db, "lend">;
  readonly commands: Pick<CommandPublisher, "notifyClaims">;
  readonly log: Logger;
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

interface Loan {
  readonly borrowed: { pid: number };
  readonly end: () => void;
}

export class LargeCalls {
  readonly #deps: LargeDeps;
  readonly #turns: { readonly bytes: number; readonly begin: () => void }[] = [];
  readonly #idle: NodeJS.Timeout;
  #bytes = 0;
  #thread: Thread | undefined;

  constructor(deps: LargeDeps) {
    this.#deps = deps;
    this.#idle = setTimeout(() => void this.close(), limits.largeIdleMs).unref();
  }

  /** The answer's body is its JSON as bytes. `sent` is given away; `faults`: of the call beside its body. */
  create(sent: Uint8Array, asking: Asking, faults: Faults): Promise<Reply> {
    return this.#askWith({ what: "create", asking, found: faults.found }, sent);
  }

  /** The same. */
  add(target: Target, sent: Uint8Array, asking: Asking, faults: Faults): Promise<Reply> {
    return this.#askWith({ what: "add", target, asking, found: faults.found }, sent);
  }

  /** The same. `tasks`: how many the batch has. */
  rerun(rerun: Omit<Rerun, "what">, tasks: number): Promise<Reply> {
    return this.#ask({ what: "rerun", ...rerun }, tasks * taskBytes);
  }

  /** The same, of the batch of a schedule. `bytes`: of its body. */
  run(run: Omit<RunOfSchedule, "what">, bytes: number): Promise<Reply> {
    return this.#ask({ what: "run", ...run }, bytes);
  }

  /** What a schedule that is due makes. */
  async make({ id, version }: Pick<Due, "id" | "version">, bytes: number): Promise<Made> {
    const { status, body } = await this.#ask({ what: "make", schedule: { id, version } }, bytes);
    if (status === 503) throw new Unavailable(String(body));
    if (status !== 200) throw new Error(String(body));
    return JSON.parse(String(body)) as Made;
  }

  #askWith(call: Omit<Create, "body"> | Omit<Add, "body">, sent: Uint8Array): Promise<Reply> {
    const isOwn = sent.byteOffset === 0 && sent.byteLength === sent.buffer.byteLength;
    // A part of a larger buffer must not take the rest along.
    const body = isOwn ? new Uint8Array(sent.buffer) : Uint8Array.from(sent);
    return this.#ask({ ...call, body }, body.byteLength, [body.buffer as ArrayBuffer]);
  }

  async #ask(call: LargeCall, bytes: number, transfer: readonly ArrayBuffer[] = []): Promise<Reply> {
    await this.#turn(bytes);
    try {
      if (this.#thread?.isOver !== false) this.#thread = new Thread(this.#deps);
      return await this.#thread.ask(call, transfer);
    } finally {
      this.#bytes -= bytes;
      this.#idle.refresh();
      this.#beginNext();
    }
  }

  /** Ends the thread, unless it has something to do. */
  async close(): Promise<void> {
    if (this.#bytes > 0) return;
    await this.#thread?.end();
  }

  /** One after the other where they are many bytes together: memory is bounded, whatever is sent at once. */
  #turn(bytes: number): Promise<void> {
    return new Promise((begin) => {
      this.#turns.push({ bytes, begin });
      this.#beginNext();
    });
  }

  #beginNext(): void {
    for (let [next] = this.#turns; next !== undefined; [next] = this.#turns) {
      if (this.#bytes > 0 && this.#bytes + next.bytes > limits.largeBodiesBytesMax) return;
      this.#bytes += next.bytes;
      this.#turns.shift();
      next.begin();
    }
  }
}

/** What a task takes of a body, as a rule. */
const taskBytes = 1_000;

/** One thread, from its start to its end. Whatever waits for it when it ends is refused; what it had not committed is rolled back. */
class Thread {
  isOver = false;
  readonly #deps: LargeDeps;
  readonly #worker: Worker;
  readonly #calls = new Map<number, Waiting>();
  readonly #loans = new Map<number, Loan>();
  #lastCall = 0;

  constructor(deps: LargeDeps) {
    this.#deps = deps;
    this.#worker = new Worker(new URL("./thread.ts", import.meta.url), { workerData: deps.config });
    this.#worker.unref();
    this.#worker.on("message", (message: FromThread) => this.#heard(message));
    this.#worker.on("error", (err) => deps.log.error({ err }, "the thread for large batches failed"));
    this.#worker.on("exit", () => this.#over());
  }

  ask(call: LargeCall, transfer: readonly ArrayBuffer[]): Promise<Reply> {
    const id = ++this.#lastCall;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#say({ type: "call", id, call }, transfer);
    });
  }

  async end(): Promise<void> {
    this.isOver = true;
    await this.#worker.terminate();
  }

  #say(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #heard(message: FromThread): void {
    if (message.type === "answer") this.#settle(message.id)?.resolve(replyFrom(message));
    else if (message.type === "failure") this.#settle(message.id)?.reject(errorFrom(message));
    else if (message.type === "created") this.#deps.commands.notifyClaims(message.firstDelayMs);
    else if (message.type === "borrow") void this.#lend(message.id, message.timeoutMs);
    else if (message.type === "opened")
      Object.assign(this.#loans.get(message.id)?.borrowed ?? {}, { pid: message.pid });
    else this.#loans.get(message.id)?.end();
  }

  async #lend(id: number, timeoutMs: number): Promise<void> {
    try {
      await this.#deps.db.lend((borrowed) => {
        if (this.isOver) return Promise.resolve();
        const { promise, resolve: end } = Promise.withResolvers<void>();
        this.#loans.set(id, { borrowed, end });
        this.#say({ type: "lent", id });
        return promise;
      }, timeoutMs);
    } catch (error) {
      this.#say({ type: "refused", id, reason: (error as Error).message });
    } finally {
      this.#loans.delete(id);
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#calls.get(id);
    this.#calls.delete(id);
    return waiting;
  }

  #over(): void {
    this.isOver = true;
    for (const { end } of this.#loans.values()) end();
    for (const { reject } of this.#calls.values())
      reject(new Unavailable("the thread that dealt with this call ended"));
    this.#calls.clear();
  }
}

function replyFrom({ status, headers, body }: FromThread & { readonly type: "answer" }): Reply {
  if (body === undefined) return { status, headers, body };
  return { status, headers: { ...headers, "content-type": jsonType }, body: Buffer.from(body.buffer as ArrayBuffer) };
}

const errorFrom = ({ message, stack }: FromThread & { readonly type: "failure" }): Error =>
  Object.assign(new Error(message), { stack });
