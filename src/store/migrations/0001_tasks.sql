-- The tables of Baton. `task` holds what every step touches (hot, few and partial indexes), `task_spec` what is read once
-- (cold). Statuses stand in index predicates, so a change of state is never a HOT update: keep indexes few.

-- Spelled once in machines/; a test compares them.
create type task_status as enum
  ('Waiting', 'Pending', 'Claimed', 'Running', 'Retrying', 'Paused', 'Success', 'Failure', 'Canceled', 'Skipped');
create type delivery_status as enum ('pending', 'success', 'exhausted');
create type circuit_state as enum ('closed', 'open', 'half_open');
-- What a column may hold is said by its type: Postgres reads the text of every check of a table anew for each statement that writes
-- there, and looks at all of them for each row. For a table's own checks only what compares columns is left.
create domain nonnegative as int check (value >= 0);
create domain positive as int check (value > 0);
-- JavaScript has all of these numbers.
create domain counter as bigint check (value between 0 and 9007199254740991);
create domain priority as smallint check (value between -1000 and 1000);

-- Batches -------------------------------------------------------------------------------------------------------------

create table batch (
  id uuid primary key,
  total nonnegative not null,
  -- links between its tasks, so that adding knows how many more there may be
  links nonnegative not null default 0,
  unfinished nonnegative not null,
  -- tallies of the final tasks, written with `unfinished`; `dead_ends` are among the canceled, `followed` among the failed
  succeeded nonnegative not null default 0,
  failed nonnegative not null default 0,
  canceled nonnegative not null default 0,
  skipped nonnegative not null default 0,
  dead_ends nonnegative not null default 0,
  followed nonnegative not null default 0,
  -- the first task that failed by itself
  first_failed uuid,
  -- what the final tasks add up to, written with the tallies, so that a listing reads no final task; sums as floats: they may
  -- pass what a bigint holds. `ended_unexpected`: how many have no expected_count
  ended_success double precision not null default 0,
  ended_failures double precision not null default 0,
  ended_expected double precision not null default 0,
  ended_unexpected nonnegative not null default 0,
  last_ended timestamptz(3),
  -- of all tasks, each once, sorted
  kinds text[] not null default '{}',
  rerun_of uuid,
  -- an actor, as events have it
  created_by text not null default 'anonymous',
  -- does not complete, whatever has ended
  open boolean not null default false,
  paused boolean not null default false,
  -- a stop is committed: nothing of the batch starts any more
  stopping boolean not null default false,
  -- work in portions: rows of batch_work that are not done, the number given out last, and whose turn it was
  works nonnegative not null default 0,
  seq nonnegative not null default 0,
  last_was_sweep boolean not null default false,
  created_at timestamptz not null default now(),
  -- stopped then, if it is not complete
  deadline_at timestamptz(3),
  -- the name of the schedule that made it, and for which time
  schedule text,
  schedule_at timestamptz(3),
  completed_at timestamptz(3),
  constraint batch_completion check ((completed_at is not null) = (unfinished = 0 and not open)),
  constraint batch_works check (completed_at is null or works = 0),
  constraint batch_tallies check (
    succeeded + failed + canceled + skipped = total - unfinished and dead_ends <= canceled and followed <= failed),
  constraint batch_schedule_time check ((schedule is null) = (schedule_at is null))
) with (fillfactor = 50);
create index batch_newest on batch (created_at desc, id desc);
-- `unfinished` stays out of these, and so does a predicate on it: all updates of a batch but its last stay HOT.
create index batch_completed on batch (completed_at, id) where completed_at is not null;
-- Retention keeps what a rerun that is not complete began from.
create index batch_rerun on batch (rerun_of) where rerun_of is not null and completed_at is null;
create index batch_open on batch (created_at desc, id desc) where completed_at is null;
create index batch_schedule on batch (schedule collate "C", schedule_at desc, id desc) where schedule is not null;
create index batch_schedule_open on batch (schedule collate "C") where schedule is not null and completed_at is null;
create index batch_deadline on batch (deadline_at, id) where deadline_at is not null and completed_at is null;

-- Which kinds there are, and the batches of each in the order in which they are listed. `created_at` is that of the tasks.
create table batch_kind (
  kind text not null,
  created_at timestamptz not null default now(),
  batch_id uuid not null,
  primary key (kind, created_at, batch_id)
);

-- What counters brought to tasks that had ended, beside the sums in `batch`: only ever inserted, so that a counter update needs
-- no lock on the batch.
create table late_count (
  batch_id uuid not null,
  success double precision not null,
  failures double precision not null
);
create index late_count_batch on late_count (batch_id);

create table batch_spec (
  id uuid primary key references batch on delete cascade,
  created_at timestamptz not null default now(),
  scope text,
  metadata jsonb,
  -- of its tasks that say nothing themselves, also of those that are added later
  dead_end text check (dead_end in ('cancel', 'keep')),
  on_complete jsonb not null default '[]',
  -- as it was sent
  paused boolean not null default false,
  deadline_secs positive
);
-- Tasks that were left out when they were sent: one that is added later may name them, and they count as met.
create table deduplicated (
  batch_id uuid references batch on delete cascade,
  local_id text,
  -- the task that sent it, where one did
  added_by uuid,
  primary key (batch_id, local_id)
);

create index batch_spec_scope on batch_spec (scope, created_at desc, id desc) where scope is not null;

-- Tasks ---------------------------------------------------------------------------------------------------------------

-- No foreign key to batch: it would cost every task a lock on its batch, and every deleted batch a walk through all tasks.
create table task (
  id uuid primary key,
  batch_id uuid not null,
  -- the place in the call that created it: claims go by it
  pos nonnegative not null,
  -- a topological number in the batch, parents before children: propagation and sweeps go by it
  rank nonnegative not null default 0,
  status task_status not null,
  kind text not null,
  priority priority not null default 0,
  -- tasks with equal rules and equal values of their fields share an admission queue; queue 0 has no rules
  queue int not null default 0,
  -- scheme, host and port that the start call goes to; null where there is no call
  receiver text,
  wait_finished nonnegative not null,
  wait_success nonnegative not null,
  -- how many tasks depend on this one (0 spares the look-up when it ends); how many of them are unfinished, kept while it is
  children nonnegative not null default 0,
  open_children nonnegative not null default 0,
  success counter not null default 0,
  failures counter not null default 0,
  expected_count counter,
  attempt nonnegative not null default 0,
  timeout int not null,
  -- limits on its whole time, from the first claim and until then; how long its message may lie in a queue
  max_duration_secs positive,
  expires_secs positive,
  queue_timeout_secs positive,
  -- of a message: a worker of this attempt has reported, so that `timeout` holds
  heard boolean not null default false,
  retry jsonb,
  -- which actions exist, so that the cold row is read only for those: 1 start, 2 on_success, 4 on_failure, 8 on_cancel; 16: it
  -- was ended while its start call may have been open; 32: it has added tasks to its batch
  acts smallint not null,
  dead_end_barrier boolean not null default false,
  dead_end_keep boolean not null default false,
  -- the first dependency that is met is enough
  joins_any boolean not null default false,
  pause_requested boolean not null default false,
  paused_by_batch boolean not null default false,
  -- `seq` of the newest sweep of its batch that visited it out of turn, or that was there when it was created
  swept int not null default 0,
  -- the worker that held it died: the call may have been made
  in_doubt boolean not null default false,
  -- the process that holds it while Claimed, and the fencing token of its latest claim
  owner int,
  claim_id bigint,
  created_at timestamptz not null default now(),
  -- a claim that was put back is none
  first_claimed_at timestamptz(3),
  started_at timestamptz(3),
  ended_at timestamptz(3),
  last_updated timestamptz(3) not null default now(),
  -- not claimed before (run_at, back-off, put back); null: may be claimed now
  ready_at timestamptz(3),
  -- the earliest of everything that fires: ready_at, the time-out, the limits on its whole time
  due_at timestamptz(3),
  run_at timestamptz(3),
  next_retry_at timestamptz(3),
  failure_reason text,
  -- how many refused reports were kept as events
  rejected smallint not null default 0,
  constraint task_children check (open_children <= children),
  constraint task_final check ((ended_at is null) = (status not in ('Success', 'Failure', 'Canceled', 'Skipped'))),
  constraint task_pending check (status <> 'Pending' or (wait_finished = 0 and wait_success = 0)),
  constraint task_claimed check ((status = 'Claimed') = (owner is not null)),
  constraint task_times check (ready_at is null or due_at <= ready_at)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000);
-- One range for each receiver, so that a thousand tasks of one that is full hide no task of another.
create index task_ready on task (queue, coalesce(receiver, ''), priority desc, created_at, pos)
  where status = 'Pending' and ready_at is null;
-- The same whatever the receiver, for queues with more receivers than can be looked at one by one. Only a query that asks for
-- `pos >= 0`, which always holds, can use it: a plan made on an empty table would take it for the one above.
create index task_best on task (queue, priority desc, created_at, pos)
  where status = 'Pending' and ready_at is null and pos >= 0;
create index task_queue on task (queue) where queue <> 0 and ended_at is null;
create index task_due on task (due_at, id) where due_at is not null;
create index task_owner on task (owner) where owner is not null;
-- Those that hold slots: for a new key template, and for the sweep that compares them with `slot`.
create index task_holding on task (kind, id) where status in ('Claimed', 'Running') or (in_doubt and ended_at is null);
-- Listings by state, and the look for twins of a task that is to be created.
create index task_status on task (status, created_at desc, id);

-- Written by the statement that creates the task, deleted with it, and in no other way: a foreign key would only cost.
create table task_spec (
  id uuid primary key,
  -- what tasks are listed and swept by stands here, where no update pays for the indexes
  batch_id uuid not null,
  rank int not null default 0,
  created_at timestamptz not null default now(),
  local_id text not null,
  name text not null,
  metadata jsonb,
  rules jsonb not null default '[]',
  dedupe jsonb not null default '[]',
  -- as it was sent: a rerun waits so long again
  delay_secs int,
  start_action jsonb,
  -- for listings; null: none
  start_kind text generated always as (start_action ->> 'kind') stored,
  -- as it was sent
  paused boolean not null default false,
  -- the task that added it, where one did
  added_by uuid,
  -- what is delivered later: [{trigger: "End", on: "success" | "failure", kind, params} | {trigger: "Cancel", …}]
  actions jsonb not null default '[]',
  result jsonb,
  -- of `result` in compact form, so that a claim knows how much it would read
  result_bytes int,
  -- Of the tasks that `inputs` name, and of the parents where they ask for "parents", those that are not in the batch: by local id
  -- the id of a task of an earlier batch, which a rerun left out, or null, which was deduplicated. Null: there are none.
  sources jsonb
);
create index task_spec_rank on task_spec (batch_id, rank);
-- Ids are unique in a batch: what is added is looked for by them, and so are its parents. Only a query that asks for
-- `local_id <> ''`, which always holds, can use it: a plan made on an empty table would take it for the one above.
create unique index task_spec_local on task_spec (batch_id, local_id) where local_id <> '';
create index task_spec_newest on task_spec (created_at desc, id);
-- The search by the beginning of a name: the newest of each.
create index task_spec_name on task_spec (name collate "C", created_at desc);
-- Gates are few among all tasks, and people look for them.
create index task_spec_gate on task_spec (created_at desc, id) where start_kind = 'Wait';
-- The list of what is not sorted in yet stays short: every look reads it whole.
create index task_spec_metadata on task_spec using gin (metadata jsonb_path_ops) with (gin_pending_list_limit = 256)
  where metadata is not null;

-- Starts of which not a byte could be sent: a row for each task while its tries last. No foreign key: a row goes with what
-- happens to its task, and a final task has none.
create table unsent (
  task_id uuid primary key,
  -- when the first try that counts ended
  since timestamptz(3),
  tries positive not null,
  -- whom the call is for, why it could not be sent, and when it is tried again
  host text not null,
  error text not null,
  until timestamptz(3) not null
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
-- How many wait for one.
create index unsent_host on unsent (host);

create table link (
  parent_id uuid not null references task on delete cascade,
  child_id uuid not null references task on delete cascade,
  requires_success boolean,
  condition text check (condition in ('always', 'on_success', 'on_failure', 'none_failed')),
  primary key (parent_id, child_id),
  check (requires_success is null or condition is null)
);
create index link_child on link (child_id);
