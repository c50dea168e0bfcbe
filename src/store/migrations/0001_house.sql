-- The tables of the house. `task` holds what every step touches (hot, few and partial indexes), `task_spec` what is
-- read once (cold). Statuses stand in index predicates, so a change of state is never a HOT update: keep indexes few.

-- Spelled once in machines/task.ts; a test compares the two.
create type task_status as enum
  ('Waiting', 'Pending', 'Claimed', 'Running', 'Retrying', 'Paused', 'Success', 'Failure', 'Canceled', 'Skipped');
create type delivery_status as enum ('pending', 'success', 'exhausted');

create table batch (
  id uuid primary key,
  total int not null check (total >= 0),
  unfinished int not null check (unfinished between 0 and total),
  created_at timestamptz not null default now(),
  completed_at timestamptz(3),
  check ((completed_at is null) = (unfinished > 0))
) with (fillfactor = 50);
create index batch_newest on batch (created_at desc, id desc);

create table batch_spec (
  id uuid primary key references batch on delete cascade,
  scope text,
  metadata jsonb,
  on_complete jsonb not null default '[]'
);
create index batch_spec_scope on batch_spec (scope) where scope is not null;

create table task (
  id uuid primary key,
  batch_id uuid not null references batch on delete cascade,
  pos int not null,
  status task_status not null,
  kind text not null,
  priority smallint not null default 0 check (priority between -1000 and 1000),
  -- tasks with equal rules and equal values of their fields share a lane; lane 0 has no rules
  lane int not null default 0,
  -- scheme, host and port that the start call goes to; null where there is no call
  receiver text,
  wait_finished int not null check (wait_finished >= 0),
  wait_success int not null check (wait_success >= 0),
  -- how many tasks depend on this one (0 spares the look-up when it ends)
  kids int not null default 0 check (kids >= 0),
  success bigint not null default 0 check (success between 0 and 9007199254740991),
  failures bigint not null default 0 check (failures between 0 and 9007199254740991),
  expected_count bigint check (expected_count between 0 and 9007199254740991),
  attempt int not null default 0 check (attempt >= 0),
  timeout int not null,
  retry jsonb,
  -- which actions exist, so that the cold row is read only for those: 1 start, 2 on_success, 4 on_failure, 8 on_cancel
  acts smallint not null,
  dead_end_barrier boolean not null default false,
  pause_requested boolean not null default false,
  -- the worker that held it died: the call may have been made
  in_doubt boolean not null default false,
  -- the worker that holds it while Claimed, and the fencing token of its latest claim
  owner int,
  claim_id bigint,
  created_at timestamptz not null default now(),
  started_at timestamptz(3),
  ended_at timestamptz(3),
  last_updated timestamptz(3) not null default now(),
  -- the one timer of the present state: run_at while Pending, backoff while Retrying, the time-out while Running
  due_at timestamptz(3),
  run_at timestamptz(3),
  next_retry_at timestamptz(3),
  failure_reason text,
  -- how many refused reports were kept as events
  rejected smallint not null default 0,
  check ((ended_at is null) = (status not in ('Success', 'Failure', 'Canceled', 'Skipped'))),
  check (status <> 'Pending' or (wait_finished = 0 and wait_success = 0)),
  check ((status = 'Claimed') = (owner is not null))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000);
-- One range for each receiver, so that a thousand tasks of one that is full hide nobody behind them.
create index task_ready on task (lane, coalesce(receiver, ''), priority desc, created_at, pos)
  where status = 'Pending' and due_at is null;
create index task_due on task (due_at) where due_at is not null;
create index task_owner on task (owner) where owner is not null;

-- Written by the statement that creates the task, deleted with it, and by nobody else: a foreign key would only cost.
create table task_spec (
  id uuid primary key,
  -- what tasks are listed by stands here, where no update pays for the indexes
  batch_id uuid not null,
  created_at timestamptz not null default now(),
  local_id text not null,
  name text not null,
  metadata jsonb,
  rules jsonb not null default '[]',
  dedupe jsonb not null default '[]',
  start_action jsonb,
  -- what is delivered later: [{trigger: "End", on: "success" | "failure", kind, params} | {trigger: "Cancel", …}]
  actions jsonb not null default '[]',
  result jsonb
);

create index task_spec_batch on task_spec (batch_id);
create index task_spec_newest on task_spec (created_at desc, id);

create table link (
  parent_id uuid not null references task on delete cascade,
  child_id uuid not null references task on delete cascade,
  requires_success boolean,
  condition text check (condition in ('always', 'on_success', 'on_failure')),
  primary key (parent_id, child_id),
  check (requires_success is null or condition is null)
);
create index link_child on link (child_id);

-- One row for each transition, and for each refused report ("from" equals "to").
create table event (
  id bigint generated always as identity primary key,
  task_id uuid not null,
  batch_id uuid not null,
  "from" task_status not null,
  "to" task_status not null,
  event text not null,
  at timestamptz(3) not null,
  attempt int not null,
  reason text,
  actor text not null
);
create index event_task on event (task_id, id);

-- End, cancel and batch-complete notifications: written with the transition, kept until they arrive or are exhausted.
create table delivery (
  id uuid primary key,
  key text not null unique,
  task_id uuid,
  batch_id uuid not null,
  trigger text not null check (trigger in ('end', 'cancel')),
  action jsonb not null,
  -- the reserved key `baton` of the body
  facts jsonb not null,
  status delivery_status not null default 'pending',
  attempts int not null default 0 check (attempts >= 0),
  next_at timestamptz(3) not null default now(),
  -- the start call is still open: not before its outcome is written, or this time
  hold_until timestamptz(3),
  lease_until timestamptz(3),
  lease_id bigint,
  last_status int,
  last_error text,
  created_at timestamptz not null default now(),
  done_at timestamptz(3),
  check ((done_at is null) = (status = 'pending'))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
create index delivery_due on delivery (next_at) where status = 'pending';
create index delivery_task on delivery (task_id);
create index delivery_newest on delivery (created_at desc, id);

-- Commands that must not take effect twice, with the answer that was given: the redelivery guard and the idempotency key.
create table command (
  id text primary key,
  hash text,
  answer jsonb not null,
  at timestamptz(3) not null default now()
);
create index command_at on command (at);

-- Ids of the counter updates that were applied.
create table counter_update (
  id text primary key,
  at timestamptz(3) not null default now()
);
create index counter_update_at on counter_update (at);

-- A worker process; its leases are good until alive_until.
create table worker (
  id int generated always as identity primary key,
  name text not null,
  started_at timestamptz(3) not null default now(),
  alive_until timestamptz(3) not null
);
