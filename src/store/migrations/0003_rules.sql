-- A key template is a set of fields that some rule compares for a kind; every task of that kind that is Claimed, Running or in
-- doubt holds one slot for each, whether or not it has a rule itself. Tasks with equal rules and equal values of their fields share an
-- admission queue; a queue whose limit key is full waits for it, not its tasks. What opens a key or fills a queue leaves a signal.

create table key_template (
  kind text not null,
  fields text[] not null,
  -- every task that was to have its slots when it was made has them by now
  complete boolean not null default false,
  -- unused ones go after this time
  keep_until timestamptz(3) not null default now() + interval '1 hour',
  primary key (kind, fields)
);

create table slot (
  key uuid not null,
  task_id uuid not null,
  primary key (key, task_id)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
create index slot_task on slot (task_id);

-- Queue 0, of tasks without rules, has no row.
create table admission_queue (
  id int generated always as identity primary key,
  hash uuid not null unique,
  -- [{type, limit, key}]; a key of null can never be open: the task lacks a field.
  terms jsonb not null,
  -- some task of it may be claimable
  ready boolean not null default false,
  -- the key that was found full, and from where on it is; no key: it waits for other metadata
  waiting_on uuid,
  waiting_type text check (waiting_type in ('Concurrency', 'Capacity', 'Rate', 'missing')),
  waiting_limit bigint,
  -- when it was found to wait the last time: tasks that were in it before have waited for a rule
  waited_at timestamptz(3),
  -- the rank of its best task, or a better one
  priority smallint not null default 0,
  since timestamptz not null default now(),
  pos int not null default 0,
  check ((waiting_on is null) = (waiting_type is null)),
  check ((waiting_on is null) = (waiting_limit is null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
create index queue_ready on admission_queue ((-priority), since, pos, id) where ready and waiting_on is null;
create index queue_waiting on admission_queue (waiting_on, priority desc, since, pos, id) where waiting_on is not null and ready;
create index queue_working on admission_queue (waiting_on) where waiting_type = 'Capacity' and ready;

-- What the keys in the terms of a queue stand for, for people: written and deleted with the queue.
create table limit_key (
  key uuid not null,
  type text not null,
  "limit" bigint not null,
  queue int not null references admission_queue on delete cascade,
  kind text not null,
  fields text[] not null,
  -- in the order of the fields
  "values" jsonb not null,
  -- of a Rate: the starts that it counts, and in how many seconds
  rate_key uuid,
  per int,
  primary key (key, type, "limit", queue),
  check ((type = 'Rate') = (rate_key is not null and per is not null))
);
create index limit_key_queue on limit_key (queue);

-- Only ever inserted and deleted, so that no transaction waits for another one here.
create table signal (
  id bigint generated always as identity primary key,
  key uuid,
  queue int,
  priority smallint not null default 0,
  since timestamptz not null default now(),
  pos int not null default 0,
  check (num_nonnulls(key, queue) = 1)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

-- Rates ---------------------------------------------------------------------------------------------------------------

-- Rate rules: how many tasks start in a window of time. A start is a row for each set of fields that some Rate compares for its
-- kind; a window counts these rows, by the time of their claims. Who waits for a window waits for a time, and no task is looked
-- at until then.

-- Which fields Rate rules compare, for which kind, and the shortest and the longest of their windows in seconds.
create table rate_template (
  id int generated always as identity primary key,
  kind text not null,
  fields text[] not null,
  shortest positive not null,
  longest int not null check (longest >= shortest),
  -- every claim that does not know it has ended
  complete boolean not null default false,
  -- unused ones go after this time, once no start of theirs counts
  keep_until timestamptz(3) not null default now() + interval '1 hour',
  unique (kind, fields)
);

-- A claim that led, or may lead, to a call. Only ever inserted and deleted. No foreign key, which would cost every claim a look.
create table rate_start (
  claim_id bigint not null,
  template int not null,
  -- of the kind, the fields and their values
  key uuid not null,
  -- when it was claimed
  at timestamptz(3) not null,
  primary key (claim_id, template)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
create index rate_start_key on rate_start (key, at);
create index rate_start_old on rate_start (template, at);

-- Windows that are full, of rules for which queues wait, and when the next start fits in. Written by claim rounds alone, which
-- take turns.
create table rate_window (
  -- of the key, the limit and the seconds; queues wait on it
  id uuid primary key,
  key uuid not null,
  "limit" bigint not null,
  per int not null,
  opens_at timestamptz(3) not null
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
create index rate_window_opens on rate_window (opens_at);
create index rate_window_key on rate_window (key);

-- Keys and queues -----------------------------------------------------------------------------------------------------

-- The one place where a limit key is made: of the kind, the fields and their values. Null where a field is missing.
create function limit_key_of(kind text, fields text[], metadata jsonb) returns uuid
language sql immutable parallel safe as $$
  select case when coalesce(metadata, '{}') ?& fields then
    md5(jsonb_build_array(kind, (
      select coalesce(jsonb_agg(jsonb_build_array(f, metadata -> f) order by f collate "C"), '[]') from unnest(fields) f))::text)::uuid
  end
$$;

-- So long a start keeps its place: the window, and the margin within which its call has to begin.
create function rate_hold(per int) returns interval
language sql immutable parallel safe as $$ select make_interval(secs => per + least(per * 0.04, 0.1)) $$;

-- What starts are counted by; another key than that of slots, so that the end of a task is no news for a Rate.
create function rate_key_of(kind text, fields text[], metadata jsonb) returns uuid
language sql immutable parallel safe as $$ select md5('Rate ' || limit_key_of(kind, fields, metadata)::text)::uuid $$;

create function rate_window_of(key uuid, max bigint, per int) returns uuid
language sql immutable parallel safe as $$ select md5(concat_ws(' ', key::text, max, per))::uuid where key is not null $$;

-- A type of rules that this schema does not know must not be counted as another one.
create function known_rule_type(name text) returns text
language plpgsql immutable parallel safe as $$
begin
  case name
    when 'Capacity' then return 'Capacity';
    when 'Concurrency', 'Concurency' then return 'Concurrency';
    when 'Rate' then return 'Rate';
    else raise exception 'unknown type of rule: %', name using errcode = 'invalid_parameter_value';
  end case;
end $$;

-- Rules as they were sent, in either spelling, as they are decided by. `per`: of a Rate.
create function rule_normal(rules jsonb) returns table (type text, max bigint, kind text, fields text[], per int)
language sql immutable parallel safe as $$
  select known_rule_type(r ->> 'type'),
    coalesce(r ->> 'max_concurrency', r ->> 'max_concurency', r ->> 'max_capacity', r ->> 'max_starts')::bigint,
    r -> 'matcher' ->> 'kind',
    (select coalesce(array_agg(distinct f collate "C" order by f collate "C"), '{}')
     from jsonb_array_elements_text(r -> 'matcher' -> 'fields') f),
    (r ->> 'per_secs')::int
  from jsonb_array_elements(rules) r
$$;

-- What a queue waits on for one rule: a limit key, or the window of a Rate. Null where a field is missing.
create function rule_key_of(type text, max bigint, kind text, fields text[], per int, metadata jsonb) returns uuid
language sql immutable parallel safe as $$
  select case type when 'Rate' then rate_window_of(rate_key_of(kind, fields, metadata), max, per)
    else limit_key_of(kind, fields, metadata) end
$$;

-- What an admission queue is made of; null where there is nothing to wait for. `counted`: the task says how much it expects.
-- `held`: keys that it holds a slot of already, because it is in doubt: only it could free them, and it takes no other.
create function rule_terms(rules jsonb, metadata jsonb, counted boolean, held uuid[] default '{}') returns jsonb
language sql immutable parallel safe as $$
  select jsonb_agg(distinct jsonb_build_object('type', n.type, 'limit', n.max, 'key', k.key)
    || case n.type when 'Rate' then jsonb_build_object('of', rate_key_of(n.kind, n.fields, metadata), 'per', n.per) else '{}' end)
  from rule_normal(rules) n cross join lateral (
    select case when n.type <> 'Capacity' or counted then rule_key_of(n.type, n.max, n.kind, n.fields, n.per, metadata) end as key) k
  where k.key is null or k.key <> all(held)
$$;

-- The admission queue of these terms, made where there is none yet, and kept by a lock until the end of the transaction.
-- Callers that ask for several ask in the order of the terms. `rules`, `metadata`: of a task with these terms, which say what the
-- keys of a new queue stand for.
create function queue_for(wanted jsonb, rules jsonb default '[]', metadata jsonb default null) returns int
language plpgsql volatile as $$
declare
  found_id int;
begin
  if wanted is null then
    return 0;
  end if;
  loop
    select id into found_id from admission_queue where hash = md5(wanted::text)::uuid for key share;
    exit when found_id is not null;
    insert into admission_queue (hash, terms) values (md5(wanted::text)::uuid, wanted) on conflict (hash) do nothing
      returning id into found_id;
    if found_id is not null then
      insert into limit_key (key, type, "limit", queue, kind, fields, "values", rate_key, per)
      select distinct on (k.key, n.type, n.max) k.key, n.type, n.max, found_id, n.kind, n.fields,
        (select coalesce(jsonb_agg(metadata -> f order by i), '[]') from unnest(n.fields) with ordinality u (f, i)),
        case n.type when 'Rate' then rate_key_of(n.kind, n.fields, metadata) end, n.per
      from rule_normal(rules) n
        cross join lateral (select rule_key_of(n.type, n.max, n.kind, n.fields, n.per, metadata) as key) k
      where wanted @> jsonb_build_array(jsonb_build_object('type', n.type, 'limit', n.max, 'key', k.key)) and k.key is not null;
      exit;
    end if;
  end loop;
  return found_id;
end
$$;

-- Whether tasks take slots, or hold some, as of the moment it is called: a volatile function looks with a snapshot of its own, so a
-- call after a lock is taken sees what was committed before.
create function has_key_templates() returns boolean language plpgsql volatile as $$
begin
  return exists (select from key_template) or exists (select from slot) or exists (select from rate_template);
end $$;
