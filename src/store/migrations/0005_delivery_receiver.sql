-- Deliveries by receiver: a million that wait for one that is full, or does not answer, hide nobody behind them.
alter table delivery add column receiver text;

-- What still has to be sent, or may be again. Default ports are left out, as they are in the text of an origin.
update delivery set receiver = regexp_replace(lower(substring(action #>> '{params,url}' from '^[^/]+//[^/?#]+')),
  '^(http://.*):80$|^(https://.*):443$', '\1\2')
where status <> 'success' and action ->> 'kind' = 'Webhook';

-- In each receiver by the time before which it may not be sent: what is held, or leased, does not stand in front.
create index delivery_ready on delivery (coalesce(receiver, ''), greatest(next_at, hold_until, lease_until))
  where status = 'pending';
drop index delivery_due;

-- As 0002 does it: small samples.
alter table delivery alter column receiver set statistics 10;
alter index delivery_ready alter column 1 set statistics 10, alter column 2 set statistics 10;
