-- Commands that must not take effect twice, with the answer that was given: the redelivery guard and the idempotency key.
create table command (
  id text primary key,
  hash text,
  answer jsonb not null,
  -- work in portions that the final answer waits for
  batch_id uuid,
  seq int,
  at timestamptz(3) not null default now(),
  check ((batch_id is null) = (seq is null))
);
create index command_at on command (at);

-- Ids of the counter updates that were applied.
create table counter_update (
  id text primary key,
  at timestamptz(3) not null default now(),
  -- what the id stands for (`<successes>/<failures>`), so that a client's key that comes with another update is noticed
  counts text,
  -- of a message of many updates: the places of those that are not counted yet, because their task was locked; null: all are
  open int[]
);
create index counter_update_at on counter_update (at);

-- Creations that came with a key of the client's: what a repetition needs to get the first answer again. Written in the
-- transaction of the batch. No foreign key: a batch may be deleted before its key is forgotten.
create table create_key (
  key text primary key,
  -- of the body: the same key with another one is refused
  hash text not null,
  -- null: a rerun that had nothing to take
  batch_id uuid,
  -- the created tasks by their position in the call; null or missing where one was deduplicated
  tasks uuid[] not null,
  -- of tasks that were added: how each began, which the body alone does not say
  began jsonb,
  -- the batch's created_at, to the microsecond
  at timestamptz not null default now()
);
create index create_key_at on create_key (at);

-- What could not be decided, published or parsed, for people.
create table dead_letter (
  id uuid primary key,
  subject text not null,
  reason text not null,
  at timestamptz(3) not null default now(),
  -- the message as it came, up to 64 KB; whether it was longer
  payload bytea not null,
  cut boolean not null default false
);
create index dead_letter_at on dead_letter (at desc, id);
