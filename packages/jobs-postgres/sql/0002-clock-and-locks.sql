-- Epoch milliseconds. Tests replace it by a clock that stands still.
create function now_ms() returns bigint language sql volatile parallel safe
return floor(extract(epoch from clock_timestamp()) * 1000)::bigint;

-- One at a time claims from a queue, or changes what may be claimed from it. Held until the transaction ends;
-- look at what it guards in a statement of its own, after this one.
create function lock_queue(p_queue int) returns void language sql volatile
begin atomic
  select pg_advisory_xact_lock('job'::regclass::oid::int, p_queue);
end;

-- Whoever lets leases of a queue go holds this, shared; whoever counts leases to begin a gate holds it alone.
create function share_leases(p_queue int) returns void language sql volatile
begin atomic
  select pg_advisory_xact_lock_shared('lease'::regclass::oid::int, p_queue);
end;
create function lock_leases(p_queue int) returns void language sql volatile
begin atomic
  select pg_advisory_xact_lock('lease'::regclass::oid::int, p_queue);
end;

-- Tells workers of the queue to look (see JobStore.subscribe); lossy, sent when the transaction commits.
create function hint(p_queue text, p_reason text) returns void language sql volatile
begin atomic
  select pg_notify('jobs_' || 'job'::regclass::oid::text, p_reason || ' ' || p_queue);
end;
