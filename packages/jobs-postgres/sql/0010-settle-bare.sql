-- The completions that most are: of jobs that nothing hangs upon and nobody counts one by one.

-- Completes attempts of one queue, all of them or none: is_settled is false, and nothing was done, where one of them is
-- something else after all (stale, repeated, cancelled, of a lease that was divided). Each is of a job that the store
-- named, without key, limiter, group or schedule; ids ascend. Of p_leases (places in p_tokens), p_turns, p_tenants,
-- p_created_at and p_results there are as many, or one that is the same for all; p_counts tells how many are of each
-- token. For the rest see settle.
--
-- A token is proven by the row of its lease and by the job's turn alone, for of two leases of a job only one can be
-- there with the turn that the job has.
--
-- All is done at once, and what was done is looked at afterwards: that takes half the time of looking first.
create function settle_bare(
  p_queue text, p_tokens uuid[], p_counts int[],
  p_leases int[], p_turns int[], p_ids bigint[], p_tenants text[], p_created_at bigint[], p_results text[]
) returns table (is_settled boolean, wakes boolean) language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  queue_number int := (select q.id from queue q where q.name = p_queue);
  now_at bigint := now_ms();
  counts_leases boolean;
  workers text[];
  starts bigint[];
  are_whole boolean;
  last_lease int := cardinality(p_leases);
  last_turn int := cardinality(p_turns);
  last_tenant int := cardinality(p_tenants);
  last_created_at int := cardinality(p_created_at);
  last_result int := cardinality(p_results);
begin
  wakes := false;
  perform share_leases(queue_number);
  select array_agg(l.worker order by l.place), array_agg(l.started_at order by l.place),
    count(*) = cardinality(p_tokens) and bool_and(l.part = 0 and not l.has_governed)
  into workers, starts, are_whole
  from (
    select array_position(p_tokens, x.token) as place, x.part, x.worker, x.started_at, x.has_governed
    from lease x where x.token = any(p_tokens) order by x.token, x.part for update
  ) l;
  is_settled := are_whole and queue_number is not null;
  if not is_settled then
    return next;
    return;
  end if;
  -- From here on nobody begins a gate without having seen what is let go here.
  counts_leases := exists (select from gate g where g.queue = queue_number);
  begin
    with gone as (
      delete from job j
      -- Only its id is to choose how a job is found, and in ascending order.
      where j.id = any(p_ids) and j.queue + 0 = queue_number
        and j.ended_at is null and j.job_id is null and j.unique_key is null and j.ordering_key is null
        and j.concurrency_key is null and j.limiter is null and j.member_of is null and j.callback_of is null
        and j.schedule is null
      returning
        -- What is read several times comes first: who reads a column unpacks all before it.
        j.id, j.turn, j.created_at, j.tenant, j.priority, j.attempts, j.releases, j.lost_leases, j.generation, j.run_at,
        j.name, j.payload, j.metadata, j.headers, j.max_attempts, j.retry_delay_ms, j.timeout_ms, j.progress, j.log,
        j.failures, j.effects
    ), listed as materialized (
      select row_number() over () as nth, g.* from gone g
    ), kept as (
      insert into done (
        id, created_at, started_at, ended_at, run_at, queue, turn, priority, releases, lost_leases, attempts,
        generation, part, tenant, name, payload, worker, settled_token, result, metadata, headers, max_attempts,
        retry_delay_ms, timeout_ms, progress, log, failures, effects)
      select
        g.id, g.created_at, starts[p_leases[least(g.nth, last_lease)]], now_at, nullif(g.run_at, g.created_at),
        queue_number, nullif(g.turn, 0), nullif(g.priority, 0), nullif(g.releases, 0), nullif(g.lost_leases, 0),
        nullif(g.attempts + 1, 1), nullif(g.generation, 1), (select r.part from done_ring r), g.tenant, g.name,
        g.payload, workers[p_leases[least(g.nth, last_lease)]], p_tokens[p_leases[least(g.nth, last_lease)]],
        p_results[least(g.nth, last_result)], g.metadata, g.headers, g.max_attempts, g.retry_delay_ms, g.timeout_ms,
        g.progress, g.log, g.failures, g.effects
      from listed g
    )
    select count(*) = cardinality(p_ids) and bool_and(
      g.id = p_ids[g.nth] and g.turn = p_turns[least(g.nth, last_turn)]
      and g.tenant = p_tenants[least(g.nth, last_tenant)]
      and g.created_at = p_created_at[least(g.nth, last_created_at)])
    into is_settled from listed g;
    if not is_settled then
      raise exception 'not all of them are plain' using errcode = 'CGK02';
    end if;
  exception when sqlstate 'CGK02' then
    return next;
    return;
  end;
  delete from lease l where l.token = any(p_tokens) and l.live = p_counts[array_position(p_tokens, l.token)];
  if not found or cardinality(p_tokens) > 1 then
    update lease l set live = l.live - p_counts[array_position(p_tokens, l.token)] where l.token = any(p_tokens);
  end if;
  if counts_leases then
    insert into mail (queue, tenant, kind, first, last, verdict, cleared, ended_at)
    select queue_number, t.tenant, 2, 1, t.jobs, 0, false, null
    from (
      select p_tenants[least(n.nth, last_tenant)] as tenant, count(*) as jobs
      from generate_series(1, cardinality(p_ids)) n (nth) group by 1
    ) t
    where has_gate(queue_number, t.tenant);
    wakes := awaits_ends(queue_number);
  end if;
  return next;
end $$;
