-- How jobs end, and how what has ended is let go. Whatever hangs on the end of a job (its unique key, its
-- groups, its schedule) happens here and nowhere else.

-- The rows that the ends of these jobs will change, in an order that is the same for all, so that no two
-- transactions that end several jobs wait for each other.
create function lock_ends(p_ids bigint[]) returns void language plpgsql volatile as $$
declare
  tied record;
begin
  for tied in
    select distinct j.queue, j.tenant, j.unique_key as key
    from job j where j.id = any(p_ids) and j.unique_key is not null
    order by j.queue, j.tenant, key
  loop
    perform 1 from named n
    where n.queue = tied.queue and n.tenant = tied.tenant and n.kind = 2 and n.key = tied.key for update;
  end loop;
  for tied in
    select distinct g.queue, g.tenant, g.root as key
    from job j
    cross join lateral (
      select x.queue, x.tenant, x.root from job_group x
      where x.queue = j.queue and x.tenant = j.tenant and x.id in (j.member_of, j.callback_of)
    ) g
    where j.id = any(p_ids) and (j.member_of is not null or j.callback_of is not null)
    order by g.queue, g.tenant, key
  loop
    perform 1 from job_group g
    where g.queue = tied.queue and g.tenant = tied.tenant and g.id = tied.key for update;
  end loop;
  for tied in
    select distinct j.queue, coalesce(j.schedule ->> 'tenantId', '') as tenant, j.schedule ->> 'id' as key
    from job j where j.id = any(p_ids) and j.schedule is not null
    order by j.queue, tenant, key
  loop
    perform 1 from schedule s
    where s.queue = tied.queue and s.tenant = tied.tenant and s.id = tied.key for update;
  end loop;
end $$;

-- Whether more than its history keeps an ended job: the window of its unique key, or its group.
create function is_pinned(p_job job, p_now bigint) returns boolean language plpgsql stable as $$
begin
  return (p_job).member_of is not null and exists (
      select from job_group g
      where g.queue = (p_job).queue and g.tenant = (p_job).tenant and g.id = (p_job).member_of and not g.is_over)
    or (p_job).unique_key is not null and exists (
      select from named n
      where n.queue = (p_job).queue and n.tenant = (p_job).tenant and n.kind = 2 and n.key = (p_job).unique_key
        and n.holder = (p_job).id and n.held_until > p_now);
end $$;

-- A job that nobody holds goes where ended jobs are kept, as p_job says it is; one that is to leave no history
-- is gone, unless something pins it. p_settled_as tells what its settled_token is answered (see ended).
create function keep_ended(
  p_job job, p_state smallint, p_result text, p_settled_as smallint, p_discard boolean, p_now bigint
) returns void language plpgsql volatile as $$
declare
  pinned_now boolean := is_pinned(p_job, p_now);
begin
  delete from job where id = (p_job).id;
  if pinned_now or not p_discard then
    insert into ended select (p_job).*, p_state, p_result, p_settled_as, pinned_now, p_discard;
  elsif (p_job).job_id is not null then
    delete from named
    where queue = (p_job).queue and tenant = (p_job).tenant and kind = 1 and key = (p_job).job_id
      and holder = (p_job).id;
  end if;
end $$;

-- The groups and the schedule of a job learn of its end.
create function tell_end(p_job job, p_state smallint, p_now bigint) returns void language plpgsql volatile as $$
begin
  if (p_job).schedule is not null then
    perform schedule_ended(
      (p_job).queue, (p_job).tenant, (p_job).schedule,
      jsonb_build_object(
        'id', (p_job).id::text, 'jobId', (p_job).job_id, 'createdAt', (p_job).created_at),
      p_state, p_now);
  end if;
  if (p_job).callback_of is not null then
    perform callback_ended((p_job).queue, (p_job).tenant, (p_job).callback_of, p_now);
  end if;
  if (p_job).member_of is not null then
    perform member_ended((p_job).queue, (p_job).tenant, (p_job).member_of, p_state, p_now);
  end if;
  -- It may have been the last that they were kept for.
  perform forget_groups_of((p_job).queue, (p_job).tenant, (p_job).member_of, (p_job).callback_of);
end $$;

create function forget_groups_of(p_queue int, p_tenant text, p_member_of text, p_callback_of text) returns void
language plpgsql volatile as $$
begin
  if p_callback_of is not null then
    perform forget_group(p_queue, p_tenant, p_callback_of);
  end if;
  if p_member_of is not null then
    perform forget_group(p_queue, p_tenant, p_member_of);
  end if;
end $$;

-- Ends a job that no worker holds, and which waits nowhere. p_job is the job as it is to be kept.
create function end_job(
  p_job job, p_state smallint, p_result text, p_discard boolean, p_now bigint
) returns void language plpgsql volatile as $$
begin
  if (p_job).unique_key is not null then
    perform free_unique_key(
      (p_job).queue, (p_job).tenant, (p_job).unique_key, (p_job).id, p_now);
  end if;
  perform keep_ended(
    p_job, p_state, p_result, case when (p_job).settled_token is not null then 1 end::smallint, p_discard, p_now);
  perform tell_end(p_job, p_state, p_now);
end $$;

-- How an attempt failed, the newest of MAX_FAILURES; p_error is null for one that was lost. p_job says of the
-- attempt what its record is to say.
create function noted_failures(p_job job, p_error jsonb, p_now bigint) returns jsonb language plpgsql stable as $$
declare
  noted jsonb := coalesce((p_job).failures, '[]') || jsonb_build_object(
    'attempt', (p_job).attempts, 'generation', (p_job).generation, 'startedAt', (p_job).started_at,
    'endedAt', p_now, 'worker', (p_job).worker, 'error', p_error);
begin
  while jsonb_array_length(noted) > 20 loop
    noted := noted - 0;
  end loop;
  return noted;
end $$;

-- Deletes ended jobs for good, with the ids that producers chose for them, what they still hold of unique keys,
-- and groups that nobody asks for any more; how many there were.
create function forget_ended(p_ids bigint[]) returns int language plpgsql volatile as $$
declare
  forgotten int;
  tied jsonb;
  gone record;
begin
  with gone as (
    delete from ended e where e.id = any(p_ids)
    returning e.id, e.queue, e.tenant, e.job_id, e.unique_key, e.member_of, e.callback_of
  )
  select count(*), jsonb_agg(to_jsonb(g) order by g.id)
    filter (where coalesce(g.job_id, g.unique_key, g.member_of, g.callback_of) is not null)
  into forgotten, tied from gone g;
  for gone in
    select * from jsonb_to_recordset(tied) as t (
      id bigint, queue int, tenant text, job_id text, unique_key text, member_of text, callback_of text)
  loop
    if gone.job_id is not null then
      delete from named n
      where n.queue = gone.queue and n.tenant = gone.tenant and n.kind = 1 and n.key = gone.job_id
        and n.holder = gone.id;
    end if;
    if gone.unique_key is not null then
      delete from named n
      where n.queue = gone.queue and n.tenant = gone.tenant and n.kind = 2 and n.key = gone.unique_key
        and n.holder = gone.id;
    end if;
    perform forget_groups_of(gone.queue, gone.tenant, gone.member_of, gone.callback_of);
  end loop;
  return forgotten;
end $$;

-- A group is over: its members that have ended are kept no longer than others. One that a worker still holds
-- finds out when it is let go.
create function unpin_group(p_queue int, p_tenant text, p_group text, p_now bigint) returns void
language plpgsql volatile as $$
declare
  discarded bigint[];
begin
  update ended e set pinned = false
  where e.queue = p_queue and e.tenant = p_tenant and e.member_of = p_group and e.pinned
    and (e.unique_key is null or not exists (
      select from named n
      where n.queue = e.queue and n.tenant = e.tenant and n.kind = 2 and n.key = e.unique_key
        and n.holder = e.id and n.held_until > p_now));
  discarded := array(
    select e.id from ended e
    where e.queue = p_queue and e.tenant = p_tenant and e.member_of = p_group and e.discard and not e.pinned);
  if cardinality(discarded) > 0 then
    perform forget_ended(discarded);
  end if;
end $$;
