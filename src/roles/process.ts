// What a process is: its adapters as Layers, and the role that is composed of them. What stands further down in a composition
// opens first and closes last.
import type * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { openBus } from "#bus/client";
import type { Config } from "#config";
import { makePolicy } from "#domain/calls/guard";
import { http } from "#roles/api";
import { presence } from "#roles/presence";
import { closed, Log, Nats, Outgoing, Postgres, Settings } from "#roles/scope";
import { worker } from "#roles/worker";
import { type ForeignSchema, withSchema } from "#store/maintenance/migrate";
import { openDb } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { guarded } from "#webhook/guard";
import { makeSender } from "#webhook/send";

export const processOf = ({ roles }: Config, { postgres, nats, outgoing }: ReturnType<typeof adapters>) =>
  (roles.has("worker") ? worker.pipe(Layer.provide(outgoing)) : presence).pipe(
    Layer.provideMerge(http),
    Layer.provide(nats),
    Layer.provide(postgres),
  );

/** `onForeign`: the database belongs to another version of Baton, and never will be ours by waiting. */
export const adapters = (onForeign: (error: ForeignSchema) => void) => ({
  postgres: adapter(Postgres, (config, log) => withSchema(openDb(config, log), log, onForeign)),
  nats: adapter(Nats, (config, log) => openBus(config, `baton ${process.pid}`, log)),
  outgoing: adapter(Outgoing, (config) => {
    const connect = guarded(makePolicy(config), config.webhookConnectTimeoutSecs * 1000);
    return makeSender({ ...config, connect });
  }),
});

const adapter = <Id, A extends { close(): unknown }>(
  tag: Context.Key<Id, A>,
  open: (config: Config, log: Logger) => A,
) =>
  Layer.effect(
    tag,
    Effect.flatMap(Effect.all([Settings, Log]), ([config, log]) => closed(() => open(config, log))),
  );
