-- What people and programs ask about jobs. Nothing here changes anything; each call sees one snapshot.

-- What workers hold of a queue: a job is held if it is there with this turn; what a lease says of others is
-- past. With p_ids, at least what is held of these.
create function leased(p_queue int, p_ids bigint[] default null)
returns table (id bigint, turn int, worker text, started_at bigint) language sql stable
begin atomic
  select held.id, held.turn, lease.worker, lease.started_at
  from lease, unnest(lease.ids, lease.turns) as held (id, turn)
  where lease.queue = p_queue and (p_ids is null or lease.ids && p_ids);
end;

-- A job as src/job-record.ts reads it, without log, failures and effects. Of a job that a worker holds,
-- p_worker and p_started_at are its lease's, else null: a claim writes no job row, so that the attempt in
-- progress is counted here.
create function record_of(p_job job, p_state text, p_result text, p_worker text, p_started_at bigint)
returns jsonb language sql stable
begin atomic
  select to_jsonb(p_job) - '{turn,log,failures,effects,settled_token}'::text[]
    || jsonb_build_object('id', (p_job).id::text, 'state', p_state, 'result', p_result)
    || case when p_worker is null then '{}' else jsonb_build_object(
      'attempts', (p_job).attempts + 1,
      'worker', p_worker,
      'started_at', p_started_at,
      'updated_at', greatest((p_job).updated_at, p_started_at)) end;
end;

create function record_of_ended(p_ended history) returns jsonb language sql stable
begin atomic
  select to_jsonb(p_ended) - '{turn,log,failures,effects,settled_token,settled_as,pinned,discard}'::text[]
    || jsonb_build_object(
      'id', (p_ended).id::text,
      'state', (array['completed', 'failed', 'cancelled'])[(p_ended).state]);
end;

-- The row, of job or of history, of what callers know as p_job_id: for an id that the store made p_id and
-- p_created_at are what is in it (null for others), and a producer's may look the same.
create function find_job(p_queue int, p_tenant text, p_job_id text, p_id bigint, p_created_at bigint)
returns bigint language plpgsql stable as $$
begin
  if p_id is not null and (
    exists (select from job
      where id = p_id and queue = p_queue and tenant = p_tenant and created_at = p_created_at and job_id is null)
    or exists (select from history
      where id = p_id and queue = p_queue and tenant = p_tenant and created_at = p_created_at and job_id is null)
  ) then
    return p_id;
  end if;
  return (select holder from named
    where queue = p_queue and tenant = p_tenant and kind = 1 and key = p_job_id);
end $$;

-- The records of those rows, in any order; log, failures and effects only in full.
create function records(p_ids bigint[], p_in_full boolean)
returns table (id bigint, record jsonb) language plpgsql stable as $$
#variable_conflict use_column
begin
  return query
  with live as materialized (
    select job from job where id = any(p_ids)
  ), held as materialized (
    select l.*
    from (select distinct (live.job).queue from live) q,
      -- Comparing each with each costs less than unpacking all leases, for a few.
      leased(q.queue, case when cardinality(p_ids) <= 8 then p_ids end) l
  )
  select (live.job).id,
    record_of(live.job,
      case when (live.job).ended_at is not null then 'cancelled'
        when held.id is not null then 'running' else 'pending' end,
      null, held.worker, held.started_at)
    || case when p_in_full then jsonb_build_object('log', (live.job).log,
      'failures', (live.job).failures, 'effects', (live.job).effects) else '{}' end
  from live left join held on held.id = (live.job).id and held.turn = (live.job).turn
  union all
  select past.id, record_of_ended(past)
    || case when p_in_full then jsonb_build_object('log', past.log,
      'failures', past.failures, 'effects', past.effects) else '{}' end
  from history past where past.id = any(p_ids);
end $$;

-- Places count from 1; there is no row for what is not retained.
create function get_jobs(
  p_queues text[], p_tenants text[], p_job_ids text[], p_ids bigint[], p_created_at bigint[]
) returns table (place int, record jsonb) language plpgsql stable
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  found_ids bigint[];
begin
  found_ids := array(
    select find_job((select id from queue where name = w.queue), w.tenant, w.job_id, w.id, w.created_at)
    from unnest(p_queues, p_tenants, p_job_ids, p_ids, p_created_at)
      with ordinality as w (queue, tenant, job_id, id, created_at, place)
    order by w.place);
  return query
  select w.place::int, r.record
  from unnest(found_ids) with ordinality as w (id, place) join records(found_ids, true) r on r.id = w.id;
end $$;

-- What is not in done, as counts look at it; state is null for a job that waits or runs.
create view kept_job as
  select id, queue, tenant, turn, attempts, run_at, case when ended_at is not null then 3::smallint end as state from job
  union all
  select id, queue, tenant, turn, attempts, run_at, state from ended;

-- All jobs, as lists look at them.
create view every_job as
  select id, queue, tenant, name, turn, attempts, run_at,
    case when ended_at is not null then 3::smallint end as state,
    unique_key, ordering_key, concurrency_key, member_of, schedule, true as is_live
  from job
  union all
  select id, queue, tenant, name, turn, attempts, run_at,
    state,
    unique_key, ordering_key, concurrency_key, member_of, schedule, false
  from history;

create function status_of(p_state smallint, p_attempts int, p_run_at bigint, p_is_held boolean, p_now bigint)
returns text language sql immutable
return case when p_state is not null then (array['completed', 'failed', 'cancelled'])[p_state]
  when p_is_held then 'running'
  when p_attempts > 0 then 'retrying'
  when p_run_at > p_now then 'scheduled'
  else 'pending' end;

-- What of a filter no index knows; null where it does not ask.
create function is_meant(
  p_job every_job, p_names text[], p_key_prefix text, p_group text, p_schedule text
) returns boolean language sql immutable
return (p_names is null or (p_job).name = any(p_names))
  and (p_group is null or (p_job).member_of is not distinct from p_group)
  and (p_schedule is null or (p_job).schedule ->> 'id' is not distinct from p_schedule)
  and (p_key_prefix is null or coalesce(
    starts_with((p_job).unique_key, p_key_prefix)
    or starts_with((p_job).ordering_key, p_key_prefix)
    or starts_with((p_job).concurrency_key, p_key_prefix), false));

-- One page, newest first, of the jobs before p_before. p_tenant is null for all tenants.
create function list_jobs(
  p_queue text, p_tenant text, p_statuses text[], p_names text[], p_key_prefix text, p_group text,
  p_schedule text, p_before bigint, p_limit int
) returns table (id bigint, record jsonb) language plpgsql stable
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  queue_found int := (select id from queue where name = p_queue);
  now_at bigint := now_ms();
  -- Few jobs are held: they are not looked for among those that wait.
  looks_at_live boolean := p_statuses is null or p_statuses && '{pending,scheduled,retrying}';
  looks_at_held boolean := not looks_at_live and p_statuses && '{running,cancelled}';
  page bigint[];
begin
  page := array(
    -- Adding nothing keeps a column out of the choice of an index: each branch has the one it is meant for.
    select id from (
      (select j.id from every_job j
      where p_tenant <> '' and p_group is null
        and j.queue = queue_found and j.tenant = p_tenant and j.tenant <> '' and j.id + 0 < p_before
        and (not j.is_live or looks_at_live)
        and is_meant(j, p_names, p_key_prefix, p_group, p_schedule)
        and (p_statuses is null or status_of(j.state, j.attempts, j.run_at,
          (j.id, j.turn) in (select l.id, l.turn from leased(queue_found) l), now_at) = any(p_statuses))
      order by j.id + 0 desc limit p_limit)
      union all
      (select j.id from every_job j
      where (p_tenant is null or p_tenant = '' and p_group is null and j.tenant = '')
        and j.queue + 0 = queue_found and j.id < p_before
        and (not j.is_live or looks_at_live)
        and is_meant(j, p_names, p_key_prefix, p_group, p_schedule)
        and (p_statuses is null or status_of(j.state, j.attempts, j.run_at,
          (j.id, j.turn) in (select l.id, l.turn from leased(queue_found) l), now_at) = any(p_statuses))
      order by j.id desc limit p_limit)
      union all
      (select j.id from every_job j
      where p_tenant is not null and p_group is not null
        and j.queue = queue_found and j.tenant = p_tenant and j.member_of = p_group and j.id + 0 < p_before
        and (not j.is_live or looks_at_live)
        and is_meant(j, p_names, p_key_prefix, p_group, p_schedule)
        and (p_statuses is null or status_of(j.state, j.attempts, j.run_at,
          (j.id, j.turn) in (select l.id, l.turn from leased(queue_found) l), now_at) = any(p_statuses))
      order by j.id + 0 desc limit p_limit)
      union all
      (select j.id from every_job j
      where looks_at_held and j.is_live
        and j.id = any(array(select l.id from leased(queue_found) l)) and j.id + 0 < p_before
        and (p_tenant is null or j.tenant = p_tenant)
        and is_meant(j, p_names, p_key_prefix, p_group, p_schedule)
        and status_of(j.state, j.attempts, j.run_at,
          (j.id, j.turn) in (select l.id, l.turn from leased(queue_found) l), now_at) = any(p_statuses)
      order by j.id + 0 desc limit p_limit)
    ) as found (id)
    order by id desc limit p_limit);
  return query select r.id, r.record from records(page, false) r order by r.id desc;
end $$;

-- p_tenant is null for all tenants. A status without jobs has no row. Of what is in done there is much, and all of it is
-- completed.
create function count_jobs(p_queue text, p_tenant text)
returns table (status text, jobs bigint) language plpgsql stable
set search_path from current set jit = off as $$
#variable_conflict use_column
declare
  queue_found int := (select id from queue where name = p_queue);
  done_after bigint := coalesce((select f.ended_at from history_floor f where f.queue = queue_found), 0);
begin
  return query
  select c.status, sum(c.jobs)::bigint from (
    select k.status, k.jobs from count_kept(queue_found, p_tenant) k
    union all
    select 'completed', count(*) from done d
    where d.queue = queue_found and d.ended_at > done_after and (p_tenant is null or d.tenant = p_tenant)
  ) c where c.jobs > 0 group by 1;
end $$;

-- Likewise, of what is not in done.
create function count_kept(p_queue int, p_tenant text)
returns table (status text, jobs bigint) language plpgsql stable as $$
#variable_conflict use_column
declare
  now_at bigint := now_ms();
begin
  if p_tenant is null then
    return query
    select status_of(j.state, j.attempts, j.run_at,
      (j.id, j.turn) in (select l.id, l.turn from leased(p_queue) l), now_at), count(*)
    from kept_job j where j.queue = p_queue group by 1;
  elsif p_tenant = '' then
    return query
    select status_of(j.state, j.attempts, j.run_at,
      (j.id, j.turn) in (select l.id, l.turn from leased(p_queue) l), now_at), count(*)
    from kept_job j where j.queue = p_queue and j.tenant = '' group by 1;
  else
    return query
    select status_of(j.state, j.attempts, j.run_at,
      (j.id, j.turn) in (select l.id, l.turn from leased(p_queue) l), now_at), count(*)
    from kept_job j where j.queue = p_queue and j.tenant = p_tenant and j.tenant <> '' group by 1;
  end if;
end $$;
