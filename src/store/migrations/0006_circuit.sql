-- Receivers that have failed lately, and may not be called for a time: one row for each, none for those that are healthy.
-- Read by every process about once a second, so it has to stay small.

-- Spelled once in machines/circuit.ts; a test compares the two.
create type circuit_state as enum ('closed', 'open', 'half_open');

create table circuit (
  receiver text primary key,
  state circuit_state not null default 'closed',
  -- in a row; since when
  failures int not null default 0 check (failures >= 0),
  since timestamptz(3),
  -- probes in a row
  successes int not null default 0 check (successes >= 0),
  open_until timestamptz(3),
  -- one call probes, until then nobody else does
  probe_until timestamptz(3),
  check ((state = 'closed') = (open_until is null)),
  check (probe_until is null or state = 'half_open')
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
