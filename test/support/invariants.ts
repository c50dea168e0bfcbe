// What must be true of every system that came to rest, whatever was done to it: checks over the tables, over the ledger
// of what the user's service saw, and over the streams. Each gives the rows that break it, hence none when all is well.
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type postgres from "postgres";
import type { TaskContext } from "#machines/task";
import { eventKey, events, expected, finalStates, states } from "#test/table";

/** A broken invariant, with a few of the rows that break it. */
export interface Violation {
  readonly check: string;
  readonly rows: readonly unknown[];
}

/** What the ledger of a receiver has to know of a call. */
export interface Seen {
  readonly key: string;
  readonly taskId: string;
  readonly trigger: string;
  readonly attempt: number;
  readonly handle: string;
  readonly body: unknown;
}

export interface Ledger {
  readonly calls: readonly Seen[];
  /** Workers (`worker:<id>`) that were killed or stopped: only claims of theirs may have been taken over. */
  readonly mortal?: ReadonlySet<string>;
  /** Nothing was broken on the way, so no notification was sent more often than its attempts say. */
  readonly calm?: boolean;
}

/** Every check over the tables and the ledger. `calls`: all that was called; without it only the tables are looked at. */
export async function violations(sql: postgres.Sql, ledger?: Ledger): Promise<Violation[]> {
  const moves = JSON.stringify(legalMoves());
  const found: Violation[] = [];
  const run = async (check: string, text: string, values: string[] = []) => {
    const rows = await sql.unsafe(`${text} limit 5`, values);
    if (rows.length > 0) found.push({ check, rows: [...rows] });
  };
  for (const [check, text] of Object.entries(tables)) await run(check, text, text.includes("$1") ? [moves] : []);
  if (!ledger) return found;
  const sink = JSON.stringify(ledger.calls.map(({ body, ...call }) => ({ ...call, body: JSON.stringify(body) })));
  const mortal = JSON.stringify([...(ledger.mortal ?? [])]);
  for (const [check, text] of Object.entries(sinks)) {
    if (check === "notified too often" && !ledger.calm) continue;
    await run(check, withSink(text), text.includes("$2") ? [sink, mortal] : [sink]);
  }
  return found;
}

/** Whatever a stream still holds or has handed out without an answer. */
export async function leftInStreams(natsUrl: string): Promise<string[]> {
  const nats = await connect({ servers: natsUrl });
  try {
    const manager = await jetstreamManager(nats);
    const left: string[] = [];
    for await (const { config, state } of manager.streams.list()) {
      if (!["BATON_COMMANDS", "BATON_PROGRESS"].includes(config.name)) continue;
      if (state.messages > 0) left.push(`${config.name}: ${JSON.stringify(state)}`);
      for await (const { name, config: _, ...consumer } of manager.consumers.list(config.name))
        if (consumer.num_ack_pending + consumer.num_pending > 0) left.push(`${name}: ${JSON.stringify(consumer)}`);
    }
    return left;
  } finally {
    await nats.close();
  }
}

/** Deadlocks that Postgres has broken in this database since it was made. */
export async function deadlocks(sql: postgres.Sql): Promise<number> {
  const [row] = await sql<{ deadlocks: number }[]>`
    select deadlocks::int as deadlocks from pg_stat_database where datname = current_database()`;
  return row?.deadlocks ?? -1;
}

const final = `(${finalStates.map((state) => `'${state}'`).join(", ")})`;
/** The events of each task, each with the one before it. A task begins in Waiting if it has parents. */
const story = `story as (
  select e.*, lag(e.id) over w as last, coalesce(lag(e."to") over w, case when exists
      (select from link l where l.child_id = e.task_id) then 'Waiting' else 'Pending' end::task_status) as was,
    coalesce(lag(e.attempt) over w, 0) as had
  from event e window w as (partition by e.task_id order by e.id))`;

const tables: Readonly<Record<string, string>> = {
  "nothing is negative or over": `
    select id from task where least(wait_finished, wait_success, success, failures, attempt) < 0 or wait_success > wait_finished
    union all select id from batch where unfinished < 0 or unfinished > total`,
  "a batch counts its tasks": `
    select b.id, b.total, b.unfinished from batch b left join task t on t.batch_id = b.id group by b.id
    having b.total <> count(t.id) or b.unfinished <> count(t.id) filter (where t.status not in ${final})`,
  "a batch sums up its ended tasks": `
    select b.id from batch b left join task t on t.batch_id = b.id and t.ended_at is not null group by b.id
    having b.succeeded <> count(t.id) filter (where t.status = 'Success')
      or b.failed <> count(t.id) filter (where t.status = 'Failure')
      or b.canceled <> count(t.id) filter (where t.status = 'Canceled')
      or b.ended_unexpected <> count(t.id) filter (where t.expected_count is null)
      or b.ended_expected <> coalesce(sum(t.expected_count), 0)
      or b.last_ended is distinct from max(t.last_updated)
      or b.ended_success + coalesce((select sum(success) from late_count l where l.batch_id = b.id), 0) <> coalesce(sum(t.success), 0)
      or b.ended_failures + coalesce((select sum(failures) from late_count l where l.batch_id = b.id), 0) <> coalesce(sum(t.failures), 0)`,
  "a batch knows its kinds": `
    select b.id from batch b left join task t on t.batch_id = b.id group by b.id
    having b.kinds <> coalesce(array_agg(distinct t.kind collate "C" order by t.kind collate "C") filter (where t.id is not null), '{}')
      or cardinality(b.kinds) <> (select count(*) from batch_kind k where k.batch_id = b.id and k.created_at = b.created_at)`,
  "a task is found by its kind": `
    select t.id, t.kind, s.created_at from task t join task_spec s using (id) where not exists (
      select from batch_kind k where k.kind = t.kind and k.created_at = s.created_at
      union all select from kind_added k where k.kind = t.kind and k.created_at = s.created_at)`,
  "a batch is complete when nothing is left": `select id from batch where (completed_at is null) = (unfinished = 0)`,
  "a complete batch is reported once": `
    select b.id, count(d.id) from batch b left join batch_spec s using (id)
      left join delivery d on d.batch_id = b.id and d.task_id is null
    group by b.id, s.on_complete
    having count(d.id) <> case when b.unfinished = 0 then coalesce(jsonb_array_length(s.on_complete), 0) else 0 end`,
  "nothing is left to be done in portions": `
    select id::text, works from batch where works <> 0
    union all select batch_id::text, seq from batch_work where done_at is null
    union all select task_id::text, rank from propagation`,
  "links go down, and stay in their batch": `
    select l.* from link l join task p on p.id = l.parent_id join task c on c.id = l.child_id
    where p.batch_id <> c.batch_id or p.rank >= c.rank`,
  "everything ends": `select id, status from task where status not in ${final}`,
  "ended_at stands with final states": `select id from task where (ended_at is null) = (status in ${final})`,
  "a child starts after its parents": `
    select l.* from link l join event c on c.task_id = l.child_id and c.event = 'claim' join task t on t.id = l.child_id
    where not t.joins_any and not exists (select from event p where p.task_id = l.parent_id and p.id < c.id and p."to" = any(case
      when l.requires_success or l.condition = 'on_success' then '{Success}'
      when l.condition = 'on_failure' then '{Failure,Canceled}' when l.condition = 'none_failed' then '{Success,Skipped}'
      else '{Success,Failure,Canceled,Skipped}' end::task_status[]))`,
  "events have no gap": `with ${story} select task_id, id, was, "from" from story where was <> "from"`,
  "events are legal": `
    with ${story} select task_id, id, "from", event, "to" from story s where "from" <> "to" and not exists (
      select from json_to_recordset($1::text::json) as m ("from" text, event text, "to" text)
      where m."from" = s."from"::text and m.event = s.event and m."to" = s."to"::text)`,
  "a final state is the last": `
    select e.task_id, e.id from event e join event f on f.task_id = e.task_id and f.id < e.id
    where f."to" in ${final} and (e."from" <> e."to" or e."to" <> f."to")`,
  "a task is what its events say": `
    select t.id, t.status, e."to", t.attempt, e.attempt as had from task t
      left join lateral (select * from event where task_id = t.id order by id desc limit 1) e on true
    where t.status <> coalesce(e."to", case when t.wait_finished > 0 then 'Waiting' else 'Pending' end::task_status)
      or t.attempt <> coalesce(e.attempt, 0)`,
  "an attempt begins after a backoff": `
    with ${story} select task_id, id, had, attempt from story
    where attempt <> had + case when event = 'backoff_elapsed' then 1 else 0 end`,
  "waits are what the links say": `
    select t.id, t.wait_finished, t.wait_success from task t left join link l on l.child_id = t.id left join task p on p.id = l.parent_id
    where t.status not in ${final} and not t.joins_any group by t.id
    having t.wait_finished <> count(p.id) filter (where p.status not in ${final})
      or t.wait_success <> count(p.id) filter (where p.status not in ${final} and (l.requires_success or l.condition = 'on_success'))`,
  "no parent is missing from a success": `
    select t.id from task t where t.status = 'Success' and (t.wait_finished > 0 or t.wait_success > 0)`,
  "a claim has a living owner": `
    select t.id, t.owner from task t left join process w on w.id = t.owner
    where t.status = 'Claimed' and (w.id is null or w.alive_until < now())`,
  "a delivery is unique": `select key from delivery group by key having count(*) > 1`,
  "deliveries are settled": `select key, status, attempts, last_error from delivery where status = 'pending'`,
  "each delivery that the end asks for is written": `
    select t.id, t.status, count(d.id) from task t join task_spec s using (id) left join delivery d on d.task_id = t.id and d.trigger = 'end'
    group by t.id, s.actions having count(d.id) <> (select count(*) from jsonb_array_elements(s.actions) a
      where a ->> 'trigger' = 'End' and a ->> 'on' = case t.status when 'Success' then 'success' when 'Failure' then 'failure' end)`,
  "on_cancel is called where work had begun, and nowhere else": `
    with begun as (select task_id, attempt from event where ("from" in ('Claimed', 'Running') and "to" = 'Canceled') or event = 'timeout'),
      keyed as (select task_id, coalesce(substring(key from ':cancel:([0-9]+)')::int, 0) as attempt from delivery where trigger = 'cancel')
    (select 'asked for' as what, o.task_id, o.attempt from begun o join task_spec s on s.id = o.task_id
      where s.actions @> '[{"trigger": "Cancel"}]' and o.attempt = (select attempt from task where id = o.task_id)
        and not exists (select from keyed k where k.task_id = o.task_id and k.attempt = o.attempt))
    union all select 'not asked for', k.task_id, k.attempt from keyed k
      where not exists (select from begun o where o.task_id = k.task_id and o.attempt = k.attempt)`,
};

const withSink = (text: string) => `
  with sink as (select *, coalesce(substring(key from '#([0-9]+)$')::int, 1) as nth from json_to_recordset($1::text::json)
    as s (key text, "taskId" text, trigger text, attempt int, handle text, body text)),
  starts as (select "taskId"::uuid as task_id, attempt, count(*) as n from sink where trigger = 'start' group by 1, 2) ${text}`;

const sinks: Readonly<Record<string, string>> = {
  "one key for each thing that is said": `
    select "taskId", trigger, attempt, nth, array_agg(distinct key) from sink where "taskId" <> '' and trigger <> 'end'
    group by 1, 2, 3, 4 having count(distinct key) > 1
    union all select "taskId", trigger, attempt, nth, array[key] from sink where trigger = 'start'
      and key <> "taskId" || ':start' || case when attempt > 0 then ':' || attempt else '' end`,
  "one body for each key": `select key from sink group by key having count(distinct body) > 1 or count(distinct handle) > 1`,
  "a start follows its claim": `
    select s.* from starts s where not exists (select from event e where e.task_id = s.task_id and e.attempt = s.attempt and e.event = 'claim')`,
  "what is started was called": `
    select e.task_id, e.attempt from event e join task_spec t on t.id = e.task_id where e.event = 'started'
      and t.start_action ->> 'kind' = 'Webhook' and not exists (select from starts s where s.task_id = e.task_id and s.attempt = e.attempt)`,
  "a start is repeated only after its claim was taken over, or it was put off": `
    select s.* from starts s where s.n > 1 + (select count(*) from event e where e.task_id = s.task_id
      and e.attempt = s.attempt and e.event in ('lease_expired', 'start_deferred'))`,
  "claims are taken over from the dead alone": `
    , held as (select task_id, event, lag(actor) over (partition by task_id order by id) as owner from event)
    select * from held where event = 'lease_expired' and not $2::text::jsonb ? owner`,
  "a notification has a delivery": `
    select key from sink s where trigger <> 'start' and not exists (select from delivery d where d.key = s.key)`,
  "what was delivered arrived": `
    select key from delivery d where status = 'success' and action ->> 'kind' = 'Webhook' and not exists (select from sink s where s.key = d.key)`,
  "notified too often": `
    select d.key, d.attempts, count(*) from delivery d join sink s using (key) group by d.id having count(*) > d.attempts`,
};

/** Under what other name an event of the machine is recorded, where it has one. */
const aliases: Readonly<Record<string, readonly string[]>> = {
  succeed: ["succeed", "join", "answered"],
  cancel: ["cancel", "stop_batch", "dead_end"],
  pause: ["pause", "pause_batch"],
  resume: ["resume", "resume_batch"],
};

interface Move {
  readonly from: string;
  readonly event: string;
  readonly to: string;
}
let moves: Move[] | undefined;

/** Every move that the table allows in some context. */
function legalMoves(): Move[] {
  if (moves) return moves;
  const found = new Map<string, Move>();
  for (const context of contexts())
    for (const from of states)
      for (const event of events) {
        const to = expected(from, context, event)?.to;
        if (to === undefined || to === from) continue;
        const type = eventKey(event).split(" ")[0] as string;
        for (const name of aliases[type] ?? [type]) found.set(`${from} ${name} ${to}`, { from, event: name, to });
      }
  moves = [...found.values()];
  return moves;
}

/** Every context that makes a difference to the table. */
function contexts(): TaskContext[] {
  const waits = [0, 1, 2].flatMap((waitFinished) =>
    [0, 1, 2].filter((n) => n <= waitFinished).map((waitSuccess) => ({ waitFinished, waitSuccess })),
  );
  const flags = ["inDoubt", "pauseRequested", "pausedByBatch", "joinsAny", "backoff"] as const;
  const settings = flags.reduce<Partial<TaskContext>[]>(
    (found, flag) => found.flatMap((one) => [false, true].map((value) => ({ ...one, [flag]: value }))),
    [{}],
  );
  const retryOn = ["timeout", "start_failure", "explicit"] as const;
  return waits.flatMap((wait) =>
    [0, 1].flatMap((maxRetries) =>
      settings.map((one) => ({ ...wait, ...one, attempt: 0, maxRetries, retryOn }) as TaskContext),
    ),
  );
}
