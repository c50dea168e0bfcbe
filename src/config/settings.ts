/**
 * What can I set? Every environment variable once, with its default, limits and reason; the limits that are not settings
 * stand in limits.ts. `loadConfig` reads them all and reports every fault at once, so that a start never fails twice for
 * two typing errors. A secret never leaves this file in a message. docs/configuration.md is generated from here.
 */
import type { FaultCode, Path } from "#domain/faults";
import { decoder } from "#domain/schema/decode";
import * as as from "./kinds.ts";
import { maskUrls } from "./mask.ts";

const roles = ["api", "worker"] as const;
const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** One row a setting, in the order of docs/configuration.md: default, smallest, largest, unit, why. */
// biome-ignore format: a table is read by its rows
export const sections = {
  Required: {
    DATABASE_URL: as.required(as.url(["postgres", "postgresql"], "The Postgres database that holds the truth.")),
    NATS_URL: as.required(as.urls(["nats", "tls"], "The NATS servers (one cluster) that carry commands, notifications and work.")),
    HOST_URL: as.required(as.baseUrl("How users' services reach this API; every handle starts with it. A trailing slash is dropped.")),
  },
  Process: {
    LISTEN_HOST: as.listenHost("0.0.0.0", "The address of this machine, or a name of one, on which PORT is served. 127.0.0.1: for this machine alone; 0.0.0.0: every IPv4 address; ::: every address."),
    PORT: as.int(8085, 0, 65535, "", "Serves /health, /ready and /metrics in every role, and the API in role api. 0 takes a free port."),
    ROLES: as.someOf("api,worker", roles, "What this process does. Any number of processes may run; none is special."),
    LOG_LEVEL: as.oneOf("info", logLevels, "The least severe log line that is written to stdout."),
    SHUTDOWN_TIMEOUT_SECS: as.int(30, 1, 3600, "s", "How long SIGTERM waits for work in flight before what is left is handed back."),
    CORS_ORIGINS: as.origins("Browser origins that may call the API. CORS is off when empty."),
  },
  Database: {
    POOL_MAX_SIZE: as.int(10, 1, 1000, "connections", "The most connections one process holds; with 1 all still works, slower. One that listens is not counted."),
    POOL_MIN_IDLE: as.int(5, 0, 1000, "connections", "Connections kept open when there is nothing to do; capped at POOL_MAX_SIZE."),
    POOL_ACQUIRE_RETRIES: as.int(3, 0, 100, "retries", "How often getting a connection is tried again; 0 means one attempt."),
    POOL_TIMEOUT_SECS: as.int(30, 1, 600, "s", "How long a caller waits for a connection in all, before the answer is 503."),
    SLOW_QUERY_THRESHOLD_MS: as.int(100, 0, 600_000, "ms", "A query that takes longer is logged and counted as slow."),
  },
  API: {
    PAGINATION_DEFAULT: as.int(50, 1, 10_000, "rows", "The page size when a listing names none; at most PAGINATION_MAX."),
    PAGINATION_MAX: as.int(100, 1, 10_000, "rows", "The largest page; a larger page_size is clamped to it."),
    MAX_TASKS_PER_BATCH: as.int(1000, 1, 50_000, "tasks", "The most tasks one POST /task may create: they are one transaction."),
    MAX_DEPS_PER_TASK: as.int(100, 0, 10_000, "dependencies", "The most dependencies of one task."),
    MAX_LINKS_PER_BATCH: as.int(100_000, 0, 1_000_000, "dependencies", "The most dependencies of all tasks of one call together."),
    MAX_ACTIONS_PER_TASK: as.int(20, 1, 1000, "actions", "The most actions of one task, over all its triggers."),
    PAYLOAD_MAX_BYTES: as.int(2_097_152, 1, 268_435_456, "bytes", "The largest request body; a larger one is 413."),
    MAX_UNFINISHED_TASKS: as.int(0, 0, 1_000_000_000, "tasks", "Once so many tasks are unfinished, creating batches and adding tasks is 429. 0: no limit."),
  },
  Workers: {
    WORKER_LOOP_INTERVAL_MS: as.int(1000, 10, 3_600_000, "ms", "How often the safety sweeps run; work is event-driven and never waits for them."),
    WORKER_CLAIM_TIMEOUT_SECS: as.int(30, 1, 86_400, "s", "The lease of a worker: so long after its last sign of life others take over its claims."),
    WORKER_START_BATCH_SIZE: as.int(256, 1, 10_000, "claims", "The most tasks one claim round takes."),
    WORKER_WEBHOOK_CONCURRENCY: as.int(256, 1, 10_000, "calls", "The most start calls open at once in one process."),
    WEBHOOK_HOST_CONCURRENCY: as.int(64, 1, 10_000, "calls", "The most calls of one process open at once to one receiver (scheme, host, port)."),
    START_RETRY_SECS: as.int(60, 0, 86_400, "s", "How long a start call of which not a byte could be sent is tried again, after 1 s, doubling to 15 s; one that cannot be sent then is the failure. 0: the first."),
    WEBHOOK_CONNECT_TIMEOUT_SECS: as.int(3, 1, 60, "s", "How long opening a connection to a receiver may take, for starts and deliveries."),
    WEBHOOK_TIMEOUT_SECS: as.int(10, 1, 3600, "s", "How long a call may take in all; an on_response call may take its task's timeout, a delivery ends before its lease."),
    DEAD_END_CANCEL_ENABLED: as.flag("1", "Cancels unfinished tasks whose children are all final, and so on upwards."),
  },
  NATS: {
    NATS_REPLICAS: as.intOf(1, [1, 3, 5], "servers", "How many servers of the cluster keep each stream. Streams that exist are changed at the next start, but for BATON_EVENTS from 1 to more and back (docs/operations.md)."),
  },
  Counters: {
    BATCH_CHANNEL_CAPACITY: as.int(100, 1, 1_000_000, "updates", "Counter updates accepted but not yet stored by JetStream; beyond it PUT waits, nothing is dropped."),
    BATCH_FLUSH_INTERVAL_MS: as.int(100, 0, 60_000, "ms", "How long counter updates are collected before one write. 0: at once."),
  },
  Deliveries: {
    WEBHOOK_MAX_ATTEMPTS: as.int(10, 1, 1000, "attempts", "After so many failed attempts a delivery is exhausted; it can be replayed."),
    WEBHOOK_RETRY_BACKOFF_BASE_SECS: as.int(2, 1, 86_400, "s", "The wait before the second attempt; it doubles from there. At most the cap."),
    WEBHOOK_RETRY_BACKOFF_CAP_SECS: as.int(300, 1, 86_400, "s", "The longest wait between two attempts."),
    WEBHOOK_DELIVERY_INTERVAL_MS: as.int(1000, 10, 3_600_000, "ms", "How often deliveries that became due are looked for; new ones are tried at once."),
    WEBHOOK_DELIVERY_BATCH_SIZE: as.int(50, 1, 10_000, "deliveries", "The most deliveries one round takes."),
    WEBHOOK_DELIVERY_CONCURRENCY: as.int(64, 1, 10_000, "calls", "The most deliveries open at once in one process."),
    WEBHOOK_DELIVERY_LEASE_SECS: as.int(15, 2, 3600, "s", "So long after a process took a delivery and died, another takes it. Left out, at least WEBHOOK_TIMEOUT_SECS and 5 s."),
  },
  Receivers: {
    CIRCUIT_BREAKER_ENABLED: as.flag("1", "Stops calling a receiver that fails every time, until it has recovered."),
    CIRCUIT_BREAKER_FAILURE_THRESHOLD: as.int(5, 1, 1_000_000, "failures", "Failures in a row that open the circuit of a receiver."),
    CIRCUIT_BREAKER_FAILURE_WINDOW_SECS: as.int(10, 1, 86_400, "s", "These failures must lie within this time."),
    CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECS: as.int(30, 1, 86_400, "s", "How long a circuit stays open before one call probes the receiver."),
    CIRCUIT_BREAKER_SUCCESS_THRESHOLD: as.int(2, 1, 1_000_000, "successes", "Successful probes in a row that close the circuit."),
  },
  Security: {
    SKIP_SSRF_VALIDATION: as.flag("0", "Lets actions call private addresses. For development only."),
    BLOCKED_HOSTNAMES: as.hosts("Hosts that actions may never call, added to the built-in ones."),
    BLOCKED_HOSTNAME_SUFFIXES: as.suffixes("Domains whose hosts actions may never call, added to the built-in ones."),
    ALLOWED_HOSTNAMES: as.hosts("Hosts that actions may call although they are private; link-local and metadata addresses never."),
    ALLOWED_CIDRS: as.cidrs("Address ranges that actions may call although they are private; link-local and metadata addresses never."),
    AUTH_TOKEN: as.secret("1 to 4096 visible ASCII characters", /^[\x21-\x7e]{1,4096}$/, "A bearer token with full rights. With this or AUTH_TOKENS every call needs a token."),
    AUTH_TOKENS: as.authTokens("Named bearer tokens with a role each: read, submit (read and create), operate (everything)."),
    HANDLE_SECRET: as.secret("1 to 4096 characters, not all blank", /^(?=.*\S)[^\p{Cc}]{1,4096}$/u, "Signs the handles, so that a service can report without a token. The same in every process."),
    WEBHOOK_SIGNING_SECRET: as.signingSecrets("Signs outgoing calls as Standard Webhooks does (24 to 64 random bytes); the first signs first, so secrets can be rotated."),
  },
  Telemetry: {
    TRACING_ENABLED: as.unbuilt("tracing", "Will send OpenTelemetry traces to OTEL_EXPORTER_OTLP_ENDPOINT. Until that is built, a start with it on is refused."),
    OTEL_EXPORTER_OTLP_ENDPOINT: as.optional(as.url(["http", "https"], "Where traces go (OTLP over HTTP).")),
    OTEL_SERVICE_NAME: as.text("baton", "The name this process has in traces."),
    OTEL_SAMPLING_RATIO: as.ratio("1.0", "The part of the traces that is kept."),
  },
  Retention: {
    RETENTION_ENABLED: as.flag("0", "Deletes batches that were completed long ago."),
    RETENTION_DAYS: as.int(30, 1, 36_500, "days", "How long a completed batch is kept."),
    RETENTION_CLEANUP_INTERVAL_SECS: as.int(3600, 1, 604_800, "s", "How often old batches are looked for."),
    RETENTION_BATCH_SIZE: as.int(1000, 1, 100_000, "tasks", "The most tasks deleted in one transaction."),
  },
};

export const settings = {
  ...sections.Required,
  ...sections.Process,
  ...sections.Database,
  ...sections.API,
  ...sections.Workers,
  ...sections.NATS,
  ...sections.Counters,
  ...sections.Deliveries,
  ...sections.Receivers,
  ...sections.Security,
  ...sections.Telemetry,
  ...sections.Retention,
};

export { limits } from "./limits.ts";

export type Settings = typeof settings;
export type EnvName = keyof Settings;
export type Config = { readonly [K in EnvName as Camel<K>]: Settings[K] extends as.Setting<infer T> ? T : never };
export type Role = (typeof roles)[number];
export type LogLevel = (typeof logLevels)[number];
export type { AuthToken } from "./kinds.ts";

/** Everything that is wrong with the environment, one line each, safe to print. */
export class ConfigError extends Error {
  readonly _tag = "ConfigError";
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length} fault${faults.length === 1 ? "" : "s"}:\n${faults.map((f) => `  ${f}`).join("\n")}`,
    );
    this.name = "ConfigError";
    this.faults = faults;
  }
}

/** The configuration, or a ConfigError that lists every fault. An empty variable counts as one that is not set. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  return readRows<Config>(rows(), env);
}

export type DatabaseConfig = Pick<Config, CamelOf<keyof typeof databaseSettings>>;
const databaseSettings = { DATABASE_URL: sections.Required.DATABASE_URL, ...sections.Database };

/** The same for a program that opens nothing but Postgres: other settings may be missing or wrong. */
export function loadDatabaseConfig(env: Readonly<Record<string, string | undefined>>): DatabaseConfig {
  return readRows<DatabaseConfig>(Object.entries(databaseSettings) as [EnvName, as.Setting<unknown>][], env);
}

function readRows<T extends object>(
  list: readonly (readonly [EnvName, as.Setting<unknown>])[],
  env: Readonly<Record<string, string | undefined>>,
): T {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, row] of list) {
    const raw = env[name] || row.preset;
    if (raw !== "") values[camel(name)] = readOne(name, row, raw, faults);
    else if (row.required) faults.push(`${name} is missing: must be ${row.allowed}`);
    else values[camel(name)] = row.unset;
  }
  faults.push(...capPairs(values, env));
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(values as T);
}

/** The value of one variable; of its faults the first makes the line. */
function readOne(name: EnvName, row: as.Setting<unknown>, raw: string, faults: string[]): unknown {
  const wrong: string[] = [];
  const add = ([entry]: Path, _code: FaultCode, says: string) =>
    wrong.push(typeof entry === "number" ? `${says} (entry ${entry + 1} is wrong)` : says);
  const value = decoder(row.schema)(raw, [], { add, mayGuess: () => false });
  if (wrong.length > 0) faults.push(`${name}=${show(row, raw)}: ${wrong[0]}`);
  return value;
}

/** The values in effect, by the name of their variable, for the first log line. Secrets only say that they are set. */
export function describeConfig(config: Config): Record<string, unknown> {
  const described: Record<string, unknown> = {};
  for (const [name, row] of rows()) {
    const value = (config as Record<string, unknown>)[camel(name)];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    if (row.shown === "never") described[name] = "***";
    else if (row.shown === "masked") described[name] = maskUrls(String(value));
    else described[name] = value instanceof Set ? [...value] : value;
  }
  return described;
}

const rows = () => Object.entries(settings) as [EnvName, as.Setting<unknown>][];

/**
 * Settings that may not exceed another. One that was asked for and does is a fault; a default gives way in silence, so
 * that lowering the maximum alone works. Where one of the two is itself wrong, nothing more is said.
 */
function capPairs(values: Record<string, unknown>, env: Readonly<Record<string, string | undefined>>): string[] {
  const faults: string[] = [];
  const cap = (small: EnvName, large: EnvName, isFault: boolean) => {
    const [a, b] = [values[camel(small)], values[camel(large)]] as [number | undefined, number | undefined];
    if (a === undefined || b === undefined || a <= b) return;
    if (isFault && env[small])
      faults.push(`${small}=${JSON.stringify(env[small])}: must be at most ${large}, which is ${b}`);
    values[camel(small)] = b;
  };
  cap("PAGINATION_DEFAULT", "PAGINATION_MAX", true);
  cap("WEBHOOK_RETRY_BACKOFF_BASE_SECS", "WEBHOOK_RETRY_BACKOFF_CAP_SECS", true);
  cap("POOL_MIN_IDLE", "POOL_MAX_SIZE", false);
  const { webhookTimeoutSecs, webhookDeliveryLeaseSecs: lease } = values as Record<string, number | undefined>;
  if (!env.WEBHOOK_DELIVERY_LEASE_SECS && webhookTimeoutSecs !== undefined && lease !== undefined)
    values.webhookDeliveryLeaseSecs = Math.max(lease, webhookTimeoutSecs + leaseMarginSecs);
  return faults;
}

/** Unless it is set, the lease of a delivery is this much longer than a call. */
const leaseMarginSecs = 5;

/** Quoted as JSON, so that a line break in a value cannot make two lines of one fault. */
function show(row: as.Setting<unknown>, raw: string): string {
  if (row.shown === "never") return "(not shown)";
  const safe = row.shown === "masked" ? maskUrls(raw) : raw;
  return JSON.stringify(safe.length > 200 ? `${safe.slice(0, 200)}…` : safe);
}

/** POOL_MAX_SIZE → poolMaxSize, for the value and for its type. */
export const camel = (name: string): string =>
  name.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

type CamelOf<S extends EnvName> = Camel<S>;
type Camel<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Pascal<Tail>}`
  : Lowercase<S>;
type Pascal<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Capitalize<Lowercase<Head>>}${Pascal<Tail>}`
  : Capitalize<Lowercase<S>>;
