// One program: reads the environment, opens Postgres and NATS (which may come later), runs the roles, drains on SIGTERM.
// Wrong configuration ends it with code 78 and one line per fault; everything else that is away is waited for.
import * as Effect from "effect/Effect";
import { openBus } from "#bus/client";
import { type Config, ConfigError, describeConfig, loadConfig } from "#config";
import { serve } from "#roles/api";
import { startWorker } from "#roles/worker";
import { openDb } from "#store/client";
import { withSchema } from "#store/migrate";
import { makeLogger } from "#telemetry/log";

const configFault = 78;

const program = (config: Config) =>
  Effect.gen(function* () {
    const log = makeLogger(config, "baton");
    const graceMs = config.shutdownTimeoutSecs * 1000 * 0.9;
    log.info({ settings: describeConfig(config) }, "starting");
    const pool = yield* held(
      () => openDb(config, log),
      (it) => it.close(),
    );
    const bus = yield* held(
      () => openBus(config, `baton ${process.pid}`, log),
      (it) => it.close(),
    );
    const db = withSchema(pool, log);
    const server = yield* held(
      () => serve(config, db, bus, log),
      (it) => it.stop(graceMs / 2),
    );
    if (config.roles.has("worker"))
      yield* held(
        () => startWorker(config, db, bus, log),
        (it) => it.stop(graceMs / 2),
      );
    log.info({ url: server.url, roles: [...config.roles] }, "serving");
    const signal = yield* stopSignal;
    log.info({ signal }, "stopping");
    setTimeout(() => process.exit(1), config.shutdownTimeoutSecs * 1000).unref();
  }).pipe(Effect.scoped);

/** What was opened last is closed first. */
const held = <A>(open: () => A | Promise<A>, close: (it: A) => Promise<void>) =>
  Effect.acquireRelease(
    Effect.promise(async () => open()),
    (it) => Effect.promise(() => close(it)),
  );

const stopSignal = Effect.callback<string>((resume) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resume(Effect.succeed(signal)));
});

try {
  await Effect.runPromise(program(loadConfig(process.env)));
  process.exit(0);
} catch (error) {
  if (error instanceof ConfigError) {
    for (const fault of error.faults) console.error(fault);
    process.exit(configFault);
  }
  console.error(error);
  process.exit(1);
}
