// The columns of a task as clients may see it: `t` is the task, `s` its cold row.
import type { Sql } from "#store/pg/pool";

export const hot = (sql: Sql) => sql`
  t.id, s.local_id, s.name, t.kind, t.status, t.timeout, t.priority, t.created_at, t.started_at, t.ended_at, t.last_updated,
  t.success, t.failures, t.expected_count, t.failure_reason, t.batch_id, t.dead_end_barrier, t.dead_end_keep,
  t.joins_any, t.attempt, t.retry, t.next_retry_at, t.run_at, s.result, s.start_kind, t.max_duration_secs, t.expires_secs`;
export const cold = (sql: Sql) => sql`s.rules, s.metadata, s.start_action, s.actions`;
