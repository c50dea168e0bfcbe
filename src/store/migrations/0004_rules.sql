-- Admission rules. A shape is a set of fields that some rule compares for a kind; every Claimed or Running task of that kind
-- holds one key for each shape, whether or not it has a rule itself. Tasks with equal rules and equal values of their fields
-- share a lane; a lane whose key is full waits for it, not its tasks. Whoever opens a key or fills a lane leaves a wake.

create table shape (
  kind text not null,
  fields text[] not null,
  -- Every task that was active when the shape was made holds its key by now.
  complete boolean not null default false,
  primary key (kind, fields)
);

create table holder (
  key uuid not null,
  task_id uuid not null,
  primary key (key, task_id)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
create index holder_task on holder (task_id);

-- Lane 0, of tasks without rules, has no row.
create table lane (
  id int generated always as identity primary key,
  hash uuid not null unique,
  -- [{type, limit, key}]; a key of null can never be open: the task lacks a field.
  terms jsonb not null,
  -- Some task of it may be claimable.
  ready boolean not null default false,
  -- The key that was found full, and from where on it is; no key: it waits for other metadata.
  waiting_on uuid,
  waiting_type text check (waiting_type in ('Concurrency', 'Capacity', 'missing')),
  waiting_limit bigint,
  -- The rank of its best task, or a better one.
  priority smallint not null default 0,
  since timestamptz not null default now(),
  pos int not null default 0,
  check ((waiting_on is null) = (waiting_type is null)),
  check ((waiting_on is null) = (waiting_limit is null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
create index lane_ready on lane ((-priority), since, pos, id) where ready and waiting_on is null;
create index lane_waiting on lane (waiting_on, priority desc, since, pos, id) where waiting_on is not null and ready;
create index lane_working on lane (waiting_on) where waiting_type = 'Capacity' and ready;

-- Only ever inserted and deleted, so that nobody waits for anybody here.
create table wake (
  id bigint generated always as identity primary key,
  key uuid,
  lane int,
  priority smallint not null default 0,
  since timestamptz not null default now(),
  pos int not null default 0,
  check (num_nonnulls(key, lane) = 1)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

create index task_lane on task (lane) where lane <> 0 and ended_at is null;
create index task_best on task (lane, priority desc, created_at, pos)
  where lane <> 0 and status = 'Pending' and due_at is null;

-- The one place where a key is made: of the kind, the fields and their values. Null where a field is missing.
create function rule_key(kind text, fields text[], metadata jsonb) returns uuid
language sql immutable parallel safe as $$
  select case when coalesce(metadata, '{}') ?& fields then
    md5(jsonb_build_array(kind, (
      select coalesce(jsonb_agg(jsonb_build_array(f, metadata -> f) order by f collate "C"), '[]') from unnest(fields) f))::text)::uuid
  end
$$;

-- Rules as they were sent, in either spelling, as they are decided by.
create function rule_normal(rules jsonb) returns table (type text, max bigint, kind text, fields text[])
language sql immutable parallel safe as $$
  select case r ->> 'type' when 'Capacity' then 'Capacity' else 'Concurrency' end,
    coalesce(r ->> 'max_concurrency', r ->> 'max_concurency', r ->> 'max_capacity')::bigint,
    r -> 'matcher' ->> 'kind',
    (select coalesce(array_agg(distinct f collate "C" order by f collate "C"), '{}')
     from jsonb_array_elements_text(r -> 'matcher' -> 'fields') f)
  from jsonb_array_elements(rules) r
$$;

-- What a lane is made of; null without rules. `counted`: the task says how much it expects.
create function rule_terms(rules jsonb, metadata jsonb, counted boolean) returns jsonb
language sql immutable parallel safe as $$
  select jsonb_agg(distinct jsonb_build_object('type', n.type, 'limit', n.max, 'key',
    case when n.type <> 'Capacity' or counted then rule_key(n.kind, n.fields, metadata) end))
  from rule_normal(rules) n
$$;

-- The lane of these terms, made where there is none yet, and kept by a lock until the end of the transaction. Whoever asks
-- for several asks in the order of the terms.
create function lane_for(wanted jsonb) returns int
language plpgsql volatile as $$
declare
  found_id int;
begin
  if wanted is null then
    return 0;
  end if;
  loop
    select id into found_id from lane where hash = md5(wanted::text)::uuid for key share;
    exit when found_id is not null;
    insert into lane (hash, terms) values (md5(wanted::text)::uuid, wanted) on conflict (hash) do nothing returning id into found_id;
    exit when found_id is not null;
  end loop;
  return found_id;
end
$$;
