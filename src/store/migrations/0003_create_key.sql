-- Creations that came with a key of the client's: what a repetition needs to get the first answer again. Written in the
-- transaction of the batch. No foreign key: a batch may be deleted before its key is forgotten.
create table create_key (
  key text primary key,
  -- of the body: the same key with another one is refused
  hash text not null,
  batch_id uuid not null,
  -- the created tasks by their position in the call; null or missing where one was deduplicated
  tasks uuid[] not null,
  -- the batch's created_at, to the microsecond
  at timestamptz not null default now()
);
create index create_key_at on create_key (at);
-- As 0002 does it: small samples.
alter table create_key alter column key set statistics 10, alter column hash set statistics 10,
  alter column batch_id set statistics 10, alter column tasks set statistics 10, alter column at set statistics 10;
