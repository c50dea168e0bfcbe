-- Bulk operations: one call that cancels, pauses, resumes, reruns or replays everything that matches a filter. Rows of `bulk` stay
-- for people to read; what an operation has still to do stands in `bulk_item`, and each row of it goes when it is counted.

create table bulk (
  id uuid primary key,
  action text not null check (action in ('cancel', 'pause', 'resume', 'rerun', 'replay')),
  kind text not null check (kind in ('tasks', 'batches', 'deliveries')),
  filter jsonb not null,
  reason text,
  -- who asked, as events have it
  actor text not null,
  state text not null check (state in ('collecting', 'running', 'done', 'stopped')),
  -- it was asked to stop while a portion was under way
  stop_asked boolean not null default false,
  -- where collecting goes on, and how many were collected
  after_at text,
  after_id uuid,
  collected nonnegative not null default 0,
  -- null while it is not known
  matched int,
  -- items up to `reached` are counted; those up to `taken` are under way, and are decided by the same commands again where a
  -- worker died
  taken int not null default 0,
  reached int not null default 0,
  done nonnegative not null default 0,
  skipped nonnegative not null default 0,
  failed nonnegative not null default 0,
  -- what a worker is at: nobody else takes the operation before `free_at`, and no write under an older `fence` takes effect
  free_at timestamptz(3) not null default now(),
  fence int not null default 0,
  -- there is something left to do for a worker: also to delete the items of one that was stopped
  open boolean not null default true,
  created_at timestamptz not null default now(),
  ended_at timestamptz(3),
  check (reached <= taken and taken <= collected),
  check (done + skipped + failed = reached),
  check ((ended_at is not null) = (state in ('done', 'stopped'))),
  check ((matched is null) = (state = 'collecting') or state = 'stopped'),
  check (state <> 'done' or done + skipped + failed = matched)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
create index bulk_open on bulk (free_at) where open;
create index bulk_newest on bulk (created_at desc, id);
create index bulk_ended on bulk (ended_at) where ended_at is not null;

create table bulk_item (
  bulk_id uuid not null,
  -- from 1, in the order of the listing
  n positive not null,
  target uuid not null,
  -- it had left the status of the filter when its turn came
  has_left boolean not null default false,
  primary key (bulk_id, n)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
do $$
declare
  attribute text;
begin
  foreach attribute in array array['bulk_id', 'n', 'target', 'has_left'] loop
    execute format('alter table bulk_item alter column %I set statistics 10', attribute);
  end loop;
end $$;
