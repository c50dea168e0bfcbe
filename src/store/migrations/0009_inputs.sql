-- Data between tasks: what a start is sent of the results of others.

-- Of the tasks that `inputs` name, and of the parents where they ask for "parents", those that are not in the batch: by local id
-- the id of a task of an earlier batch, which a rerun left out, or null, which was deduplicated. Null: there are none.
alter table task_spec add column sources jsonb;
-- Of `result` in compact form, so that a claim knows how much it would read.
alter table task_spec add column result_bytes int;
alter table task_spec alter column sources set statistics 10, alter column result_bytes set statistics 10;
