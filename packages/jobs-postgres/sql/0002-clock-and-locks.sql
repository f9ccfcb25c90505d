-- Of functions in SQL only those are called often that take the place of an expression: others are planned at each
-- call.

-- Epoch milliseconds. Tests replace it by a clock that stands still.
create function now_ms() returns bigint language sql volatile parallel safe
return floor(extract(epoch from clock_timestamp()) * 1000)::bigint;

-- An instant that does not come: the job waits for something else than its time. As great as an instant may be.
create function never() returns bigint language sql immutable parallel safe return 9007199254740991;

-- One at a time claims from a queue, or changes what may be claimed from it. Held until the transaction ends;
-- look at what it guards in a statement of its own, after this one.
create function lock_queue(p_queue int) returns void language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock('job'::regclass::oid::int, p_queue);
end $$;
-- Likewise where nobody holds it; whether that was so.
create function try_lock_queue(p_queue int) returns boolean language plpgsql volatile as $$
begin
  return pg_try_advisory_xact_lock('job'::regclass::oid::int, p_queue);
end $$;

-- For who holds the lock of a queue and is about to take an id or a unique key: another's transaction, which may
-- take its time, may have taken the same, and claims do not wait for it. The call fails with 55P03 then, and is
-- repeated.
create function wait_briefly() returns void language plpgsql volatile as $$
begin
  perform set_config('lock_timeout', '100', true);
end $$;

-- Whoever lets leases of a queue go holds this, shared; whoever counts leases to begin a gate holds it alone.
create function share_leases(p_queue int) returns void language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock_shared('lease'::regclass::oid::int, p_queue);
end $$;
create function lock_leases(p_queue int) returns void language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock('lease'::regclass::oid::int, p_queue);
end $$;

-- Hints for workers (see src/wake-ups.ts), lossy, sent when the transaction commits: 'ready <origin> <queue>' or
-- 'changed <origin> <queue>', in a channel of the schema's own.
create function hint_channel() returns text language sql stable
begin atomic
  select 'jobs_' || 'job'::regclass::oid::text;
end;
create function hint(p_hint text) returns void language sql volatile set search_path from current
begin atomic
  select pg_notify(hint_channel(), p_hint);
end;
