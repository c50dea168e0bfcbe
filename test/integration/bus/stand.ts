// A bus on a nats-server of its own, and a stranger beside it who publishes what he likes and looks into the streams.
import { createInbox, type NatsConnection, headers as newHeaders } from "@nats-io/transport-node";
import { onTestFinished } from "vitest";
import { type Bus, openBus } from "#bus/client";
import { type Asked, type AskedProgress, type CommandSource, takeCommands } from "#bus/commands/commands";
import type { Answer } from "#domain/command";
import { makeLogger } from "#telemetry/log";
import { freshNats, type OwnService } from "#test/services";
import { until } from "#test/until";

export const log = makeLogger({ logLevel: "silent" }, "test");

/** A bus until the test ends; resolves when its streams are there. */
export async function openTestBus(natsUrl: string): Promise<Bus> {
  const bus = openBus({ natsUrl, natsReplicas: 1, roles: new Set(["worker"]) }, "test", log);
  onTestFinished(() => bus.close());
  await until(() => bus.up);
  return bus;
}

export interface Stand {
  readonly nats: OwnService;
  readonly bus: Bus;
  readonly nc: NatsConnection;
  /** Stores a message as any client may. */
  publish(subject: string, data?: string | Uint8Array, headers?: Readonly<Record<string, string>>): Promise<unknown>;
  /** Messages in a stream. */
  count(stream: string): Promise<number>;
  /** What lies in `baton.dead`, oldest first. */
  dead(): Promise<Dead[]>;
  /** An address and what has arrived there. */
  inbox(): { readonly subject: string; readonly got: Answer[] };
}
export interface Dead {
  readonly subject: string;
  readonly data: string;
  readonly reason: string;
}

export async function openStand(): Promise<Stand> {
  const nats = await freshNats();
  const bus = await openTestBus(nats.url);
  const other = await openTestBus(nats.url);
  const { nc } = other;
  return {
    ...{ nats, bus, nc },
    publish(subject, data = "", more = {}) {
      const headers = newHeaders();
      for (const [name, value] of Object.entries(more)) headers.set(name, value);
      return other.js.publish(subject, data, { headers, timeout: 2_000 });
    },
    async count(stream) {
      return (await (await other.manager()).streams.info(stream)).state.messages;
    },
    async dead() {
      const manager = await other.manager();
      const { state } = await manager.streams.info("BATON_DEAD");
      const found: Dead[] = [];
      for (let seq = state.first_seq; state.messages > 0 && seq <= state.last_seq; seq++) {
        const message = await manager.streams.getMessage("BATON_DEAD", { seq });
        if (message === null) continue;
        const { subject, data, header } = message;
        found.push({ subject, data: new TextDecoder().decode(data), reason: header.get("Baton-Reason") });
      }
      return found;
    },
    inbox() {
      const subject = createInbox();
      const got: Answer[] = [];
      nc.subscribe(subject, { callback: (error, message) => void (error ?? got.push(message.json())) });
      return { subject, got };
    },
  };
}

export interface Taker {
  readonly asked: Asked[];
  readonly progress: AskedProgress[];
  readonly source: CommandSource;
}

/** Takes commands and keeps them; answers each at once where the test says how. */
export function takeAll(bus: Bus, answer?: (asked: Asked) => Answer | null): Taker {
  const [asked, progress]: [Asked[], AskedProgress[]] = [[], []];
  const source = takeCommands(
    bus,
    {
      command: (one) => {
        asked.push(one);
        if (answer === undefined) return;
        one.settle(answer(one));
        queueMicrotask(() => source.flush());
      },
      delivery: (one) => one.settle(null),
      progress: (one) => {
        progress.push(one);
        if (answer !== undefined) one.settle({ status: 202, id: one.update.task });
      },
      whenFree: async () => {},
      toPostgresMs: (ms) => ms,
    },
    log,
  );
  onTestFinished(async () => {
    source.close();
    await source.stop();
  });
  return { asked, progress, source };
}

export const done = ({ command }: Asked): Answer => ({ status: 200, id: command.target, state: "Success" });
