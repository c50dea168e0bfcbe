// One program: reads the environment, opens Postgres and NATS (which may come later), runs the roles, drains on SIGTERM.
// Wrong configuration ends it with code 78 and one line per fault; everything else that is away is waited for.
import * as Effect from "effect/Effect";
import { openBus } from "#bus/client";
import { type Config, ConfigError, describeConfig, loadConfig } from "#config";
import { serve } from "#roles/api";
import { startPresence } from "#roles/presence";
import { startWorker } from "#roles/worker";
import { withSchema } from "#store/maintenance/migrate";
import { openDb } from "#store/pg/pool";
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
    const db = withSchema(pool, log, ({ message }) => {
      log.fatal(message);
      process.exit(configFault);
    });
    const server = yield* held(
      () => serve(config, db, bus, log),
      (it) => it.stop(graceMs / 2),
    );
    yield* held<{ stop(graceMs: number): Promise<void> }>(
      () => (config.roles.has("worker") ? startWorker(config, db, bus, log) : startPresence(config, db, log)),
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
  const { code, syscall } = error as { readonly code?: string; readonly syscall?: string };
  if (syscall !== "listen" && syscall !== "getaddrinfo") {
    console.error(error);
    process.exit(1);
  }
  const { LISTEN_HOST: host = "0.0.0.0", PORT: port = "8085" } = process.env;
  // A port may become free; an address of another machine does not become one of this one.
  if (code === "EADDRINUSE") console.error(`PORT=${port} is taken on ${host}`);
  else console.error(`LISTEN_HOST=${JSON.stringify(host)}: must be an IP address or a name of this machine (${code})`);
  process.exit(code === "EADDRINUSE" ? 1 : configFault);
}
