/**
 * Every metric of Baton once: name, type, labels, meaning. All folders add to these objects, GET /metrics renders them,
 * docs/metrics.md is generated from them. They live in memory per process and start at 0 with it.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { taskStates } from "#domain/state";
import { counter, gauge, histogram, longSeconds, probe, render } from "./registry.ts";

export { contentType } from "./registry.ts";

const turnKinds = ["batch", "task", "counters"] as const;
// biome-ignore format: a table is read by its rows
const commandKinds = [
  "succeed", "fail", "skip", "cancel", "override", "pause", "resume", "update", "progress",
  "stop_batch", "pause_batch", "resume_batch", "set_rules", "close_batch", "replay", "replay_since",
  "started", "start_deferred", "start_unsent", "start_failed", "start_unanswered", "released", "lease_expired", "joined", "answered", "due", "deadline",
] as const;
const bulkOutcomes = ["done", "skipped", "failed"] as const;
const commandOutcomes = ["done", "rejected", "expired", "stale", "failed", "dead_letter"] as const;
const guardRules = [
  "metadata",
  "link_local",
  "loopback",
  "unspecified",
  "private",
  "shared",
  "multicast",
  "embedded",
  "reserved",
  "host",
  "spelling",
] as const;
const sweepNames = [
  "bulk",
  "circuits",
  "dispatch",
  "due",
  "events",
  "leases",
  "overdue",
  "own_claims",
  "partitions",
  "presence",
  "prune",
  "renew",
  "retention",
  "rules",
  "schedules",
  "skew",
  "stalled",
  "receivers",
] as const;

export type SweepName = (typeof sweepNames)[number];

// biome-ignore format: a table is read by its rows
export const metrics = {
  turns: counter("baton_turns_total", [["kind", turnKinds]], "Turns (one transaction each), by kind."),
  turnSeconds: histogram("baton_turn_seconds", [["kind", turnKinds]], "How long a turn took, from load to commit."),
  commands: counter("baton_commands_total", [["kind", commandKinds], ["outcome", commandOutcomes]], "Commands settled: they took effect (done), were refused (rejected), waited too long to be begun (expired), had nothing left to do (stale), could not be decided and come again by a sweep (failed), or could not be decided and were set aside with their reason (dead_letter)."),
  countsLost: counter("baton_counts_lost_total", [["reason", ["sum", "key", "task", "other"]]], "Counter updates that were answered 202 and could not be counted: the sum would pass 2^53-1 (sum), their key stood for another update (key), or there was no such task while Postgres was away (task)."),
  transitions: counter("baton_transitions_total", [["from", taskStates], ["to", taskStates]], "Transitions of tasks that were committed, by states."),
  claims: counter("baton_claims_total", [], "Tasks this process claimed."),
  inadmissible: gauge("baton_inadmissible_tasks", [], "Pending tasks that a rule can never admit, because they lack a metadata field that it names, or `expected_count`; counts to 10,000. Every worker shows the same tasks."),
  startsInFlight: gauge("baton_starts_in_flight", [], "Start calls open in this process now."),
  webhookSeconds: histogram("baton_webhook_seconds", [["trigger", ["start", "end", "cancel"]], ["outcome", ["success", "failure"]]], "How long outgoing calls took, by trigger and outcome.", longSeconds),
  webhookBlocked: counter("baton_webhook_blocked_total", [["rule", guardRules]], "Outgoing calls that the SSRF guard refused, by rule; not a byte of them was sent."),
  webhookRepeated: counter("baton_webhook_repeated_total", [], "Outgoing calls that were made once more because a kept connection was closed before a byte of the answer came."),
  deliveries: counter("baton_deliveries_total", [["trigger", ["end", "cancel"]], ["outcome", ["success", "retry", "exhausted"]]], "Attempts to deliver, by trigger and outcome."),
  circuits: gauge("baton_circuits", [["state", ["open", "half_open"]]], "Receivers whose circuit is not closed, as this process knows them, by state."),
  sweeps: counter("baton_sweeps_total", [["sweep", sweepNames]], "Safety sweeps that ran, by name."),
  sweepRepairs: counter("baton_sweep_repairs_total", [["sweep", ["consumer", "leases", "own_claims", "rules", "stalled"]]], "Things a safety sweep found and set right; each is an event that was lost elsewhere."),
  scheduleTimes: counter("baton_schedule_times_total", [["outcome", ["made", "overlap", "missed", "refused"]]], "Times of schedules that this process settled: a batch was made, or why none was."),
  retentionDeleted: counter("baton_retention_deleted_total", [["what", ["batches", "tasks", "deliveries", "events"]]], "Rows of old batches that were deleted (RETENTION_ENABLED), by what they were."),
  bulkItems: counter("baton_bulk_items_total", [["outcome", bulkOutcomes]], "Tasks, batches and deliveries that bulk operations came to, by what became of each."),
  dbPoolInUse: gauge("baton_db_pool_in_use", [], "Database connections in use now."),
  dbPoolWaitSeconds: histogram("baton_db_pool_wait_seconds", [], "How long a caller waited for a database connection."),
  dbSlowQueries: counter("baton_db_slow_queries_total", [], "Queries that took longer than SLOW_QUERY_THRESHOLD_MS."),
  dbReconnects: counter("baton_db_reconnects_total", [], "Times the database answered again after it had been unreachable."),
  busReconnects: counter("baton_bus_reconnects_total", [], "Times the connection to NATS came back."),
  clockSkewSeconds: gauge("baton_clock_skew_seconds", [], "How far the clock of NATS is ahead of that of Postgres, as this worker measured it last; negative: behind. Above 1 s it is logged."),
  httpRequests: counter("baton_http_requests_total", ["method", "route", "status"], "Requests answered, by method, route pattern and status."),
  reportRefused: gauge("baton_report_refused_timestamp_seconds", ["status"], "When this process last refused a report, in seconds since 1970, by HTTP status: for its handle or token (401, 403), or for what it said. The log has a line for each; `baton_http_requests_total` counts them."),
  portions: counter("baton_portions_total", [], "Portions of work that is too large for one transaction."),
  portionSeconds: histogram("baton_portion_seconds", [], "How long a portion held the lock of its batch."),
  eventsPublished: counter("baton_events_published_total", [], "Transitions that this process published to BATON_EVENTS, those that it repeated included."),
  poison: counter("baton_poison_total", [], "Commands and messages that could not be decided, and steps and sweeps of large batches that could not be done, and were set aside as dead letters."),
};

const lagResolutionMs = 10;

/** Gives the longest, in ms, that the event loop was held up since the last look. Measuring starts with the first, so that it costs nothing before. */
export function lagMeter(): () => number {
  let lag: ReturnType<typeof monitorEventLoopDelay> | undefined;
  return () => {
    if (lag === undefined) {
      lag = monitorEventLoopDelay({ resolution: lagResolutionMs });
      lag.enable();
    }
    const worstMs = lag.count === 0 ? 0 : Math.max(0, lag.max / 1e6 - lagResolutionMs);
    lag.reset();
    return Math.round(worstMs);
  };
}

const longestLagMs = lagMeter();

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
  lag: probe("baton_event_loop_lag_seconds", "gauge", "The longest the event loop was held up since the last look.", () => longestLagMs() / 1e3),
};

export const allMetrics = () => [...Object.values(metrics), ...Object.values(processMetrics)];

/** The body of GET /metrics. */
export const renderMetrics = (): string => render(allMetrics());
