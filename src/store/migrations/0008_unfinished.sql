-- Batches that have not ended, for counting what is unfinished without reading those that have. `unfinished` stays out of
-- it, and so does a predicate on it: a batch is updated for each task that ends, and all but the last of these stay HOT.
create index batch_open on batch (id) where completed_at is null;
