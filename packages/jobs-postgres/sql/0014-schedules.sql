-- Schedules: a row and a cursor each.

create function put_schedule(
  p_queue text, p_tenant text, p_id text, p_spec text, p_paused boolean, p_next_at bigint, p_expected jsonb
) returns table (stored boolean, kept schedule)
language plpgsql volatile set search_path from current as $$
declare
  queue_number int := queue_id(p_queue);
  now_at bigint := now_ms();
begin
  if p_expected is null then
    insert into schedule as s (queue, tenant, id, spec, revision, paused, next_at, created_at, updated_at)
    values (queue_number, p_tenant, p_id, p_spec, 1, p_paused, p_next_at, now_at, now_at)
    on conflict do nothing
    returning s.* into kept;
  else
    update schedule s
    set spec = p_spec, paused = p_paused, next_at = p_next_at, updated_at = now_at,
      revision = s.revision + case when s.spec = p_spec then 0 else 1 end
    where s.queue = queue_number and s.tenant = p_tenant and s.id = p_id
      and s.created_at = (p_expected ->> 'createdAt')::bigint
      and s.revision = (p_expected ->> 'revision')::bigint
      and s.paused = (p_expected ->> 'paused')::boolean
      and s.next_at is not distinct from (p_expected ->> 'nextAt')::bigint
    returning s.* into kept;
  end if;
  stored := kept.id is not null;
  if not stored then
    select s.* into kept from schedule s
    where s.queue = queue_number and s.tenant = p_tenant and s.id = p_id;
  end if;
  return next;
end $$;

-- Moves cursors and enqueues the jobs of their ticks, each advance by itself:
-- [{queue, tenant, id, expected: {createdAt, revision, nextAt}, nextAt, ticks: [{tickAt, jobs}]}]. Answers
-- [null | [result of add_jobs, …]]; null for a stale one. One job whose id belongs to another rolls back all.
create function advance_schedules(p_advances jsonb) returns jsonb
language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  advance jsonb;
  answers jsonb := '[]';
  made jsonb;
  results jsonb;
  tick jsonb;
  fire jsonb;
  place bigint;
  queue_number int;
  now_at bigint;
  passed int;
  named_queue text;
begin
  -- What a unique key may replace is the dispatcher's, whose lock comes before all others.
  for named_queue in
    select distinct a ->> 'queue' as name
    from jsonb_array_elements(p_advances) a, jsonb_array_elements(a -> 'ticks') t, jsonb_array_elements(t -> 'jobs') j
    where j ? 'unique' order by name
  loop
    perform lock_queue(queue_id(named_queue));
  end loop;
  if found then
    perform wait_briefly();
  end if;
  now_at := now_ms();
  for queue_number in
    select distinct q.id
    from jsonb_array_elements(p_advances) a
    join queue q on q.name = a ->> 'queue', jsonb_array_elements(a -> 'ticks') t, jsonb_array_elements(t -> 'jobs') j
    where j ? 'unique' order by q.id
  loop
    perform admit(queue_number, now_at);
  end loop;

  for advance, place in select * from jsonb_array_elements(p_advances) with ordinality loop
    queue_number := queue_id(advance ->> 'queue');
    update schedule s set next_at = (advance ->> 'nextAt')::bigint
    where s.queue = queue_number and s.tenant = advance ->> 'tenant' and s.id = advance ->> 'id' and not s.paused
      and s.created_at = (advance -> 'expected' ->> 'createdAt')::bigint
      and s.revision = (advance -> 'expected' ->> 'revision')::bigint
      and s.next_at = (advance -> 'expected' ->> 'nextAt')::bigint;
    if not found then
      answers := answers || 'null'::jsonb;
      continue;
    end if;
    made := '[]';
    fire := null;
    passed := 0;
    for tick in select * from jsonb_array_elements(advance -> 'ticks') loop
      results := add_jobs(tick -> 'jobs', now_at, true);
      if results ? 'conflict' then
        raise exception 'a job of a tick has the id of another' using errcode = 'CGK02',
          detail = jsonb_build_object(
            'advance', place - 1,
            'index', passed + (results -> 'conflict' ->> 'index')::int,
            'holderName', results -> 'conflict' ->> 'holderName')::text;
      end if;
      passed := passed + jsonb_array_length(tick -> 'jobs');
      fire := (
        select jsonb_build_object(
          'tickAt', tick -> 'tickAt', 'firedAt', now_at, 'jobs', count(*),
          'job', (array_agg(jsonb_build_object(
            'id', r -> 'id',
            'jobId', coalesce(r ->> 'jobId', r -> 'record' ->> 'job_id'),
            'createdAt', coalesce(r -> 'createdAt', r -> 'record' -> 'created_at')) order by o))[1])
        from jsonb_array_elements(results) with ordinality as e (r, o) where r ->> 'status' <> 'existing');
      made := made || results;
    end loop;
    if fire is not null then
      update schedule s set last_fire = fire
      where s.queue = queue_number and s.tenant = advance ->> 'tenant' and s.id = advance ->> 'id';
    end if;
    answers := answers || jsonb_build_array(made);
  end loop;
  return answers;
end $$;

-- The end of a job that a schedule made, noted on its row; p_schedule is the job's ScheduledTick.
create function schedule_ended(
  p_queue int, p_tenant text, p_schedule jsonb, p_job jsonb, p_state smallint, p_now bigint
) returns void language sql volatile as $$
  update schedule
  set last_end = jsonb_build_object(
    'job', p_job, 'tenantId', nullif(p_tenant, ''), 'tickAt', p_schedule -> 'tickAt',
    'state', (array['completed', 'failed', 'cancelled'])[p_state], 'endedAt', p_now)
  where queue = p_queue and tenant = coalesce(p_schedule ->> 'tenantId', '') and id = p_schedule ->> 'id'
    and created_at = (p_schedule ->> 'createdAt')::bigint
$$;
