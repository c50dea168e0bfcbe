// Owns the statements that fill a database as years of work would have: ended batches of every form, and a few unfinished ones.
// Set-based, and without the secondary indexes, which are made at the end; so 300,000 tasks take seconds.
import postgres from "postgres";
import { loadConfig } from "#config";
import { migrate } from "#store/maintenance/migrate";
import { openDb } from "#store/pg/pool";
import { makeLogger } from "#telemetry/log";

/** Batches of each form for every 300,000 tasks: fans of 499, chains of 20, fives, single tasks. */
const forms = { fan: [340, 499], chain: [2_000, 20], five: [8_000, 5] } as const;
const unit = 300_000;
/** Batches of ten that are under way, whatever the size. */
const unfinishedBatches = 100;
const kinds = ["build.image", "deploy", "mail.send", "report.monthly", "test.unit"] as const;
/** Of a few hundred of the oldest tasks only. */
export const rareKind = "rare.kind";

/** Ids are made of numbers. */
const functions = `
  create function full_batch(n int) returns uuid immutable parallel safe language sql as
    $$ select ('00000000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
  create function full_task(n int) returns uuid immutable parallel safe language sql as
    $$ select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;`;

/** Secondary indexes and the foreign keys of links go, and come back when the rows are there. */
const indexesAway = `
  create temp table later as
    select format('drop index %I', indexname) as away, indexdef as back from pg_indexes i
    where schemaname = 'public' and tablename in ('task', 'task_spec', 'link', 'batch', 'batch_spec', 'delivery')
      and not exists (select from pg_constraint c where c.conname = i.indexname)
    union all select format('alter table link drop constraint %I', conname),
      format('alter table link add constraint %I %s', conname, pg_get_constraintdef(oid))
      from pg_constraint where conrelid = 'link'::regclass and contype = 'f';
  do $$ declare one record; begin for one in select away from later loop execute one.away; end loop; end $$;`;
const indexesBack = `do $$ declare one record; begin for one in select back from later loop execute one.back; end loop; end $$;`;

/** One row a batch: its form, its number of tasks, and the number of its first one. The forms are mixed over time. */
const plan = (tasks: number) => {
  const scale = tasks / unit;
  const counts = Object.values(forms).map(([n, width]) => [Math.round(n * scale), width] as const);
  const singles = tasks - counts.reduce((sum, [n, width]) => sum + n * width, 0);
  const rows = [...Object.keys(forms).map((form, i) => [form, ...(counts[i] ?? [0, 0])]), ["single", singles, 1]];
  return `
  create temp table b as
    select n, form, width, (sum(width) over (order by n) - width)::int as first,
      now() - interval '1 hour' - (max(n) over () - n) * interval '1 s' as at, full_batch(n::int) as id
    from (
      select row_number() over (order by md5(form || i)) as n, form, width
      from (values ${rows.map(([form, n, width]) => `('${form}', ${n}, ${width})`).join(", ")}) v (form, n, width),
        generate_series(1, v.n) i) numbered;
  insert into b select (select max(n) from b) + i, 'open', 10, (select max(first + width) from b) + (i - 1) * 10,
    now() - interval '1 minute' + i * interval '10 ms', full_batch((select max(n) from b)::int + i)
    from generate_series(1, ${unfinishedBatches}) i;
  create temp table t as
    select full_task(first + p) as id, b.id as batch_id, b.n as batch, first + p as n, p, form, width, at,
      case when form = 'open' then (array['Running', 'Claimed', 'Pending', 'Retrying', 'Paused', 'Waiting'])[least(p + 1, 6)]
        when (first + p) % 100 < 92 then 'Success' when (first + p) % 100 < 96 then 'Failure'
        when (first + p) % 100 < 98 then 'Canceled' else 'Skipped' end::task_status as status,
      case when b.n % 997 = 3 and b.n < 20000 then '${rareKind}'
        else (array[${kinds.map((kind) => `'${kind}'`).join(", ")}])[1 + (b.n + p) % ${kinds.length}] end as kind
    from b, lateral generate_series(0, width - 1) p;`;
};

const fill = `
  insert into task (id, batch_id, pos, rank, status, kind, receiver, wait_finished, wait_success, children, timeout, acts, owner,
      created_at, started_at, ended_at, last_updated, success, failures)
    select id, batch_id, p, p, status, kind, 'http://r' || batch % 50, (status = 'Waiting')::int, 0,
      case when form = 'fan' and p = 0 then width - 1 when form = 'chain' and p < width - 1 then 1 else 0 end, 60, 1,
      case when status = 'Claimed' then 1 end, at, at, case when form <> 'open' then at + interval '1 minute' end,
      at + interval '1 minute', n % 3, 0 from t;
  insert into task_spec (id, batch_id, rank, created_at, local_id, name, metadata, start_action)
    select id, batch_id, p, at, 't' || p, 'task ' || n || ' of ' || form, case when n % 2 = 0 then jsonb_build_object(
      'order', n, 'customer', 'c' || batch % 1000, 'env', 'prod') end,
      jsonb_build_object('kind', 'Webhook', 'params', jsonb_build_object('url', 'http://r' || batch % 50 || '/start', 'verb', 'Post'))
    from t;
  insert into batch (id, total, unfinished, succeeded, failed, canceled, skipped, ended_success, ended_unexpected, last_ended, kinds,
      schedule, schedule_at, created_at, completed_at)
    select batch_id, count(*), count(*) filter (where form = 'open'), count(*) filter (where status = 'Success'),
      count(*) filter (where status = 'Failure'), count(*) filter (where status = 'Canceled'), count(*) filter (where status = 'Skipped'),
      coalesce(sum(n % 3) filter (where form <> 'open'), 0), count(*) filter (where form <> 'open'),
      case when form <> 'open' then at + interval '1 minute' end, array_agg(distinct kind order by kind),
      case when form = 'single' then 'large' end, case when form = 'single' then at end, at,
      case when form <> 'open' then at + interval '1 minute' end
    from t group by batch_id, form, at;
  insert into batch_kind (kind, created_at, batch_id) select distinct kind, at, batch_id from t;
  insert into batch_spec (id, created_at, scope, metadata)
    select id, at, 'scope ' || n % 20, jsonb_build_object('team', n % 10) from b where n % 3 = 0;
  insert into link (parent_id, child_id, requires_success)
    select full_task((n - case form when 'fan' then p else 1 end)::int), id, true from t where p > 0 and form in ('fan', 'chain');
  insert into event (task_id, batch_id, "from", "to", event, at, attempt, actor)
    select id, batch_id, 'Running', status, 'report', at, 0, 'worker:1' from t where form <> 'open';
  insert into delivery (id, key, task_id, batch_id, trigger, action, facts, status, done_at, created_at, receiver)
    select full_task(n::int), id || ':end', id, batch_id, 'end', '{"kind":"Webhook"}', '{}',
      (case when n % 3000 = 0 then 'exhausted' else 'success' end)::delivery_status, at, at, 'http://r' || batch % 50
    from t where n % 3 = 0 and form <> 'open';
  insert into command (id, answer) select 'c' || n, '{}' from generate_series(1, 50000) n;
  insert into counter_update (id) select 'c' || n from generate_series(1, 50000) n;
  insert into process (name, alive_until) select 'w' || n, now() + case when n > 49990 then 1 else -1 end * interval '1 day'
    from generate_series(1, 50000) n;
  insert into schedule (id, name, every_secs, timezone, overlap, catch_up, paused, batch, bytes, alone, next_at, due_at)
    select gen_random_uuid(), case n when 1 then 'large' else 's' || n end, 60, 'UTC', 'allow', 'last', false, '[]', 2, n % 10 = 2,
      now() - n * interval '1 s', now() - n * interval '1 s'
    from generate_series(1, case when (select count(*) from b) > 10000 then 5000 else 300 end) n;
  insert into schedule_time (schedule_id, at, state) select id, now() - n * interval '1 h', 'overlap' from schedule, generate_series(1, 10) n;
  insert into dead_letter (id, subject, reason, at, payload)
    select gen_random_uuid(), 'baton.task.x', 'no', now() - n * interval '1 s', '{}' from generate_series(1, 50000) n;`;

/** Statements in order; each is one round trip. `tasks`: ended ones. */
const filling = (tasks: number): readonly string[] => [
  "set statement_timeout = 0",
  "set synchronous_commit = off",
  "set maintenance_work_mem = '256MB'",
  "set work_mem = '64MB'",
  functions,
  indexesAway,
  plan(tasks),
  fill,
  indexesBack,
  "vacuum analyze",
];

/** Brings an empty database to its schema and fills it. */
export async function makeFull(url: string, tasks: number): Promise<void> {
  const config = loadConfig({ DATABASE_URL: url, NATS_URL: "nats://localhost", HOST_URL: "http://localhost" });
  const db = openDb({ ...config, poolMaxSize: 1, poolMinIdle: 0 }, makeLogger({ logLevel: "silent" }, "test"));
  await migrate(db).finally(() => db.close());
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    for (const statement of filling(tasks)) await sql.unsafe(statement);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
