-- One row for each command on a batch that is not finished, and for each that was just finished and not yet answered.
create table batch_work (
  batch_id uuid not null,
  seq int not null,
  kind text not null check (kind in ('stop', 'pause', 'resume', 'rules', 'propagation')),
  args jsonb,
  -- a sweep has visited the ranks up to `reached`, and is for the ranks up to `upto`
  reached int not null default -1,
  upto int not null default -1,
  counts jsonb not null default '{}',
  -- under which id its answer is kept, what it is like, and the inboxes that wait for it
  command_id text,
  answer jsonb,
  replies text[] not null default '{}',
  -- who asked for it, and why: what a sweep does is theirs, what propagates is the worker's
  actor text not null default 'anonymous',
  reason text,
  -- how often it was set aside, or a step that it waits for, because it always failed; why, and until when
  failures int not null default 0,
  error text,
  aside_until timestamptz(3),
  asked_at timestamptz(3) not null default now(),
  last_at timestamptz(3) not null default now(),
  done_at timestamptz(3),
  primary key (batch_id, seq)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
create index batch_work_open on batch_work (batch_id) where done_at is null;
-- Those whose answers were not sent.
create index batch_work_done on batch_work (done_at) where done_at is not null;

-- What relatives have not heard yet. `judge`: the task may be lost. `down`: it has ended, its children after `after` with a
-- rank up to `upto` have not heard. `up`: the last unfinished child of this unfinished task has ended.
create table propagation (
  batch_id uuid not null,
  task_id uuid not null,
  step text not null check (step in ('judge', 'down', 'up')),
  rank int not null,
  -- `seq` of the work that waits for it; of several the lowest and the highest
  cause int not null,
  last_cause int not null,
  after uuid,
  upto int,
  -- how often it was set aside because it always failed, why, and until when
  failures int not null default 0,
  error text,
  aside_until timestamptz(3),
  primary key (batch_id, task_id, step)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- What goes down and what climbs are taken apart, each in the order of ranks.
create index propagation_rank on propagation (batch_id, step, rank);
create index propagation_cause on propagation (batch_id, cause);
create index propagation_aside on propagation (batch_id) where aside_until is not null;
