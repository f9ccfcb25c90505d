-- The completions that most are: of jobs that nothing hangs upon and nobody counts one by one.

-- Completes attempts of one queue, all of them or none: is_settled is false, and nothing was done, where one of them is
-- something else after all (stale, repeated, cancelled, of a lease that was divided). Each is of a job that the store
-- named, without key, limiter, group or schedule; their ids ascend, and come as ranges from p_firsts to p_lasts, p_places
-- being those of the firsts among all of them. Of p_leases (places in p_tokens), p_turns, p_tenants, p_created_at and
-- p_results there are as many as ids, or one that is the same for all; p_counts tells how many are of each token. For
-- the rest see settle.
--
-- A token is proven by the row of its lease and by the job's turn alone, for of two leases of a job only one can be
-- there with the turn that the job has.
--
-- The jobs are copied, then deleted, and it is looked at afterwards whether these were all: that takes half the time of
-- looking first, and three quarters of that of passing on what was deleted. Between the two nothing happens to a job but
-- that somebody cancels it, as whoever changes jobs that are held otherwise locks the row of their lease.
create function settle_bare(
  p_queue text, p_tokens uuid[], p_counts int[], p_firsts bigint[], p_lasts bigint[], p_places int[],
  p_leases int[], p_turns int[], p_tenants text[], p_created_at bigint[], p_results text[]
) returns table (is_settled boolean, wakes boolean) language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  queue_number int := (select q.id from queue q where q.name = p_queue);
  part_now smallint := (select r.part from done_ring r);
  now_at bigint := now_ms();
  counts_leases boolean;
  workers text[];
  starts bigint[];
  are_whole boolean;
  jobs int := (select sum(c) from unnest(p_counts) c);
  copied int;
  deleted int := 0;
  deleted_now int;
  -- Null where there is one for each.
  same_lease int := case when cardinality(p_leases) = 1 then p_leases[1] end;
  same_turn int := case when cardinality(p_turns) = 1 then p_turns[1] end;
  same_tenant text := case when cardinality(p_tenants) = 1 then p_tenants[1] end;
  same_created_at bigint := case when cardinality(p_created_at) = 1 then p_created_at[1] end;
  same_result text := case when cardinality(p_results) = 1 then p_results[1] end;
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
    insert into done (
      id, created_at, started_at, ended_at, run_at, queue, turn, priority, releases, lost_leases, attempts, generation,
      part, tenant, name, payload, worker, settled_token, result, metadata, headers, max_attempts, retry_delay_ms,
      timeout_ms, progress, log, failures, effects)
    select
      j.id, j.created_at, starts[coalesce(same_lease, p_leases[j.nth])], now_at, nullif(j.run_at, j.created_at),
      queue_number, nullif(j.turn, 0), nullif(j.priority, 0), nullif(j.releases, 0), nullif(j.lost_leases, 0),
      nullif(j.attempts + 1, 1), nullif(j.generation, 1), part_now, j.tenant, j.name, j.payload,
      workers[coalesce(same_lease, p_leases[j.nth])], p_tokens[coalesce(same_lease, p_leases[j.nth])],
      coalesce(same_result, p_results[j.nth]), j.metadata, j.headers, j.max_attempts, j.retry_delay_ms, j.timeout_ms,
      j.progress, j.log, j.failures, j.effects
    from unnest(p_firsts, p_lasts, p_places) as r (first, last, place)
    cross join lateral (
      select x.*, r.place + (x.id - r.first)::int as nth from job x where x.id >= r.first and x.id <= r.last
      -- Keeps this from becoming a look at each job there is, as a plan made while there were few may have it.
      offset 0
    ) j
    where j.queue = queue_number and j.turn = coalesce(same_turn, p_turns[j.nth])
      and j.tenant = coalesce(same_tenant, p_tenants[j.nth])
      and j.created_at = coalesce(same_created_at, p_created_at[j.nth])
      and j.job_id is null and j.unique_key is null and j.ordering_key is null and j.concurrency_key is null
      and j.limiter is null and j.member_of is null and j.callback_of is null and j.schedule is null;
    get diagnostics copied = row_count;
    if cardinality(p_firsts) * 32 > jobs then
      -- A statement for each of so many would take longer.
      delete from job j
      where j.id = any(array(
          select i.id from unnest(p_firsts, p_lasts) as r (first, last), generate_series(r.first, r.last) as i (id)))
        and j.ended_at is null;
      get diagnostics deleted = row_count;
    else
      -- Not by their ctid: each look for one asks the system how large the table is.
      for nth in 1 .. cardinality(p_firsts) loop
        delete from job j where j.id >= p_firsts[nth] and j.id <= p_lasts[nth] and j.ended_at is null;
        get diagnostics deleted_now = row_count;
        deleted := deleted + deleted_now;
      end loop;
    end if;
    is_settled := copied = jobs and deleted = jobs;
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
      select coalesce(same_tenant, p_tenants[n.nth]) as tenant, count(*) as jobs
      from generate_series(1, jobs) n (nth) group by 1
    ) t
    where has_gate(queue_number, t.tenant);
    wakes := awaits_ends(queue_number);
  end if;
  return next;
end $$;
