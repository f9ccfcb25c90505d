-- The way of a job that comes alone while a worker waits for it beside its producer.

-- Enqueues a job that nothing will govern but its lane and, if it comes to a queue at rest, claims it in the same
-- transaction: is_claimed tells. Lane and present are moved as in claim_arrivals. No mail tells of the job, and what
-- has been read of the mail stays what it was. Nobody waits here for the queue's lock, which is held until the commit
-- is on disk.
create function enqueue_claimed(
  p_queue text, p_tenant text, p_name text, p_payload text, p_priority int, p_metadata text, p_headers text,
  p_max_attempts bigint, p_retry_delay bigint, p_timeout bigint, p_lease_ms bigint, p_worker text, p_token uuid,
  out id bigint, out created_at bigint, out refused jsonb, out is_claimed boolean, out next_due_in_ms bigint
) language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_variable
declare
  q int := queue_id(p_queue);
  before tick;
  next_at bigint;
  lane_row tid;
  tag bigint;
  turn_of_lane bigint;
begin
  is_claimed := false;
  begin
    if try_lock_queue(q) then
      before := newest_tick(q);
      created_at := now_ms();
      next_at := rest_of(before);
      is_claimed := coalesce(next_at > created_at, false) and not has_mail(before);
      if not is_claimed then
        raise exception 'the queue is not at rest' using errcode = 'CGK07';
      end if;
    end if;
  exception when sqlstate 'CGK07' then -- The lock is let go.
  end;
  if not is_claimed then
    select e.id, e.created_at, e.refused into id, created_at, refused
    from enqueue_one(
      p_queue, p_tenant, p_name, p_payload, p_priority, null, null, p_metadata, p_headers, p_max_attempts,
      p_retry_delay, p_timeout) e;
    return;
  end if;
  id := new_block();
  insert into job (
    id, queue, tenant, name, payload, priority, created_at, updated_at, run_at, metadata, headers,
    max_attempts, retry_delay_ms, timeout_ms)
  values (
    id, q, p_tenant, p_name, p_payload, p_priority, created_at, created_at, created_at, p_metadata, p_headers,
    p_max_attempts, p_retry_delay, p_timeout);
  -- It may come back.
  if is_bulky(p_payload, p_metadata) then
    perform note_bulky(q);
  end if;
  insert into lease (token, queue, worker, started_at, expires_at, live, has_governed, ids, turns)
  values (p_token, q, p_worker, created_at, created_at + p_lease_ms, 1, false, array[id], array[0]);
  turn_of_lane := nextval('activation');
  select l.ctid, greatest(l.vt, before.v) into lane_row, tag
  from lane l where l.queue = q and l.tenant = p_tenant order by l.ver desc limit 1;
  if found then
    update lane l set ver = l.ver + 1, vt = tag + l.stride, act = turn_of_lane where l.ctid = lane_row;
  else
    tag := before.v;
    insert into lane (queue, tenant, vt, act) values (q, p_tenant, tag + 232792560, turn_of_lane);
  end if;
  insert into tick (queue, seq, v, act, snap, reached)
  values (q, before.seq + 1, tag, turn_of_lane, before.snap, created_at);
  if next_at < never() then
    next_due_in_ms := next_due(q, created_at) - created_at;
  end if;
end $$;
