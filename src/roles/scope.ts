// What roles are built with: the services of a process, and lives that are tied to a scope. A scope closes what was opened in it in
// reverse, also where opening fails half-way, and one that fails to close keeps no other from closing.
import { setTimeout as pause } from "node:timers/promises";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Scope from "effect/Scope";
import type { Bus } from "#bus/client";
import type { Config } from "#config";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import type { Sender } from "#webhook/send";

export class Settings extends Context.Service<Settings, Config>()("baton/Settings") {}
export class Log extends Context.Service<Log, Logger>()("baton/Log") {}
export class Postgres extends Context.Service<Postgres, Db>()("baton/Postgres") {}
export class Nats extends Context.Service<Nats, Bus>()("baton/Nats") {}
/** The connections of calls to receivers. */
export class Outgoing extends Context.Service<Outgoing, Sender>()("baton/Outgoing") {}
/** Where this process listens. */
export class Http extends Context.Service<Http, { readonly url: string }>()("baton/Http") {}

/** What nearly every part of a process needs. */
export const basics = Effect.all({ config: Settings, log: Log, db: Postgres, bus: Nats });
export type Basics = Effect.Success<typeof basics>;

/** Opens at once; `close` is awaited when the scope closes. */
export const held = <A>(open: () => A, close: (it: A) => unknown) =>
  Effect.acquireRelease(Effect.sync(open), (it) => Effect.promise(async () => close(it)));

export const closed = <A extends { close(): unknown }>(open: () => A) => held(open, (it) => it.close());
export const closing = (close: () => unknown) => held(() => {}, close);

/** Opens one after the other; they close at the same time, each in its own order. */
export const together = <A extends readonly unknown[]>(
  ...parts: { readonly [I in keyof A]: Effect.Effect<A[I], never, Scope.Scope> }
) =>
  Effect.gen(function* () {
    const all = yield* Scope.fork(yield* Effect.scope, "parallel");
    const opened: unknown[] = [];
    for (const part of parts) opened.push(yield* Scope.provide(part, yield* Scope.fork(all)));
    return opened as unknown as A;
  });

/** What closing may take of SHUTDOWN_TIMEOUT_SECS: the HTTP side and the rest of the role have half of it each. */
export const graceMsOf = ({ shutdownTimeoutSecs }: Config): number => shutdownTimeoutSecs * 1000 * 0.45;

export type Grace = ReturnType<typeof makeGrace>;

/** Bounds how long closings are waited for, from the first of them on. */
export function makeGrace(ms: number) {
  let ending: Promise<void> | undefined;
  const over = () => (ending ??= pause(ms, undefined, { ref: false }));
  const inTime = (work: unknown) => Promise.race([work, over()]);
  const stopped = <A extends { stop(): unknown }>(open: () => A) => held(open, (it) => inTime(it.stop()));
  return { over, inTime, stopped };
}
