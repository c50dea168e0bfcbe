-- What each id stands for (`<successes>/<failures>`), so that a client's key that comes with another update is noticed.
-- Null for ids that were counted before this was kept: any update is taken for theirs.
alter table counter_update add column counts text;
alter table counter_update alter column counts set statistics 10;
