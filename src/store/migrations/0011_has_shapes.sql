-- Whether active tasks hold keys, as of the moment it is called: a volatile function looks with a snapshot of its own, so one
-- that is called once a lock is taken sees what was committed before.
create function has_shapes() returns boolean language plpgsql volatile as $$
begin
  return exists (select from shape);
end $$;
