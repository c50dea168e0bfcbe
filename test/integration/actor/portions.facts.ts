// What must be true after every commit, whatever is outstanding: counted again from tasks and links. Each gives the rows that
// break it, hence none when all is well.
import type { Db } from "#store/pg/pool";

const final = `('Success', 'Failure', 'Canceled', 'Skipped')`;
/** A parent that ended so has met the edge. */
const isMet = `p.status = any(case
  when l.requires_success or l.condition = 'on_success' then '{Success}'
  when l.condition = 'on_failure' then '{Failure,Canceled}'
  when l.condition = 'none_failed' then '{Success,Skipped}'
  else '{Success,Failure,Canceled,Skipped}' end::task_status[])`;
const isSecret = `exists (select from propagation d where d.task_id = p.id and d.step = 'down'
  and t.rank <= d.upto and (d.after is null or t.id > d.after))`;

const facts: Readonly<Record<string, string>> = {
  "nothing is negative": `
    select id from task where least(wait_finished, wait_success, open_children) < 0 union all
    select id from batch where least(unfinished, works, succeeded, failed, canceled, skipped) < 0`,
  "open_children counts unfinished children, but for those that a stop ended": `
    select t.id, t.open_children from task t join batch b on b.id = t.batch_id left join link l on l.parent_id = t.id
      left join task c on c.id = l.child_id and c.status not in ${final}
    where t.status not in ${final} and not b.stopping
    group by t.id having t.open_children <> count(c.id)`,
  "wait_finished counts links that were not met": `
    select t.id, t.wait_finished from task t join link l on l.child_id = t.id join task p on p.id = l.parent_id
    where t.status not in ${final} and not t.joins_any
    group by t.id having t.wait_finished <> count(*) filter (where not (${isMet} and not ${isSecret}))`,
  "a batch counts its tasks": `
    select b.* from batch b left join task t on t.batch_id = b.id group by b.id
    having b.unfinished <> count(t.id) filter (where t.status not in ${final})
      or b.succeeded <> count(t.id) filter (where t.status = 'Success')
      or b.failed <> count(t.id) filter (where t.status = 'Failure')
      or b.canceled <> count(t.id) filter (where t.status = 'Canceled')
      or b.skipped <> count(t.id) filter (where t.status = 'Skipped')`,
  "a batch counts its works": `
    select b.id, b.works, count(w.seq) from batch b left join batch_work w on w.batch_id = b.id and w.done_at is null
    group by b.id having b.works <> count(w.seq)`,
  "a batch is complete when nothing is left": `
    select id from batch where (completed_at is not null) <> (unfinished = 0 and not open)`,
  "nothing is outstanding in a complete batch": `
    select b.id from batch b where completed_at is not null and (works > 0
      or exists (select from propagation p where p.batch_id = b.id)
      or exists (select from batch_work w where w.batch_id = b.id and w.done_at is null))`,
  "a step is somebody's": `
    select p.* from propagation p where not exists (
      select from batch_work w where w.batch_id = p.batch_id and w.seq >= p.cause and w.done_at is null)`,
  "final states stay": `
    select e.task_id from event e join event f on f.task_id = e.task_id and f.id < e.id and f."to" in ${final}
    where e."from" <> e."to"`,
};

/** The facts that do not hold now, with some of the rows. */
export const broken = (db: Db): Promise<object> =>
  db.use(async (sql) => {
    const found: Record<string, unknown> = {};
    for (const [fact, text] of Object.entries(facts)) {
      const rows = await sql.unsafe(`${text} limit 3`);
      if (rows.length > 0) found[fact] = [...rows];
    }
    return found;
  }, 20_000);
