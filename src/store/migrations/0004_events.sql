-- One row for each transition, and for each refused report ("from" equals "to"). By days, so that old ones go by dropping a
-- table and not row by row. What falls into no day that was made ahead lands in the default partition: an insert never fails
-- for want of one.
create table event (
  -- One sequence for all partitions, without a cache: an id that is drawn later is larger.
  id bigint generated always as identity (sequence name event_id_seq cache 1),
  task_id uuid not null,
  batch_id uuid not null,
  "from" task_status not null,
  "to" task_status not null,
  event text not null,
  at timestamptz(3) not null,
  attempt int not null,
  reason text,
  -- who did it: `worker:<id>` for what Baton decides (docs/events.md)
  actor text not null,
  -- what an attempt was: why it waited, the HTTP status, the error, milliseconds
  detail jsonb,
  primary key (id, at)
) partition by range (at);
create index event_task on event (task_id, id);
create table event_default partition of event default;

-- Makes the partition of one day (UTC); false: it is there, or some of its rows are in the default partition, where they stay.
-- Attaching, unlike `create table … partition of`, does not wait for those who write into other partitions.
create function event_day(day date) returns boolean language plpgsql as $$
declare
  name text := 'event_' || to_char(day, 'YYYYMMDD');
  first timestamptz := day::timestamp at time zone 'UTC';
  beyond timestamptz := (day + 1)::timestamp at time zone 'UTC';
begin
  if to_regclass(name) is not null or exists (select from event_default where at >= first and at < beyond) then
    return false;
  end if;
  execute format('create table %I (like event including indexes)', name);
  execute format('alter table event attach partition %I for values from (%L) to (%L)', name, first, beyond);
  return true;
exception when check_violation then
  -- written into the default partition at this very moment
  return false;
end
$$;
select event_day((now() at time zone 'UTC')::date + n) from generate_series(0, 2) n;

-- Of the events that retention has dropped, the largest id: a reader that wants to go on from before it has missed some.
create table event_dropped (
  one boolean primary key default true check (one),
  upto bigint not null default 0
);
insert into event_dropped default values;

-- Who publishes the log, until when, up to which event it has, and the sequence of that in the stream.
create table event_relay (
  one boolean primary key default true check (one),
  owner int,
  until timestamptz(3) not null default now(),
  upto bigint not null default 0,
  sequence bigint
);
insert into event_relay default values;

-- What started and ended, by ten seconds: counted as the log is published, kept for some hours.
create table event_tally (
  at timestamptz(3) primary key,
  starts int not null,
  successes int not null,
  failures int not null
);
