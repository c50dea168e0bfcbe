-- What became of each attempt to deliver. Written with the outcome, deleted with the delivery: no foreign key, which would
-- cost every outcome a look.
create table delivery_attempt (
  delivery_id uuid not null,
  -- Goes on over a replay, which sets the delivery's own count back to 0.
  n int not null check (n > 0),
  -- When the attempt began.
  at timestamptz(3) not null,
  status int,
  duration_ms int not null check (duration_ms >= 0),
  error text,
  -- The first 2 KB of the answer's body.
  answer text,
  primary key (delivery_id, n)
);

-- For a replay of all that were exhausted since some time.
create index delivery_exhausted on delivery (done_at) where status = 'exhausted';
-- For the deletion of old batches. `completed_at` is written once, with the last update of its row: all updates before stay HOT.
create index batch_completed on batch (completed_at, id) where completed_at is not null;
create index delivery_complete on delivery (batch_id) where task_id is null;

-- A batch and its tasks are inserted by one statement and deleted by one function, the batch last. The foreign key between them
-- cost every task a lock on its batch, and every deleted batch a walk through all tasks, since no index leads from one to the other.
alter table task drop constraint task_batch_id_fkey;

-- As 0002 does it: small samples.
alter table delivery_attempt alter column delivery_id set statistics 10, alter column n set statistics 10,
  alter column at set statistics 10, alter column status set statistics 10, alter column duration_ms set statistics 10,
  alter column error set statistics 10, alter column answer set statistics 10;
