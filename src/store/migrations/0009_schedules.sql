-- Schedules: batches that are made again and again, at times of their own.

create table schedule (
  id uuid primary key,
  name text collate "C" not null unique check (name ~ '^[a-z0-9_-]{1,100}$'),
  cron text,
  every_secs positive,
  timezone text not null,
  overlap text not null check (overlap in ('skip', 'allow', 'replace')),
  catch_up text not null check (catch_up in ('last', 'none', 'all')),
  paused boolean not null,
  until timestamptz(3),
  -- the body of POST /task as it was sent, and how long it was; `alone`: making it may take long or wait for others
  batch json not null,
  bytes int not null,
  alone boolean not null,
  -- counts the changes, so that what was read of the body is known to be old
  version int not null default 0,
  -- from where every_secs counts
  anchor timestamptz(3) not null default now(),
  -- the first time that was not looked at yet; when it has to be looked at again
  next_at timestamptz(3),
  due_at timestamptz(3),
  check ((cron is null) <> (every_secs is null)),
  check (not paused or due_at is null)
) with (fillfactor = 50);
create index schedule_due on schedule (alone, due_at, id) where due_at is not null;

-- Each time that has come, once: it waits for its batch, has it, or was skipped. Of the last two the newest few are kept.
create table schedule_time (
  schedule_id uuid not null references schedule on delete cascade,
  at timestamptz(3) not null,
  state text not null check (state in ('waiting', 'refused', 'made', 'overlap', 'missed', 'given_up')),
  batch_id uuid,
  primary key (schedule_id, at),
  check ((state = 'made') = (batch_id is not null))
);
create index schedule_time_state on schedule_time (schedule_id, state, at);

-- When some worker was alive while a time was due, so that it is known which times were missed.
create table schedule_alive (
  since timestamptz(3) not null,
  upto timestamptz(3) not null
);
create index schedule_alive_upto on schedule_alive (upto);
