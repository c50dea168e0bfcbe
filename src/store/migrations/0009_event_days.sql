-- Events by days, so that old ones go by dropping a table and not row by row. What falls into no day that was made ahead
-- lands in the default partition: an insert never fails for want of one.
alter table event rename to event_before;
alter table event_before rename constraint event_pkey to event_before_pkey;
alter index event_task rename to event_before_task;
alter sequence event_id_seq rename to event_before_id_seq;

-- One row for each transition, and for each refused report ("from" equals "to").
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
  actor text not null,
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

select event_day(day) from (
  select distinct (at at time zone 'UTC')::date as day from event_before
  union select (now() at time zone 'UTC')::date + n from generate_series(0, 2) n) days;
insert into event (id, task_id, batch_id, "from", "to", event, at, attempt, reason, actor) overriding system value
  select id, task_id, batch_id, "from", "to", event, at, attempt, reason, actor from event_before order by id;
select setval('event_id_seq', last_value, is_called) from event_before_id_seq;
drop table event_before;

-- Of the events that retention has dropped, the largest id: whoever wants to go on from before it has missed some.
create table event_dropped (
  one boolean primary key default true check (one),
  upto bigint not null default 0
);
insert into event_dropped default values;

-- Up to this event id everything that the worker wrote has been told on NATS; null: it owes nothing.
alter table worker add column told bigint;
