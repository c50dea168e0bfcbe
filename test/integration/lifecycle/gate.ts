// Decides from outside when a task may be claimed. Its service has one slot in a worker (WEBHOOK_HOST_CONCURRENCY=1):
// while the gate is shut, a task of higher priority sits there or stands first in line for it.
import type { Cluster } from "#test/cluster";
import type { Hold, Receiver } from "#test/receiver";
import { until } from "#test/until";

interface Blocker {
  readonly id: string;
  readonly path: string;
  readonly hold: Hold;
}

export class Gate {
  readonly #cluster: Cluster;
  readonly #receiver: Receiver;
  #blocker: Blocker | null = null;
  #shuts = 0;

  constructor(cluster: Cluster, receiver: Receiver) {
    this.#cluster = cluster;
    this.#receiver = receiver;
  }

  /** The next one in the slot, or in line for it, is not the task. */
  async shut(): Promise<void> {
    this.#shuts += 1;
    const path = `/blocker-${this.#shuts}`;
    const hold = this.#receiver.hold(path);
    const task = { id: "b", name: "blocker", kind: "blocker", priority: 1000, on_start: this.#receiver.action(path) };
    const { b: id = "" } = await this.#cluster.create([task]);
    this.#blocker = { id, path, hold };
  }

  /** Resolves when the slot is taken by somebody else than the task. */
  async isShut(): Promise<void> {
    const path = this.#blocker?.path ?? "";
    await until(() => this.#receiver.to(path).length > 0, 10_000, `${path} is in the slot`);
  }

  /** Frees the slot: the task is claimed as soon as it may be. */
  async open(): Promise<void> {
    await this.isShut();
    const { id, hold } = this.#blocker as Blocker;
    this.#blocker = null;
    hold.release();
    await this.#cluster.call("DELETE", `/task/${id}`);
  }

  async remove(): Promise<void> {
    if (this.#blocker === null) return;
    this.#blocker.hold.release();
    await this.#cluster.call("DELETE", `/task/${this.#blocker.id}`);
  }
}
