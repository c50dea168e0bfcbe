// One program: reads the environment, opens Postgres and NATS (which may come later), runs the roles, drains on SIGTERM.
// Wrong configuration ends it with code 78 and one line per fault; everything else that is away is waited for.
import * as Effect from "effect/Effect";
import { type Config, ConfigError, describeConfig, loadConfig } from "#config";
import { adapters, processOf } from "#roles/process";
import { Http, Log, Settings } from "#roles/scope";
import { makeLogger } from "#telemetry/log";

const configFault = 78;

const program = (config: Config) => {
  const log = makeLogger(config, "baton");
  // From here on, so that one that comes while the roles are opened finds them drained.
  const stop = stopSignal();
  log.info({ settings: describeConfig(config) }, "starting");
  const onForeign = ({ message }: Error) => {
    log.fatal(message);
    process.exit(configFault);
  };
  return Effect.gen(function* () {
    const { url } = yield* Http;
    log.info({ url, roles: [...config.roles] }, "serving");
    const signal = yield* Effect.promise(() => stop);
    log.info({ signal }, "stopping");
    setTimeout(() => process.exit(1), config.shutdownTimeoutSecs * 1000).unref();
  }).pipe(
    Effect.provide(processOf(config, adapters(onForeign))),
    Effect.provideService(Settings, config),
    Effect.provideService(Log, log),
  );
};

const stopSignal = () =>
  new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve(signal));
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
