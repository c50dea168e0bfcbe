/**
 * Every metric of Baton once: name, type, labels, meaning. All rooms add to these objects, GET /metrics renders them,
 * docs/metrics.md is generated from them. They live in memory per process and start at 0 with it.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { counter, gauge, histogram, longSeconds, probe, render } from "./registry.ts";

export { contentType } from "./registry.ts";

// biome-ignore format: a table is read by its rows
export const metrics = {
  turns: counter("baton_turns_total", ["kind"], "Turns (one transaction each), by kind: ending, row, bulk."),
  turnSeconds: histogram("baton_turn_seconds", ["kind"], "How long a turn took, from load to commit."),
  commands: counter("baton_commands_total", ["kind", "outcome"], "Commands settled, by kind and outcome: done, rejected, duplicate, moot, expired, failed."),
  countsLost: counter("baton_counts_lost_total", ["reason"], "Counter updates that were answered 202 and could not be counted: the sum would pass 2^53-1 (sum), their key stood for another update (key), or there was no such task while Postgres was away (task)."),
  transitions: counter("baton_transitions_total", ["from", "to"], "Transitions of tasks that were committed, by states."),
  claims: counter("baton_claims_total", [], "Tasks this process claimed."),
  startsInFlight: gauge("baton_starts_in_flight", [], "Start calls open in this process now."),
  webhookSeconds: histogram("baton_webhook_seconds", ["trigger", "outcome"], "How long outgoing calls took, by trigger (start, end, cancel) and outcome.", longSeconds),
  webhookBlocked: counter("baton_webhook_blocked_total", ["rule"], "Outgoing calls that the SSRF guard refused, by rule; not a byte of them was sent."),
  deliveries: counter("baton_deliveries_total", ["trigger", "outcome"], "Attempts to deliver, by trigger and outcome: success, retry, exhausted."),
  circuits: gauge("baton_circuits", ["state"], "Receivers whose circuit is not closed, as this process knows them, by state: open, half_open."),
  sweeps: counter("baton_sweeps_total", ["sweep"], "Safety sweeps that ran, by name."),
  sweepRepairs: counter("baton_sweep_repairs_total", ["sweep"], "Things a safety sweep found and set right; each is an event that was lost elsewhere."),
  retentionDeleted: counter("baton_retention_deleted_total", ["what"], "Rows of old batches that were deleted (RETENTION_ENABLED), by what: batches, tasks, deliveries, events."),
  dbPoolInUse: gauge("baton_db_pool_in_use", [], "Database connections in use now."),
  dbPoolWaitSeconds: histogram("baton_db_pool_wait_seconds", [], "How long a caller waited for a database connection."),
  dbSlowQueries: counter("baton_db_slow_queries_total", [], "Queries that took longer than SLOW_QUERY_THRESHOLD_MS."),
  dbReconnects: counter("baton_db_reconnects_total", [], "Times the database answered again after it had been unreachable."),
  busReconnects: counter("baton_bus_reconnects_total", [], "Times the connection to NATS came back."),
  httpRequests: counter("baton_http_requests_total", ["method", "route", "status"], "Requests answered, by method, route pattern and status."),
  poison: counter("baton_poison_total", [], "Commands that were parked in baton.dead."),
};

let lag: ReturnType<typeof monitorEventLoopDelay> | undefined;
const lagResolutionMs = 10;

/** Measuring starts with the first look, so that a process nobody scrapes pays nothing. */
function longestLagSeconds(): number {
  if (lag === undefined) {
    lag = monitorEventLoopDelay({ resolution: lagResolutionMs });
    lag.enable();
  }
  const worstMs = lag.count === 0 ? 0 : Math.max(0, lag.max / 1e6 - lagResolutionMs);
  lag.reset();
  return Math.round(worstMs) / 1e3;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

// biome-ignore format: a table is read by its rows
export const processMetrics = {
  startTime: probe("process_start_time_seconds", "gauge", "When this process started, in seconds since 1970.", () => Math.round(performance.timeOrigin) / 1e3),
  uptime: probe("process_uptime_seconds", "gauge", "How long this process runs.", () => Math.round(process.uptime())),
  memory: probe("process_resident_memory_bytes", "gauge", "Memory of this process, as the system counts it.", () => process.memoryUsage.rss()),
  cpu: probe("process_cpu_seconds_total", "counter", "Processor time this process used, user and system.", cpuSeconds),
  lag: probe("baton_event_loop_lag_seconds", "gauge", "The longest the event loop was held up since the last look.", longestLagSeconds),
};

export const allMetrics = () => [...Object.values(metrics), ...Object.values(processMetrics)];

/** The body of GET /metrics. */
export const renderMetrics = (): string => render(allMetrics());
