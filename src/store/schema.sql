-- The schema after all migrations. Generated from the catalogs by scripts/schema.ts; do not edit.
-- For reading, and for seeing in a change what its migration does; nothing runs it. Partitions, which come and go, are left out.

create type circuit_state as enum ('closed', 'open', 'half_open');
create type delivery_status as enum ('pending', 'success', 'exhausted');
create type task_status as enum ('Waiting', 'Pending', 'Claimed', 'Running', 'Retrying', 'Paused', 'Success', 'Failure', 'Canceled', 'Skipped');

create domain counter as bigint CHECK (((VALUE >= 0) AND (VALUE <= '9007199254740991'::bigint)));
create domain nonnegative as integer CHECK ((VALUE >= 0));
create domain positive as integer CHECK ((VALUE > 0));
create domain priority as smallint CHECK (((VALUE >= '-1000'::integer) AND (VALUE <= 1000)));

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
CREATE OR REPLACE FUNCTION public.has_key_templates()
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
begin
  return exists (select from key_template) or exists (select from slot) or exists (select from rate_template);
end $function$
;
CREATE OR REPLACE FUNCTION public.known_rule_type(name text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
begin
  case name
    when 'Capacity' then return 'Capacity';
    when 'Concurrency', 'Concurency' then return 'Concurrency';
    when 'Rate' then return 'Rate';
    else raise exception 'unknown type of rule: %', name using errcode = 'invalid_parameter_value';
  end case;
end $function$
;
CREATE OR REPLACE FUNCTION public.limit_key_of(kind text, fields text[], metadata jsonb)
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
CREATE OR REPLACE FUNCTION public.queue_for(wanted jsonb, rules jsonb DEFAULT '[]'::jsonb, metadata jsonb DEFAULT NULL::jsonb)
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
$function$
;
CREATE OR REPLACE FUNCTION public.rate_hold(per integer)
 RETURNS interval
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ select make_interval(secs => per + least(per * 0.04, 0.1)) $function$
;
CREATE OR REPLACE FUNCTION public.rate_key_of(kind text, fields text[], metadata jsonb)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ select md5('Rate ' || limit_key_of(kind, fields, metadata)::text)::uuid $function$
;
CREATE OR REPLACE FUNCTION public.rate_window_of(key uuid, max bigint, per integer)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ select md5(concat_ws(' ', key::text, max, per))::uuid where key is not null $function$
;
CREATE OR REPLACE FUNCTION public.rule_key_of(type text, max bigint, kind text, fields text[], per integer, metadata jsonb)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  select case type when 'Rate' then rate_window_of(rate_key_of(kind, fields, metadata), max, per)
    else limit_key_of(kind, fields, metadata) end
$function$
;
CREATE OR REPLACE FUNCTION public.rule_normal(rules jsonb)
 RETURNS TABLE(type text, max bigint, kind text, fields text[], per integer)
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  select known_rule_type(r ->> 'type'),
    coalesce(r ->> 'max_concurrency', r ->> 'max_concurency', r ->> 'max_capacity', r ->> 'max_starts')::bigint,
    r -> 'matcher' ->> 'kind',
    (select coalesce(array_agg(distinct f collate "C" order by f collate "C"), '{}')
     from jsonb_array_elements_text(r -> 'matcher' -> 'fields') f),
    (r ->> 'per_secs')::int
  from jsonb_array_elements(rules) r
$function$
;
CREATE OR REPLACE FUNCTION public.rule_terms(rules jsonb, metadata jsonb, counted boolean, held uuid[] DEFAULT '{}'::uuid[])
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  select jsonb_agg(distinct jsonb_build_object('type', n.type, 'limit', n.max, 'key', k.key)
    || case n.type when 'Rate' then jsonb_build_object('of', rate_key_of(n.kind, n.fields, metadata), 'per', n.per) else '{}' end)
  from rule_normal(rules) n cross join lateral (
    select case when n.type <> 'Capacity' or counted then rule_key_of(n.type, n.max, n.kind, n.fields, n.per, metadata) end as key) k
  where k.key is null or k.key <> all(held)
$function$
;

create table admission_queue (
  id integer generated always as identity not null,
  hash uuid not null,
  terms jsonb not null,
  ready boolean default false not null,
  waiting_on uuid,
  waiting_type text,
  waiting_limit bigint,
  waited_at timestamp(3) with time zone,
  priority smallint default 0 not null,
  since timestamp with time zone default now() not null,
  pos integer default 0 not null,
  constraint admission_queue_pkey PRIMARY KEY (id),
  constraint admission_queue_hash_key UNIQUE (hash),
  constraint admission_queue_check CHECK (((waiting_on IS NULL) = (waiting_type IS NULL))),
  constraint admission_queue_check1 CHECK (((waiting_on IS NULL) = (waiting_limit IS NULL))),
  constraint admission_queue_waiting_type_check CHECK ((waiting_type = ANY (ARRAY['Concurrency'::text, 'Capacity'::text, 'Rate'::text, 'missing'::text])))
) with (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, fillfactor=70);

create table batch (
  id uuid not null,
  total nonnegative not null,
  links nonnegative default 0 not null,
  unfinished nonnegative not null,
  succeeded nonnegative default 0 not null,
  failed nonnegative default 0 not null,
  canceled nonnegative default 0 not null,
  skipped nonnegative default 0 not null,
  dead_ends nonnegative default 0 not null,
  followed nonnegative default 0 not null,
  first_failed uuid,
  ended_success double precision default 0 not null,
  ended_failures double precision default 0 not null,
  ended_expected double precision default 0 not null,
  ended_unexpected nonnegative default 0 not null,
  last_ended timestamp(3) with time zone,
  kinds text[] default '{}'::text[] not null,
  rerun_of uuid,
  created_by text default 'anonymous'::text not null,
  open boolean default false not null,
  paused boolean default false not null,
  stopping boolean default false not null,
  works nonnegative default 0 not null,
  seq nonnegative default 0 not null,
  last_was_sweep boolean default false not null,
  created_at timestamp with time zone default now() not null,
  deadline_at timestamp(3) with time zone,
  schedule text,
  schedule_at timestamp(3) with time zone,
  completed_at timestamp(3) with time zone,
  constraint batch_pkey PRIMARY KEY (id),
  constraint batch_completion CHECK (((completed_at IS NOT NULL) = (((unfinished)::integer = 0) AND (NOT open)))),
  constraint batch_schedule_time CHECK (((schedule IS NULL) = (schedule_at IS NULL))),
  constraint batch_tallies CHECK (((((((succeeded)::integer + (failed)::integer) + (canceled)::integer) + (skipped)::integer) = ((total)::integer - (unfinished)::integer)) AND ((dead_ends)::integer <= (canceled)::integer) AND ((followed)::integer <= (failed)::integer))),
  constraint batch_works CHECK (((completed_at IS NULL) OR ((works)::integer = 0)))
) with (fillfactor=50);

create table batch_kind (
  kind text not null,
  created_at timestamp with time zone default now() not null,
  batch_id uuid not null,
  constraint batch_kind_pkey PRIMARY KEY (kind, created_at, batch_id)
);

create table batch_spec (
  id uuid not null,
  created_at timestamp with time zone default now() not null,
  scope text,
  metadata jsonb,
  dead_end text,
  on_complete jsonb default '[]'::jsonb not null,
  paused boolean default false not null,
  deadline_secs positive,
  constraint batch_spec_pkey PRIMARY KEY (id),
  constraint batch_spec_dead_end_check CHECK ((dead_end = ANY (ARRAY['cancel'::text, 'keep'::text])))
);

create table batch_work (
  batch_id uuid not null,
  seq integer not null,
  kind text not null,
  args jsonb,
  reached integer default '-1'::integer not null,
  upto integer default '-1'::integer not null,
  counts jsonb default '{}'::jsonb not null,
  command_id text,
  answer jsonb,
  replies text[] default '{}'::text[] not null,
  actor text default 'anonymous'::text not null,
  reason text,
  failures integer default 0 not null,
  error text,
  aside_until timestamp(3) with time zone,
  asked_at timestamp(3) with time zone default now() not null,
  last_at timestamp(3) with time zone default now() not null,
  done_at timestamp(3) with time zone,
  constraint batch_work_pkey PRIMARY KEY (batch_id, seq),
  constraint batch_work_kind_check CHECK ((kind = ANY (ARRAY['stop'::text, 'pause'::text, 'resume'::text, 'rules'::text, 'propagation'::text])))
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=200, fillfactor=70);

create table bulk (
  id uuid not null,
  action text not null,
  kind text not null,
  filter jsonb not null,
  reason text,
  actor text not null,
  state text not null,
  stop_asked boolean default false not null,
  after_at text,
  after_id uuid,
  collected nonnegative default 0 not null,
  matched integer,
  taken integer default 0 not null,
  reached integer default 0 not null,
  done nonnegative default 0 not null,
  skipped nonnegative default 0 not null,
  failed nonnegative default 0 not null,
  free_at timestamp(3) with time zone default now() not null,
  fence integer default 0 not null,
  open boolean default true not null,
  created_at timestamp with time zone default now() not null,
  ended_at timestamp(3) with time zone,
  constraint bulk_pkey PRIMARY KEY (id),
  constraint bulk_action_check CHECK ((action = ANY (ARRAY['cancel'::text, 'pause'::text, 'resume'::text, 'rerun'::text, 'replay'::text]))),
  constraint bulk_check CHECK (((reached <= taken) AND (taken <= (collected)::integer))),
  constraint bulk_check1 CHECK (((((done)::integer + (skipped)::integer) + (failed)::integer) = reached)),
  constraint bulk_check2 CHECK (((ended_at IS NOT NULL) = (state = ANY (ARRAY['done'::text, 'stopped'::text])))),
  constraint bulk_check3 CHECK ((((matched IS NULL) = (state = 'collecting'::text)) OR (state = 'stopped'::text))),
  constraint bulk_check4 CHECK (((state <> 'done'::text) OR ((((done)::integer + (skipped)::integer) + (failed)::integer) = matched))),
  constraint bulk_kind_check CHECK ((kind = ANY (ARRAY['tasks'::text, 'batches'::text, 'deliveries'::text]))),
  constraint bulk_state_check CHECK ((state = ANY (ARRAY['collecting'::text, 'running'::text, 'done'::text, 'stopped'::text])))
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500, fillfactor=70);

create table bulk_item (
  bulk_id uuid not null,
  n positive not null,
  target uuid not null,
  has_left boolean default false not null,
  constraint bulk_item_pkey PRIMARY KEY (bulk_id, n)
) with (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000);

create table circuit (
  receiver text not null,
  state circuit_state default 'closed'::circuit_state not null,
  failures nonnegative default 0 not null,
  since timestamp(3) with time zone,
  successes nonnegative default 0 not null,
  open_until timestamp(3) with time zone,
  probe_until timestamp(3) with time zone,
  constraint circuit_pkey PRIMARY KEY (receiver),
  constraint circuit_check CHECK (((state = 'closed'::circuit_state) = (open_until IS NULL))),
  constraint circuit_check1 CHECK (((probe_until IS NULL) OR (state = 'half_open'::circuit_state)))
) with (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, fillfactor=50);

create table command (
  id text not null,
  hash text,
  answer jsonb not null,
  batch_id uuid,
  seq integer,
  at timestamp(3) with time zone default now() not null,
  constraint command_pkey PRIMARY KEY (id),
  constraint command_check CHECK (((batch_id IS NULL) = (seq IS NULL)))
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
  batch_id uuid,
  tasks uuid[] not null,
  began jsonb,
  at timestamp with time zone default now() not null,
  constraint create_key_pkey PRIMARY KEY (key)
);

create table dead_letter (
  id uuid not null,
  subject text not null,
  reason text not null,
  at timestamp(3) with time zone default now() not null,
  payload bytea not null,
  cut boolean default false not null,
  constraint dead_letter_pkey PRIMARY KEY (id)
);

create table deduplicated (
  batch_id uuid not null,
  local_id text not null,
  added_by uuid,
  constraint deduplicated_pkey PRIMARY KEY (batch_id, local_id)
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
  attempts nonnegative default 0 not null,
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
  constraint delivery_check CHECK (((done_at IS NULL) = (status = 'pending'::delivery_status))),
  constraint delivery_trigger_check CHECK ((trigger = ANY (ARRAY['end'::text, 'cancel'::text])))
) with (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, fillfactor=70);

create table delivery_attempt (
  delivery_id uuid not null,
  n positive not null,
  at timestamp(3) with time zone not null,
  status integer,
  duration_ms nonnegative not null,
  error text,
  answer text,
  constraint delivery_attempt_pkey PRIMARY KEY (delivery_id, n)
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
  detail jsonb,
  constraint event_pkey PRIMARY KEY (id, at)
) partition by RANGE (at);

create table event_dropped (
  one boolean default true not null,
  upto bigint default 0 not null,
  constraint event_dropped_pkey PRIMARY KEY (one),
  constraint event_dropped_one_check CHECK (one)
);

create table event_relay (
  one boolean default true not null,
  owner integer,
  until timestamp(3) with time zone default now() not null,
  upto bigint default 0 not null,
  sequence bigint,
  constraint event_relay_pkey PRIMARY KEY (one),
  constraint event_relay_one_check CHECK (one)
);

create table event_tally (
  at timestamp(3) with time zone not null,
  starts integer not null,
  successes integer not null,
  failures integer not null,
  constraint event_tally_pkey PRIMARY KEY (at)
);

create table key_template (
  kind text not null,
  fields text[] not null,
  complete boolean default false not null,
  keep_until timestamp(3) with time zone default (now() + '01:00:00'::interval) not null,
  constraint key_template_pkey PRIMARY KEY (kind, fields)
);

create table kind_added (
  kind text not null,
  created_at timestamp with time zone default now() not null,
  batch_id uuid not null,
  constraint kind_added_pkey PRIMARY KEY (kind, created_at, batch_id)
);

create table late_count (
  batch_id uuid not null,
  success double precision not null,
  failures double precision not null
);

create table limit_key (
  key uuid not null,
  type text not null,
  "limit" bigint not null,
  queue integer not null,
  kind text not null,
  fields text[] not null,
  "values" jsonb not null,
  rate_key uuid,
  per integer,
  constraint limit_key_pkey PRIMARY KEY (key, type, "limit", queue),
  constraint limit_key_check CHECK (((type = 'Rate'::text) = ((rate_key IS NOT NULL) AND (per IS NOT NULL))))
);

create table link (
  parent_id uuid not null,
  child_id uuid not null,
  requires_success boolean,
  condition text,
  constraint link_pkey PRIMARY KEY (parent_id, child_id),
  constraint link_check CHECK (((requires_success IS NULL) OR (condition IS NULL))),
  constraint link_condition_check CHECK ((condition = ANY (ARRAY['always'::text, 'on_success'::text, 'on_failure'::text, 'none_failed'::text])))
);

create table migration (
  name text not null,
  at timestamp with time zone default now() not null,
  constraint migration_pkey PRIMARY KEY (name)
);

create table process (
  id integer generated always as identity not null,
  name text not null,
  roles text[] default '{}'::text[] not null,
  version text default ''::text not null,
  started_at timestamp(3) with time zone default now() not null,
  alive_until timestamp(3) with time zone not null,
  calls_open integer default 0 not null,
  lag_ms integer default 0 not null,
  skew_ms integer default 0 not null,
  constraint process_pkey PRIMARY KEY (id)
);

create table propagation (
  batch_id uuid not null,
  task_id uuid not null,
  step text not null,
  rank integer not null,
  cause integer not null,
  last_cause integer not null,
  after uuid,
  upto integer,
  failures integer default 0 not null,
  error text,
  aside_until timestamp(3) with time zone,
  constraint propagation_pkey PRIMARY KEY (batch_id, task_id, step),
  constraint propagation_step_check CHECK ((step = ANY (ARRAY['judge'::text, 'down'::text, 'up'::text])))
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=1000, fillfactor=70);

create table rate_start (
  claim_id bigint not null,
  template integer not null,
  key uuid not null,
  at timestamp(3) with time zone not null,
  constraint rate_start_pkey PRIMARY KEY (claim_id, template)
) with (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000);

create table rate_template (
  id integer generated always as identity not null,
  kind text not null,
  fields text[] not null,
  shortest positive not null,
  longest integer not null,
  complete boolean default false not null,
  keep_until timestamp(3) with time zone default (now() + '01:00:00'::interval) not null,
  constraint rate_template_pkey PRIMARY KEY (id),
  constraint rate_template_kind_fields_key UNIQUE (kind, fields),
  constraint rate_template_check CHECK ((longest >= (shortest)::integer))
);

create table rate_window (
  id uuid not null,
  key uuid not null,
  "limit" bigint not null,
  per integer not null,
  opens_at timestamp(3) with time zone not null,
  constraint rate_window_pkey PRIMARY KEY (id)
) with (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=500, fillfactor=70);

create table receiver (
  receiver text not null,
  at timestamp(3) with time zone not null,
  last_error text,
  constraint receiver_pkey PRIMARY KEY (receiver)
);

create table schedule (
  id uuid not null,
  name text collate "C" not null,
  cron text,
  every_secs positive,
  timezone text not null,
  overlap text not null,
  catch_up text not null,
  paused boolean not null,
  until timestamp(3) with time zone,
  batch json not null,
  bytes integer not null,
  alone boolean not null,
  version integer default 0 not null,
  anchor timestamp(3) with time zone default now() not null,
  next_at timestamp(3) with time zone,
  due_at timestamp(3) with time zone,
  constraint schedule_pkey PRIMARY KEY (id),
  constraint schedule_name_key UNIQUE (name),
  constraint schedule_catch_up_check CHECK ((catch_up = ANY (ARRAY['last'::text, 'none'::text, 'all'::text]))),
  constraint schedule_check CHECK (((cron IS NULL) <> (every_secs IS NULL))),
  constraint schedule_check1 CHECK (((NOT paused) OR (due_at IS NULL))),
  constraint schedule_name_check CHECK ((name ~ '^[a-z0-9_-]{1,100}$'::text)),
  constraint schedule_overlap_check CHECK ((overlap = ANY (ARRAY['skip'::text, 'allow'::text, 'replace'::text])))
) with (fillfactor=50);

create table schedule_alive (
  since timestamp(3) with time zone not null,
  upto timestamp(3) with time zone not null
);

create table schedule_time (
  schedule_id uuid not null,
  at timestamp(3) with time zone not null,
  state text not null,
  batch_id uuid,
  constraint schedule_time_pkey PRIMARY KEY (schedule_id, at),
  constraint schedule_time_check CHECK (((state = 'made'::text) = (batch_id IS NOT NULL))),
  constraint schedule_time_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'refused'::text, 'made'::text, 'overlap'::text, 'missed'::text, 'given_up'::text])))
);

create table signal (
  id bigint generated always as identity not null,
  key uuid,
  queue integer,
  priority smallint default 0 not null,
  since timestamp with time zone default now() not null,
  pos integer default 0 not null,
  constraint signal_pkey PRIMARY KEY (id),
  constraint signal_check CHECK ((num_nonnulls(key, queue) = 1))
) with (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000);

create table slot (
  key uuid not null,
  task_id uuid not null,
  constraint slot_pkey PRIMARY KEY (key, task_id)
) with (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000);

create table task (
  id uuid not null,
  batch_id uuid not null,
  pos nonnegative not null,
  rank nonnegative default 0 not null,
  status task_status not null,
  kind text not null,
  priority priority default 0 not null,
  queue integer default 0 not null,
  receiver text,
  wait_finished nonnegative not null,
  wait_success nonnegative not null,
  children nonnegative default 0 not null,
  open_children nonnegative default 0 not null,
  success counter default 0 not null,
  failures counter default 0 not null,
  expected_count counter,
  attempt nonnegative default 0 not null,
  timeout integer not null,
  max_duration_secs positive,
  expires_secs positive,
  queue_timeout_secs positive,
  heard boolean default false not null,
  retry jsonb,
  acts smallint not null,
  dead_end_barrier boolean default false not null,
  dead_end_keep boolean default false not null,
  joins_any boolean default false not null,
  pause_requested boolean default false not null,
  paused_by_batch boolean default false not null,
  swept integer default 0 not null,
  in_doubt boolean default false not null,
  owner integer,
  claim_id bigint,
  created_at timestamp with time zone default now() not null,
  first_claimed_at timestamp(3) with time zone,
  started_at timestamp(3) with time zone,
  ended_at timestamp(3) with time zone,
  last_updated timestamp(3) with time zone default now() not null,
  ready_at timestamp(3) with time zone,
  due_at timestamp(3) with time zone,
  run_at timestamp(3) with time zone,
  next_retry_at timestamp(3) with time zone,
  failure_reason text,
  rejected smallint default 0 not null,
  constraint task_pkey PRIMARY KEY (id),
  constraint task_children CHECK (((open_children)::integer <= (children)::integer)),
  constraint task_claimed CHECK (((status = 'Claimed'::task_status) = (owner IS NOT NULL))),
  constraint task_final CHECK (((ended_at IS NULL) = (status <> ALL (ARRAY['Success'::task_status, 'Failure'::task_status, 'Canceled'::task_status, 'Skipped'::task_status])))),
  constraint task_pending CHECK (((status <> 'Pending'::task_status) OR (((wait_finished)::integer = 0) AND ((wait_success)::integer = 0)))),
  constraint task_times CHECK (((ready_at IS NULL) OR (due_at <= ready_at)))
) with (autovacuum_analyze_scale_factor=0.02, autovacuum_analyze_threshold=1000, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, fillfactor=80);

create table task_spec (
  id uuid not null,
  batch_id uuid not null,
  rank integer default 0 not null,
  created_at timestamp with time zone default now() not null,
  local_id text not null,
  name text not null,
  metadata jsonb,
  rules jsonb default '[]'::jsonb not null,
  dedupe jsonb default '[]'::jsonb not null,
  delay_secs integer,
  start_action jsonb,
  start_kind text generated always as ((start_action ->> 'kind'::text)) stored,
  paused boolean default false not null,
  added_by uuid,
  actions jsonb default '[]'::jsonb not null,
  result jsonb,
  result_bytes integer,
  sources jsonb,
  constraint task_spec_pkey PRIMARY KEY (id)
);

create table unsent (
  task_id uuid not null,
  since timestamp(3) with time zone,
  tries positive not null,
  host text not null,
  error text not null,
  until timestamp(3) with time zone not null,
  constraint unsent_pkey PRIMARY KEY (task_id)
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500, fillfactor=70);

CREATE INDEX batch_completed ON public.batch USING btree (completed_at, id) WHERE (completed_at IS NOT NULL);
CREATE INDEX batch_deadline ON public.batch USING btree (deadline_at, id) WHERE ((deadline_at IS NOT NULL) AND (completed_at IS NULL));
CREATE INDEX batch_newest ON public.batch USING btree (created_at DESC, id DESC);
CREATE INDEX batch_open ON public.batch USING btree (created_at DESC, id DESC) WHERE (completed_at IS NULL);
CREATE INDEX batch_rerun ON public.batch USING btree (rerun_of) WHERE ((rerun_of IS NOT NULL) AND (completed_at IS NULL));
CREATE INDEX batch_schedule ON public.batch USING btree (schedule COLLATE "C", schedule_at DESC, id DESC) WHERE (schedule IS NOT NULL);
CREATE INDEX batch_schedule_open ON public.batch USING btree (schedule COLLATE "C") WHERE ((schedule IS NOT NULL) AND (completed_at IS NULL));
CREATE INDEX batch_spec_scope ON public.batch_spec USING btree (scope, created_at DESC, id DESC) WHERE (scope IS NOT NULL);
CREATE INDEX batch_work_done ON public.batch_work USING btree (done_at) WHERE (done_at IS NOT NULL);
CREATE INDEX batch_work_open ON public.batch_work USING btree (batch_id) WHERE (done_at IS NULL);
CREATE INDEX bulk_ended ON public.bulk USING btree (ended_at) WHERE (ended_at IS NOT NULL);
CREATE INDEX bulk_newest ON public.bulk USING btree (created_at DESC, id);
CREATE INDEX bulk_open ON public.bulk USING btree (free_at) WHERE open;
CREATE INDEX command_at ON public.command USING btree (at);
CREATE INDEX counter_update_at ON public.counter_update USING btree (at);
CREATE INDEX create_key_at ON public.create_key USING btree (at);
CREATE INDEX dead_letter_at ON public.dead_letter USING btree (at DESC, id);
CREATE INDEX delivery_batch ON public.delivery USING btree (batch_id, created_at DESC, id);
CREATE INDEX delivery_exhausted ON public.delivery USING btree (done_at) WHERE (status = 'exhausted'::delivery_status);
CREATE INDEX delivery_listed ON public.delivery USING btree (status, created_at DESC, id);
CREATE INDEX delivery_ready ON public.delivery USING btree (COALESCE(receiver, ''::text), GREATEST(next_at, hold_until, lease_until)) WHERE (status = 'pending'::delivery_status);
CREATE INDEX delivery_task ON public.delivery USING btree (task_id);
CREATE INDEX event_task ON ONLY public.event USING btree (task_id, id);
CREATE INDEX kind_added_batch ON public.kind_added USING btree (batch_id);
CREATE INDEX late_count_batch ON public.late_count USING btree (batch_id);
CREATE INDEX limit_key_queue ON public.limit_key USING btree (queue);
CREATE INDEX link_child ON public.link USING btree (child_id);
CREATE INDEX process_alive ON public.process USING btree (alive_until);
CREATE INDEX propagation_aside ON public.propagation USING btree (batch_id) WHERE (aside_until IS NOT NULL);
CREATE INDEX propagation_cause ON public.propagation USING btree (batch_id, cause);
CREATE INDEX propagation_rank ON public.propagation USING btree (batch_id, step, rank);
CREATE INDEX queue_ready ON public.admission_queue USING btree (((- priority)), since, pos, id) WHERE (ready AND (waiting_on IS NULL));
CREATE INDEX queue_waiting ON public.admission_queue USING btree (waiting_on, priority DESC, since, pos, id) WHERE ((waiting_on IS NOT NULL) AND ready);
CREATE INDEX queue_working ON public.admission_queue USING btree (waiting_on) WHERE ((waiting_type = 'Capacity'::text) AND ready);
CREATE INDEX rate_start_key ON public.rate_start USING btree (key, at);
CREATE INDEX rate_start_old ON public.rate_start USING btree (template, at);
CREATE INDEX rate_window_key ON public.rate_window USING btree (key);
CREATE INDEX rate_window_opens ON public.rate_window USING btree (opens_at);
CREATE INDEX receiver_at ON public.receiver USING btree (at);
CREATE INDEX schedule_alive_upto ON public.schedule_alive USING btree (upto);
CREATE INDEX schedule_due ON public.schedule USING btree (alone, due_at, id) WHERE (due_at IS NOT NULL);
CREATE INDEX schedule_time_state ON public.schedule_time USING btree (schedule_id, state, at);
CREATE INDEX slot_task ON public.slot USING btree (task_id);
CREATE INDEX task_best ON public.task USING btree (queue, priority DESC, created_at, pos) WHERE ((status = 'Pending'::task_status) AND (ready_at IS NULL) AND ((pos)::integer >= 0));
CREATE INDEX task_due ON public.task USING btree (due_at, id) WHERE (due_at IS NOT NULL);
CREATE INDEX task_holding ON public.task USING btree (kind, id) WHERE ((status = ANY (ARRAY['Claimed'::task_status, 'Running'::task_status])) OR (in_doubt AND (ended_at IS NULL)));
CREATE INDEX task_owner ON public.task USING btree (owner) WHERE (owner IS NOT NULL);
CREATE INDEX task_queue ON public.task USING btree (queue) WHERE ((queue <> 0) AND (ended_at IS NULL));
CREATE INDEX task_ready ON public.task USING btree (queue, COALESCE(receiver, ''::text), priority DESC, created_at, pos) WHERE ((status = 'Pending'::task_status) AND (ready_at IS NULL));
CREATE INDEX task_spec_gate ON public.task_spec USING btree (created_at DESC, id) WHERE (start_kind = 'Wait'::text);
CREATE UNIQUE INDEX task_spec_local ON public.task_spec USING btree (batch_id, local_id) WHERE (local_id <> ''::text);
CREATE INDEX task_spec_metadata ON public.task_spec USING gin (metadata jsonb_path_ops) WITH (gin_pending_list_limit='256') WHERE (metadata IS NOT NULL);
CREATE INDEX task_spec_name ON public.task_spec USING btree (name COLLATE "C", created_at DESC);
CREATE INDEX task_spec_newest ON public.task_spec USING btree (created_at DESC, id);
CREATE INDEX task_spec_rank ON public.task_spec USING btree (batch_id, rank);
CREATE INDEX task_status ON public.task USING btree (status, created_at DESC, id);
CREATE INDEX unsent_host ON public.unsent USING btree (host);

alter table batch_spec add constraint batch_spec_id_fkey FOREIGN KEY (id) REFERENCES batch(id) ON DELETE CASCADE;
alter table deduplicated add constraint deduplicated_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES batch(id) ON DELETE CASCADE;
alter table limit_key add constraint limit_key_queue_fkey FOREIGN KEY (queue) REFERENCES admission_queue(id) ON DELETE CASCADE;
alter table link add constraint link_child_id_fkey FOREIGN KEY (child_id) REFERENCES task(id) ON DELETE CASCADE;
alter table link add constraint link_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES task(id) ON DELETE CASCADE;
alter table schedule_time add constraint schedule_time_schedule_id_fkey FOREIGN KEY (schedule_id) REFERENCES schedule(id) ON DELETE CASCADE;
