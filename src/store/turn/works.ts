// Work in portions, as rows: `batch_work`, one for each command that is not finished, and `propagation`, one for each step
// that waits. Both are written under the lock of their batch; a reader without the lock may see what is past.
import type { StepChanges } from "#domain/portions/outstanding";
import type { Step, Work } from "#domain/propagation/work";
import type { Db, Sql } from "#store/pg/pool";
import type { SendWrite } from "#store/pg/transaction";
import { array, idList, type Scalar } from "#store/pg/unnest";

const json = (value: unknown): string => JSON.stringify(value);

/** What is outstanding in these batches, in the order of its numbers. */
export async function worksOf(sql: Sql, batches: readonly string[]): Promise<Work[]> {
  return sql<Work[]>`
    select batch_id as "batchId", seq, kind, args, reached, upto, counts, command_id as "commandId", answer,
      to_jsonb(replies) as replies, actor, reason, coalesce(aside_until > now(), false) as "isAside", false as done
    from batch_work where batch_id = any(${idList(batches)}::uuid[]) and done_at is null order by batch_id, seq`;
}

export interface WorkChanges {
  readonly added: readonly Work[];
  readonly changed: readonly Work[];
  /** Final answers of works that are done, by the id of the command. */
  readonly answers: readonly { readonly id: string; readonly answer: unknown }[];
  /** Inboxes that wait for a work that was there before. */
  readonly waiting: readonly { readonly batchId: string; readonly seq: number; readonly reply: string }[];
  readonly now: Date;
}

const repliesMax = 16;

export function writeWorks(sql: Sql, changes: WorkChanges, send: SendWrite): void {
  const { added, changed, answers, waiting, now } = changes;
  if (added.length > 0) send(insertWorks(sql, added, now));
  if (changed.length > 0) send(updateWorks(sql, changed, now));
  if (answers.length > 0)
    send(
      sql`
        update command c set answer = u.answer from json_to_recordset(${json(answers)}::text::json) as u (id text, answer jsonb)
        where c.id = u.id`.execute(),
    );
  for (const { batchId, seq, reply } of waiting)
    send(
      sql`
        update batch_work set replies = replies || ${reply}::text
        where batch_id = ${batchId} and seq = ${seq} and cardinality(replies) < ${repliesMax}`.execute(),
    );
}

const insertWorks = (sql: Sql, works: readonly Work[], now: Date) =>
  sql`
    insert into batch_work (batch_id, seq, kind, args, reached, upto, counts, command_id, answer, replies, actor, reason, asked_at,
      last_at, done_at)
    select "batchId", seq, kind, args, reached, upto, counts, "commandId", answer,
      array(select jsonb_array_elements_text(replies)), actor, reason, ${now}::timestamptz, ${now}::timestamptz,
      case when done then ${now}::timestamptz end
    from json_to_recordset(${json(works)}::text::json) as u ("batchId" uuid, seq int, kind text, args jsonb, reached int, upto int,
      counts jsonb, "commandId" text, answer jsonb, replies jsonb, actor text, reason text, done boolean)`.execute();

/** A work whose answer is due keeps its row until that is sent; a sweep that goes on is not set aside any more. */
const updateWorks = (sql: Sql, works: readonly Work[], now: Date) =>
  sql`
    update batch_work w set reached = u.reached, counts = u.counts, answer = u.answer, last_at = ${now}::timestamptz,
      done_at = case when u.done then ${now}::timestamptz end,
      aside_until = case when u.done or u.reached > w.reached then null else w.aside_until end
    from json_to_recordset(${json(works)}::text::json) as u ("batchId" uuid, seq int, reached int, counts jsonb, answer jsonb,
      done boolean)
    where w.batch_id = u."batchId" and w.seq = u.seq`.execute();

/** A step or a work that may be done now: it was not set aside, or its pause is over. */
const isInHand = (sql: Sql, row: string) => sql`coalesce(${sql(row)}.aside_until <= now(), true)`;

/**
 * Steps of a locked batch in the order in which they are taken, at most `max`: what goes down first, the lowest rank first.
 * However many there are, no more are read: each kind by its index. What is set aside is passed over.
 */
export async function nextSteps(sql: Sql, batch: string, max: number): Promise<Step[]> {
  const ofKind = (step: Step["step"], order: "asc" | "desc") => sql`
    (select * from propagation p where batch_id = ${batch} and step = ${step} and ${isInHand(sql, "p")}
      order by rank ${order === "asc" ? sql`` : sql`desc`} limit ${max})`;
  const read = async (first: ReturnType<typeof ofKind>, order: ReturnType<typeof ofKind>): Promise<Step[]> => sql<
    Step[]
  >`
    select p.batch_id as "batchId", p.task_id as "taskId", p.step, p.rank, p.cause, p.last_cause as "lastCause", p.after, coalesce(p.upto, -1) as upto,
      t.status, t.children
    from (select * from (${first}) p order by ${order} limit ${max}) p
      cross join lateral (select status, children from task where id = p.task_id offset 0) t
    order by ${order}`;
  const down = await read(
    sql`${ofKind("judge", "asc")} union all ${ofKind("down", "asc")}`,
    sql`p.rank, p.step = 'down'`,
  );
  return down.length > 0 ? down : read(ofKind("up", "desc"), sql`p.rank desc`);
}

/** Which works the steps of a batch leave open. */
export interface Causes {
  /** The lowest number of a work that a step waits under which can be taken; null: there is none. */
  readonly lowest: number | null;
  /** Of each step that is set aside, from which work to which it is waited for. */
  readonly aside: readonly { readonly from: number; readonly to: number }[];
}

export async function causesOf(sql: Sql, batch: string): Promise<Causes> {
  const [[first], aside] = await Promise.all([
    sql<{ cause: number }[]>`
      select cause from propagation p where batch_id = ${batch} and ${isInHand(sql, "p")} order by cause limit 1`,
    sql<{ from: number; to: number }[]>`
      select cause as "from", last_cause as "to" from propagation where batch_id = ${batch} and aside_until > now()`,
  ]);
  return { lowest: first?.cause ?? null, aside };
}

export function writeSteps(sql: Sql, { added, moved, gone }: StepChanges, send: SendWrite): void {
  if (gone.length > 0)
    send(
      sql`
        delete from propagation p using ${keysOf(sql, gone)}
        where p.batch_id = u.batch_id and p.task_id = u.task_id and p.step = u.step`.execute(),
    );
  if (moved.length > 0)
    send(
      sql`
        update propagation p set after = u.after, cause = least(p.cause, u.cause),
          last_cause = greatest(p.last_cause, u.last_cause), aside_until = null
        from unnest(${idList(moved.map(({ batchId }) => batchId))}::uuid[], ${idList(moved.map(({ taskId }) => taskId))}::uuid[],
          ${of(moved, "step")}::text[], ${of(moved, "after")}::uuid[], ${of(moved, "cause")}::int[],
          ${of(moved, "lastCause")}::int[]) as u (batch_id, task_id, step, after, cause, last_cause)
        where p.batch_id = u.batch_id and p.task_id = u.task_id and p.step = u.step`.execute(),
    );
  if (added.length > 0)
    send(
      sql`
        insert into propagation (batch_id, task_id, step, rank, cause, last_cause, after, upto)
        select * from unnest(${of(added, "batchId")}::uuid[], ${of(added, "taskId")}::uuid[], ${of(added, "step")}::text[],
          ${of(added, "rank")}::int[], ${of(added, "cause")}::int[], ${of(added, "lastCause")}::int[],
          ${of(added, "after")}::uuid[], ${of(added, "upto")}::int[])
        -- the asker of the older cause waits for this one too; one that was set aside is tried again for the new one
        on conflict (batch_id, task_id, step) do update set cause = least(propagation.cause, excluded.cause),
          last_cause = greatest(propagation.last_cause, excluded.last_cause), aside_until = null`.execute(),
    );
}

const of = (steps: readonly Step[], field: keyof Step): string => array(steps.map((step) => step[field] as Scalar));

const keysOf = (sql: Sql, steps: readonly Step[]) => sql`
  unnest(${of(steps, "batchId")}::uuid[], ${of(steps, "taskId")}::uuid[], ${of(steps, "step")}::text[])
    as u (batch_id, task_id, step)`;

/** These batches are complete: no relative is left to hear, and every work in them is done. */
export function endWorks(sql: Sql, batches: readonly string[], send: SendWrite): void {
  send(sql`delete from propagation where batch_id = any(${idList(batches)}::uuid[])`.execute());
}

/**
 * Batches with work to do, the one that was served longest ago first; `idleMs`: only those left alone for so long. `but`: not these.
 * Not those where all that is left is set aside, or a sweep that waits for one that is.
 */
export async function batchesWithWork(db: Db, but: readonly string[], idleMs: number, max: number): Promise<string[]> {
  const found = await db.use(
    (sql) => sql<{ id: string }[]>`
      select batch_id as id from batch_work w where done_at is null and batch_id <> all(${idList(but)}::uuid[])
      group by batch_id having max(last_at) < now() - ${idleMs}::float8 * interval '1 ms' and (
        bool_or(${isInHand(sql, "w")} and (kind in ('propagation', 'stop') or not exists (
          select from batch_work b where b.batch_id = w.batch_id and b.seq < w.seq and b.kind <> 'propagation'
            and b.done_at is null and not ${isInHand(sql, "b")})))
        or exists (select from propagation p where p.batch_id = w.batch_id and ${isInHand(sql, "p")}))
      order by max(last_at) limit ${max}`,
  );
  return found.map(({ id }) => id);
}

/** A work that is done, and the answer that waits to be sent. */
export interface Reply {
  readonly batchId: string;
  readonly seq: number;
  readonly answer: unknown;
  readonly replies: readonly string[];
}

/** Works that were done at least `ageMs` ago and still stand: their answers were not sent, or may not have been sent. */
export async function unsentReplies(db: Db, ageMs: number, max: number): Promise<Reply[]> {
  return db.use(
    (sql) => sql<Reply[]>`
      select batch_id as "batchId", seq, answer, to_jsonb(replies) as replies from batch_work
      where done_at <= now() - ${ageMs}::float8 * interval '1 ms' limit ${max}`,
  );
}

/** Their answers were sent. */
export async function dropWorks(db: Db, works: readonly Pick<Reply, "batchId" | "seq">[]): Promise<void> {
  await db.use(
    (sql) => sql`
      delete from batch_work w
      using unnest(${idList(works.map(({ batchId }) => batchId))}::uuid[], ${array(works.map(({ seq }) => seq))}::int[])
        as u (batch_id, seq)
      where w.batch_id = u.batch_id and w.seq = u.seq and w.done_at is not null`,
  );
}

/** Direct inboxes, not those of a publisher of commands, which keep their own time. */
const isDirect = (sql: Sql, reply: string) => sql`position(' ' in ${sql(reply)}) = 0`;

/**
 * Inboxes of clients that have waited `afterMs` for the answer of a work that goes on. They are taken off the work, so each gets
 * this answer alone: what it will be when all is done, without the counts.
 */
export async function takeLateReplies(db: Db, afterMs: number): Promise<{ to: string; answer: unknown }[]> {
  return db.use(
    (sql) => sql<{ to: string; answer: unknown }[]>`
      with late as (
        select batch_id, seq, replies from batch_work
        where done_at is null and asked_at < now() - ${afterMs}::float8 * interval '1 ms' and cardinality(replies) > 0
          and exists (select from unnest(replies) r where ${isDirect(sql, "r")})
        for update skip locked),
      begun as (
        update batch_work w set replies = array(select r from unnest(w.replies) r where not (${isDirect(sql, "r")}))
        from late l where w.batch_id = l.batch_id and w.seq = l.seq returning w.batch_id, w.seq, w.answer)
      select r as "to", t.answer from begun t join late l using (batch_id, seq) cross join lateral unnest(l.replies) r
      where ${isDirect(sql, "r")}`,
  );
}
