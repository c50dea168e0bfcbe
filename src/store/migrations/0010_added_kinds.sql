-- The kinds of tasks that were added to a batch, with the moments of the additions: the tasks of a kind are found by the moments at which
-- some were created, and `batch_kind` has that of the batch alone.
create table kind_added (
  kind text not null,
  created_at timestamptz not null default now(),
  batch_id uuid not null,
  primary key (kind, created_at, batch_id)
);
create index kind_added_batch on kind_added (batch_id);

insert into kind_added (kind, created_at, batch_id)
select distinct t.kind, s.created_at, s.batch_id
from task_spec s join task t on t.id = s.id join batch b on b.id = s.batch_id where s.created_at <> b.created_at;
