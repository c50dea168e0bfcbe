-- Every statement walks an index from a few keys, and sorting and joining by whole tables is switched off, so that a rough
-- picture of the tables is enough. They change fast: samples of 3,000 rows instead of 30,000 keep `analyze` cheap.
do $$
declare
  name record;
begin
  for name in
    select c.relname as relation, c.relkind as kind, a.attname as attribute, a.attnum as number
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = current_schema()::regnamespace and a.attnum > 0 and not a.attisdropped
      and (c.relname in ('task', 'task_spec', 'link', 'event', 'delivery', 'command', 'counter_update')
        or c.relname = 'task_ready' and a.attname = 'coalesce')
  loop
    if name.kind = 'i' then
      execute format('alter index %I alter column %s set statistics 10', name.relation, name.number);
    else
      execute format('alter table %I alter column %I set statistics 10', name.relation, name.attribute);
    end if;
  end loop;
end $$;
