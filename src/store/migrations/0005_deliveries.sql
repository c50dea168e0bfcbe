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
  attempts nonnegative not null default 0,
  next_at timestamptz(3) not null default now(),
  -- the start call is still open: not before its outcome is written, or this time
  hold_until timestamptz(3),
  lease_until timestamptz(3),
  lease_id bigint,
  last_status int,
  last_error text,
  created_at timestamptz not null default now(),
  done_at timestamptz(3),
  -- null: a message, not a call
  receiver text,
  check ((done_at is null) = (status = 'pending'))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
-- In each receiver by the time before which it may not be sent: what is held, or leased, does not stand in front.
create index delivery_ready on delivery (coalesce(receiver, ''), greatest(next_at, hold_until, lease_until))
  where status = 'pending';
create index delivery_task on delivery (task_id);
create index delivery_listed on delivery (status, created_at desc, id);
create index delivery_exhausted on delivery (done_at) where status = 'exhausted';
create index delivery_batch on delivery (batch_id, created_at desc, id);

-- What became of each attempt to deliver. Written with the outcome, deleted with the delivery: no foreign key, which would
-- cost every outcome a look.
create table delivery_attempt (
  delivery_id uuid not null,
  -- goes on over a replay, which sets the delivery's own count back to 0
  n positive not null,
  at timestamptz(3) not null,
  status int,
  duration_ms nonnegative not null,
  error text,
  -- the first 2 KB of the answer's body
  answer text,
  primary key (delivery_id, n)
);

-- Receivers that have failed lately, and may not be called for a time: one row for each, none for those that are healthy.
-- Read by every process about once a second, so it has to stay small.
create table circuit (
  receiver text primary key,
  state circuit_state not null default 'closed',
  -- in a row; since when
  failures nonnegative not null default 0,
  since timestamptz(3),
  -- probes in a row
  successes nonnegative not null default 0,
  open_until timestamptz(3),
  -- one call probes, until then no other does
  probe_until timestamptz(3),
  check ((state = 'closed') = (open_until is null)),
  check (probe_until is null or state = 'half_open')
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

-- Receivers that were called lately, and how, for people: each process notes those that it called now and then.
create table receiver (
  receiver text primary key,
  -- the end of the newest call, and why the newest one that failed did; null: none has
  at timestamptz(3) not null,
  last_error text
);
create index receiver_at on receiver (at);
