-- An id may stand for a message of many updates. `open`: the places of those that are not counted yet, because somebody held
-- their task; null: all are.
alter table counter_update add column open int[];
alter table counter_update alter column open set statistics 0;
