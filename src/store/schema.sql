-- The schema after all migrations. Generated from the catalogs by scripts/schema.ts; do not edit.
-- For reading, and for seeing in a change what its migration does; nothing runs it. Partitions, which come and go, are left out.

create type circuit_state as enum ('closed', 'open', 'half_open');
create type delivery_status as enum ('pending', 'success', 'exhausted');
create type task_status as enum ('Waiting', 'Pending', 'Claimed', 'Running', 'Retrying', 'Paused', 'Success', 'Failure', 'Canceled', 'Skipped');

CREATE OR REPLACE FUNCTION public.event_day(day date)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
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
$function$
;
CREATE OR REPLACE FUNCTION public.has_shapes()
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
begin
  return exists (select from shape);
end $function$
;
CREATE OR REPLACE FUNCTION public.lane_for(wanted jsonb)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
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
$function$
;
CREATE OR REPLACE FUNCTION public.rule_key(kind text, fields text[], metadata jsonb)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  select case when coalesce(metadata, '{}') ?& fields then
    md5(jsonb_build_array(kind, (
      select coalesce(jsonb_agg(jsonb_build_array(f, metadata -> f) order by f collate "C"), '[]') from unnest(fields) f))::text)::uuid
  end
$function$
;
CREATE OR REPLACE FUNCTION public.rule_normal(rules jsonb)
 RETURNS TABLE(type text, max bigint, kind text, fields text[])
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  select case r ->> 'type' when 'Capacity' then 'Capacity' else 'Concurrency' end,
    coalesce(r ->> 'max_concurrency', r ->> 'max_concurency', r ->> 'max_capacity')::bigint,
    r -> 'matcher' ->> 'kind',
    (select coalesce(array_agg(distinct f collate "C" order by f collate "C"), '{}')
     from jsonb_array_elements_text(r -> 'matcher' -> 'fields') f)
  from jsonb_array_elements(rules) r
$function$
;
CREATE OR REPLACE FUNCTION public.rule_terms(rules jsonb, metadata jsonb, counted boolean)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  select jsonb_agg(distinct jsonb_build_object('type', n.type, 'limit', n.max, 'key',
    case when n.type <> 'Capacity' or counted then rule_key(n.kind, n.fields, metadata) end))
  from rule_normal(rules) n
$function$
;

create table batch (
  id uuid not null,
  total integer not null,
  unfinished integer not null,
  created_at timestamp with time zone default now() not null,
  completed_at timestamp(3) with time zone,
  constraint batch_pkey PRIMARY KEY (id),
  constraint batch_check CHECK (((unfinished >= 0) AND (unfinished <= total))),
  constraint batch_check1 CHECK (((completed_at IS NULL) = (unfinished > 0))),
  constraint batch_total_check CHECK ((total >= 0))
) with (fillfactor=50);

create table batch_spec (
  id uuid not null,
  scope text,
  metadata jsonb,
  on_complete jsonb default '[]'::jsonb not null,
  constraint batch_spec_pkey PRIMARY KEY (id)
);

create table circuit (
  receiver text not null,
  state circuit_state default 'closed'::circuit_state not null,
  failures integer default 0 not null,
  since timestamp(3) with time zone,
  successes integer default 0 not null,
  open_until timestamp(3) with time zone,
  probe_until timestamp(3) with time zone,
  constraint circuit_pkey PRIMARY KEY (receiver),
  constraint circuit_check CHECK (((state = 'closed'::circuit_state) = (open_until IS NULL))),
  constraint circuit_check1 CHECK (((probe_until IS NULL) OR (state = 'half_open'::circuit_state))),
  constraint circuit_failures_check CHECK ((failures >= 0)),
  constraint circuit_successes_check CHECK ((successes >= 0))
) with (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, fillfactor=50);

create table command (
  id text not null,
  hash text,
  answer jsonb not null,
  at timestamp(3) with time zone default now() not null,
  constraint command_pkey PRIMARY KEY (id)
);

create table counter_update (
  id text not null,
  at timestamp(3) with time zone default now() not null,
  counts text,
  open integer[],
  constraint counter_update_pkey PRIMARY KEY (id)
);

create table create_key (
  key text not null,
  hash text not null,
  batch_id uuid not null,
  tasks uuid[] not null,
  at timestamp with time zone default now() not null,
  constraint create_key_pkey PRIMARY KEY (key)
);

create table delivery (
  id uuid not null,
  key text not null,
  task_id uuid,
  batch_id uuid not null,
  trigger text not null,
  action jsonb not null,
  facts jsonb not null,
  status delivery_status default 'pending'::delivery_status not null,
  attempts integer default 0 not null,
  next_at timestamp(3) with time zone default now() not null,
  hold_until timestamp(3) with time zone,
  lease_until timestamp(3) with time zone,
  lease_id bigint,
  last_status integer,
  last_error text,
  created_at timestamp with time zone default now() not null,
  done_at timestamp(3) with time zone,
  receiver text,
  constraint delivery_pkey PRIMARY KEY (id),
  constraint delivery_key_key UNIQUE (key),
  constraint delivery_attempts_check CHECK ((attempts >= 0)),
  constraint delivery_check CHECK (((done_at IS NULL) = (status = 'pending'::delivery_status))),
  constraint delivery_trigger_check CHECK ((trigger = ANY (ARRAY['end'::text, 'cancel'::text])))
) with (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, fillfactor=70);

create table delivery_attempt (
  delivery_id uuid not null,
  n integer not null,
  at timestamp(3) with time zone not null,
  status integer,
  duration_ms integer not null,
  error text,
  answer text,
  constraint delivery_attempt_pkey PRIMARY KEY (delivery_id, n),
  constraint delivery_attempt_duration_ms_check CHECK ((duration_ms >= 0)),
  constraint delivery_attempt_n_check CHECK ((n > 0))
);

create table event (
  id bigint generated always as identity not null,
  task_id uuid not null,
  batch_id uuid not null,
  "from" task_status not null,
  "to" task_status not null,
  event text not null,
  at timestamp(3) with time zone not null,
  attempt integer not null,
  reason text,
  actor text not null,
  constraint event_pkey PRIMARY KEY (id, at)
) partition by RANGE (at);

create table event_dropped (
  one boolean default true not null,
  upto bigint default 0 not null,
  constraint event_dropped_pkey PRIMARY KEY (one),
  constraint event_dropped_one_check CHECK (one)
);

create table holder (
  key uuid not null,
  task_id uuid not null,
  constraint holder_pkey PRIMARY KEY (key, task_id)
) with (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000);

create table lane (
  id integer generated always as identity not null,
  hash uuid not null,
  terms jsonb not null,
  ready boolean default false not null,
  waiting_on uuid,
  waiting_type text,
  waiting_limit bigint,
  priority smallint default 0 not null,
  since timestamp with time zone default now() not null,
  pos integer default 0 not null,
  constraint lane_pkey PRIMARY KEY (id),
  constraint lane_hash_key UNIQUE (hash),
  constraint lane_check CHECK (((waiting_on IS NULL) = (waiting_type IS NULL))),
  constraint lane_check1 CHECK (((waiting_on IS NULL) = (waiting_limit IS NULL))),
  constraint lane_waiting_type_check CHECK ((waiting_type = ANY (ARRAY['Concurrency'::text, 'Capacity'::text, 'missing'::text])))
) with (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, fillfactor=70);

create table link (
  parent_id uuid not null,
  child_id uuid not null,
  requires_success boolean,
  condition text,
  constraint link_pkey PRIMARY KEY (parent_id, child_id),
  constraint link_check CHECK (((requires_success IS NULL) OR (condition IS NULL))),
  constraint link_condition_check CHECK ((condition = ANY (ARRAY['always'::text, 'on_success'::text, 'on_failure'::text])))
);

create table migration (
  name text not null,
  at timestamp with time zone default now() not null,
  constraint migration_pkey PRIMARY KEY (name)
);

create table shape (
  kind text not null,
  fields text[] not null,
  complete boolean default false not null,
  constraint shape_pkey PRIMARY KEY (kind, fields)
);

create table task (
  id uuid not null,
  batch_id uuid not null,
  pos integer not null,
  status task_status not null,
  kind text not null,
  priority smallint default 0 not null,
  lane integer default 0 not null,
  receiver text,
  wait_finished integer not null,
  wait_success integer not null,
  kids integer default 0 not null,
  success bigint default 0 not null,
  failures bigint default 0 not null,
  expected_count bigint,
  attempt integer default 0 not null,
  timeout integer not null,
  retry jsonb,
  acts smallint not null,
  dead_end_barrier boolean default false not null,
  pause_requested boolean default false not null,
  in_doubt boolean default false not null,
  owner integer,
  claim_id bigint,
  created_at timestamp with time zone default now() not null,
  started_at timestamp(3) with time zone,
  ended_at timestamp(3) with time zone,
  last_updated timestamp(3) with time zone default now() not null,
  due_at timestamp(3) with time zone,
  run_at timestamp(3) with time zone,
  next_retry_at timestamp(3) with time zone,
  failure_reason text,
  rejected smallint default 0 not null,
  constraint task_pkey PRIMARY KEY (id),
  constraint task_attempt_check CHECK ((attempt >= 0)),
  constraint task_check CHECK (((ended_at IS NULL) = (status <> ALL (ARRAY['Success'::task_status, 'Failure'::task_status, 'Canceled'::task_status, 'Skipped'::task_status])))),
  constraint task_check1 CHECK (((status <> 'Pending'::task_status) OR ((wait_finished = 0) AND (wait_success = 0)))),
  constraint task_check2 CHECK (((status = 'Claimed'::task_status) = (owner IS NOT NULL))),
  constraint task_expected_count_check CHECK (((expected_count >= 0) AND (expected_count <= '9007199254740991'::bigint))),
  constraint task_failures_check CHECK (((failures >= 0) AND (failures <= '9007199254740991'::bigint))),
  constraint task_kids_check CHECK ((kids >= 0)),
  constraint task_priority_check CHECK (((priority >= '-1000'::integer) AND (priority <= 1000))),
  constraint task_success_check CHECK (((success >= 0) AND (success <= '9007199254740991'::bigint))),
  constraint task_wait_finished_check CHECK ((wait_finished >= 0)),
  constraint task_wait_success_check CHECK ((wait_success >= 0))
) with (autovacuum_analyze_scale_factor=0.02, autovacuum_analyze_threshold=1000, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, fillfactor=80);

create table task_spec (
  id uuid not null,
  batch_id uuid not null,
  created_at timestamp with time zone default now() not null,
  local_id text not null,
  name text not null,
  metadata jsonb,
  rules jsonb default '[]'::jsonb not null,
  dedupe jsonb default '[]'::jsonb not null,
  start_action jsonb,
  actions jsonb default '[]'::jsonb not null,
  result jsonb,
  constraint task_spec_pkey PRIMARY KEY (id)
);

create table wake (
  id bigint generated always as identity not null,
  key uuid,
  lane integer,
  priority smallint default 0 not null,
  since timestamp with time zone default now() not null,
  pos integer default 0 not null,
  constraint wake_pkey PRIMARY KEY (id),
  constraint wake_check CHECK ((num_nonnulls(key, lane) = 1))
) with (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000);

create table worker (
  id integer generated always as identity not null,
  name text not null,
  started_at timestamp(3) with time zone default now() not null,
  alive_until timestamp(3) with time zone not null,
  told bigint,
  constraint worker_pkey PRIMARY KEY (id)
);

CREATE INDEX batch_completed ON public.batch USING btree (completed_at, id) WHERE (completed_at IS NOT NULL);
CREATE INDEX batch_newest ON public.batch USING btree (created_at DESC, id DESC);
CREATE INDEX batch_open ON public.batch USING btree (id) WHERE (completed_at IS NULL);
CREATE INDEX batch_spec_scope ON public.batch_spec USING btree (scope) WHERE (scope IS NOT NULL);
CREATE INDEX command_at ON public.command USING btree (at);
CREATE INDEX counter_update_at ON public.counter_update USING btree (at);
CREATE INDEX create_key_at ON public.create_key USING btree (at);
CREATE INDEX delivery_complete ON public.delivery USING btree (batch_id) WHERE (task_id IS NULL);
CREATE INDEX delivery_exhausted ON public.delivery USING btree (done_at) WHERE (status = 'exhausted'::delivery_status);
CREATE INDEX delivery_newest ON public.delivery USING btree (created_at DESC, id);
CREATE INDEX delivery_ready ON public.delivery USING btree (COALESCE(receiver, ''::text), GREATEST(next_at, hold_until, lease_until)) WHERE (status = 'pending'::delivery_status);
CREATE INDEX delivery_task ON public.delivery USING btree (task_id);
CREATE INDEX event_task ON ONLY public.event USING btree (task_id, id);
CREATE INDEX holder_task ON public.holder USING btree (task_id);
CREATE INDEX lane_ready ON public.lane USING btree (((- priority)), since, pos, id) WHERE (ready AND (waiting_on IS NULL));
CREATE INDEX lane_waiting ON public.lane USING btree (waiting_on, priority DESC, since, pos, id) WHERE ((waiting_on IS NOT NULL) AND ready);
CREATE INDEX lane_working ON public.lane USING btree (waiting_on) WHERE ((waiting_type = 'Capacity'::text) AND ready);
CREATE INDEX link_child ON public.link USING btree (child_id);
CREATE INDEX task_best ON public.task USING btree (lane, priority DESC, created_at, pos) WHERE ((lane <> 0) AND (status = 'Pending'::task_status) AND (due_at IS NULL));
CREATE INDEX task_due ON public.task USING btree (due_at) WHERE (due_at IS NOT NULL);
CREATE INDEX task_lane ON public.task USING btree (lane) WHERE ((lane <> 0) AND (ended_at IS NULL));
CREATE INDEX task_owner ON public.task USING btree (owner) WHERE (owner IS NOT NULL);
CREATE INDEX task_ready ON public.task USING btree (lane, COALESCE(receiver, ''::text), priority DESC, created_at, pos) WHERE ((status = 'Pending'::task_status) AND (due_at IS NULL));
CREATE INDEX task_spec_batch ON public.task_spec USING btree (batch_id);
CREATE INDEX task_spec_newest ON public.task_spec USING btree (created_at DESC, id);

alter table batch_spec add constraint batch_spec_id_fkey FOREIGN KEY (id) REFERENCES batch(id) ON DELETE CASCADE;
alter table link add constraint link_child_id_fkey FOREIGN KEY (child_id) REFERENCES task(id) ON DELETE CASCADE;
alter table link add constraint link_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES task(id) ON DELETE CASCADE;
