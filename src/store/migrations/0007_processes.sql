-- A process of Baton; its claims are good until alive_until.
create table process (
  id int generated always as identity primary key,
  name text not null,
  roles text[] not null default '{}',
  version text not null default '',
  started_at timestamptz(3) not null default now(),
  alive_until timestamptz(3) not null,
  calls_open int not null default 0,
  lag_ms int not null default 0,
  skew_ms int not null default 0
);
-- Those alive are few among those that were.
create index process_alive on process (alive_until);

-- Statistics ----------------------------------------------------------------------------------------------------------

-- Every statement of a turn walks an index from a few keys, and sorting and joining by whole tables is switched off, so that
-- a rough picture of the tables is enough. They change fast: small samples keep `analyze` cheap.
do $$
declare
  name record;
begin
  for name in
    select c.relname as relation, c.relkind as kind, a.attname as attribute, a.attnum as number
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = current_schema()::regnamespace and a.attnum > 0 and not a.attisdropped
      and (c.relname in ('task', 'task_spec', 'link', 'event', 'delivery', 'delivery_attempt', 'command', 'counter_update',
          'create_key', 'batch_work', 'propagation', 'unsent')
        or c.relname in ('task_ready', 'delivery_ready') and a.attname in ('coalesce', 'greatest'))
  loop
    if name.kind = 'i' then
      execute format('alter index %I alter column %s set statistics 10', name.relation, name.number);
    else
      execute format('alter table %I alter column %I set statistics 10', name.relation, name.attribute);
    end if;
  end loop;
end $$;
alter table counter_update alter column open set statistics 0;
