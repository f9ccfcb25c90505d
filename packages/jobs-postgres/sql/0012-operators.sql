-- What operators do to single jobs.

-- Acts ('cancel', 'retry' or 'remove') on the jobs listed as for get_jobs, in their order. There is no row for what is
-- not there. holder is who has the unique key, where another does: {id, job_id, created_at}; hints what workers of
-- the queue should be told: 'ready', 'changed'.
create function act(
  p_action text, p_queues text[], p_tenants text[], p_job_ids text[], p_ids bigint[], p_created_at bigint[]
) returns table (place int, status text, holder jsonb, record jsonb, hints text[])
language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  queue_numbers int[] := array(select q.id from queue q where q.name = any(p_queues) order by q.id);
  queue_number int;
  now_at bigint;
  row_ids bigint[];
  held jsonb;
  lease_of jsonb;
  j job;
  e history;
begin
  foreach queue_number in array queue_numbers loop
    perform lock_queue(queue_number);
  end loop;
  perform wait_briefly();
  now_at := now_ms();
  row_ids := array(
    select find_job((select q.id from queue q where q.name = w.queue), w.tenant, w.job_id, w.id, w.created_at)
    from unnest(p_queues, p_tenants, p_job_ids, p_ids, p_created_at) with ordinality
      as w (queue, tenant, job_id, id, created_at, at)
    order by w.at);
  -- From here on no attempt of these ends, and the dispatcher has heard of those that have.
  perform 1 from job x where x.id = any(row_ids) order by x.id for update;
  perform 1 from ended x where x.id = any(row_ids) order by x.id for update;
  perform lock_ends(row_ids);
  foreach queue_number in array queue_numbers loop
    perform admit(queue_number, now_at);
  end loop;
  held := '{}';
  foreach queue_number in array queue_numbers loop
    held := held || coalesce((
      select jsonb_object_agg(l.id::text || '.' || l.turn, jsonb_build_array(l.worker, l.started_at))
      from leased(queue_number, case when cardinality(row_ids) <= 8 then row_ids end) l
      where l.id = any(row_ids)), '{}');
  end loop;

  for nth in 1 .. cardinality(row_ids) loop
    continue when row_ids[nth] is null;
    place := nth;
    holder := null;
    hints := '{}';
    select x.* into j from job x where x.id = row_ids[nth];
    if found then
      lease_of := held -> (j.id::text || '.' || j.turn);
      status := case p_action
        when 'cancel' then cancel_live(j, lease_of is not null, now_at)
        when 'remove' then remove_live(j, lease_of is not null, now_at)
        else 'unchanged' end;
      record := null;
      if p_action = 'cancel' then
        select x.* into j from job x where x.id = row_ids[nth];
      end if;
      if j.id is not null then
        record := record_of(
          j,
          case when j.ended_at is not null then 'cancelled' when lease_of is not null then 'running' else 'pending' end,
          null, lease_of ->> 0, (lease_of ->> 1)::bigint);
      else
        record := (select record_of_ended(x) from history x where x.id = row_ids[nth]);
      end if;
      if status = 'changed' then
        -- With its end a key may go to a successor, and the last member of a group makes a job.
        hints := case
          when lease_of is null then '{ready}'
          when j.unique_key is null and j.member_of is null then '{changed}'
          else '{ready,changed}' end::text[];
      end if;
      return next;
      continue;
    end if;
    select x.* into e from history x where x.id = row_ids[nth];
    continue when not found;
    status := 'unchanged';
    record := record_of_ended(e);
    if p_action = 'remove' then
      delete from done d where d.id = e.id;
      if not found then
        perform forget_ended(array[e.id]);
      end if;
      status := 'changed';
    elsif p_action = 'retry' and e.state <> 1 then
      holder := retry_ended(e, now_at);
      status := case when holder is null then 'changed' else 'keyTaken' end;
      if holder is null then
        record := (select record_of(x, 'pending', null, null, null) from job x where x.id = e.id);
        hints := '{ready}';
      end if;
    end if;
    return next;
  end loop;
end $$;

create function cancel_live(p_job job, p_is_held boolean, p_now bigint) returns text language plpgsql volatile as $$
declare
  j job := p_job;
begin
  if j.ended_at is not null then
    return 'unchanged';
  end if;
  j.ended_at := p_now;
  j.updated_at := p_now;
  if not p_is_held then
    perform withdraw(j.queue, j.id, p_now);
    perform end_job(j, 3::smallint, null, false, p_now);
    return 'changed';
  end if;
  -- What hangs on its end happens now, all but what its worker holds.
  update job x set ended_at = p_now, updated_at = p_now where x.id = j.id;
  if j.unique_key is not null then
    perform free_unique_key(j.queue, j.tenant, j.unique_key, j.id, p_now);
  end if;
  perform tell_end(j, 3::smallint, p_now);
  return 'changed';
end $$;

create function remove_live(p_job job, p_is_held boolean, p_now bigint) returns text language plpgsql volatile as $$
declare
  j job := p_job;
begin
  if p_is_held then
    return 'unchanged';
  end if;
  perform withdraw(j.queue, j.id, p_now);
  if j.unique_key is not null then
    perform free_unique_key(j.queue, j.tenant, j.unique_key, j.id, p_now, true);
  end if;
  delete from job x where x.id = j.id;
  delete from named n
  where n.queue = j.queue and n.tenant = j.tenant and n.kind = 1 and n.key = j.job_id and n.holder = j.id;
  -- It ends thereby for its groups; a schedule does not hear of what never came to an end.
  j.schedule := null;
  perform tell_end(j, 3::smallint, p_now);
  return 'changed';
end $$;

-- Begins a new generation; null, or who holds the job's unique key.
create function retry_ended(p_ended history, p_now bigint) returns jsonb language plpgsql volatile as $$
declare
  j job := jsonb_populate_record(null::job, to_jsonb(p_ended));
  holder_id bigint;
begin
  if j.unique_key is not null then
    holder_id := retake_unique_key(j.queue, j.tenant, j.unique_key, j.id, p_now);
    if holder_id is not null then
      return (
        select jsonb_build_object('id', h.id::text, 'job_id', h.job_id, 'created_at', h.created_at)
        from (
          select x.id, x.job_id, x.created_at from job x where x.id = holder_id
          union all select x.id, x.job_id, x.created_at from history x where x.id = holder_id
        ) h);
    end if;
  end if;
  if j.member_of is not null then
    perform member_revived(j.queue, j.tenant, j.member_of, p_ended.state);
  end if;
  j.turn := j.turn + 1;
  j.generation := j.generation + 1;
  j.attempts := 0;
  j.releases := 0;
  j.lost_leases := 0;
  j.updated_at := p_now;
  j.run_at := p_now;
  j.started_at := null;
  j.ended_at := null;
  j.error := null;
  j.progress := null;
  j.log := null;
  -- Behind all that came before.
  j.place := new_block();
  if p_ended.settled_as is distinct from 1 then
    j.settled_token := null;
  end if;
  delete from ended e where e.id = j.id;
  perform insert_job(j);
  insert into mail (queue, tenant, kind, priority, turn, first, last, due, place)
  values (
    j.queue, j.tenant, arrival_kind(j.limiter, j.ordering_key, j.concurrency_key), j.priority, j.turn, j.id, j.id, p_now,
    j.place);
  return null;
end $$;
