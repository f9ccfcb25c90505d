-- Groups: their members are counted in the transactions that end them.

-- A group as src/operations/groups.ts reads it.
create function group_record(p_group job_group) returns jsonb language sql immutable as $$
  select to_jsonb(p_group) - '{queue,root,on_complete,on_any_failed}'::text[]
    || jsonb_build_object('callback', (p_group).callback::text)
$$;

-- Makes groups, the root first, and their members, which have neither an id of their own nor a unique key:
-- [{id, parentId, members, onComplete, onAnyFailed}]. Answers {existing: …} where the root's id is taken,
-- {refused: …} as full_backlog does, else {now, members: [[{id, runAt}]], groups}.
create function enqueue_groups(p_queue text, p_tenant text, p_groups jsonb) returns jsonb
language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  queue_number int := queue_id(p_queue);
  now_at bigint := now_ms();
  root_id text := p_groups -> 0 ->> 'id';
  given jsonb;
  made jsonb[] := '{}';
  ids jsonb;
  taken job_group;
  was_made boolean;
  refused jsonb;
begin
  if has_quotas(queue_number) and not exists (
    select from job_group g where g.queue = queue_number and g.tenant = p_tenant and g.id = root_id
  ) then
    refused := full_backlog(queue_number, array(
      select p_tenant from jsonb_array_elements(p_groups) g, jsonb_array_elements(g -> 'members')), false);
    if refused is not null then
      return jsonb_build_object('refused', refused);
    end if;
  end if;
  for given in select * from jsonb_array_elements(p_groups) loop
    insert into job_group (queue, tenant, id, parent, root, total, created_at, on_complete, on_any_failed)
    values (
      queue_number, p_tenant, given ->> 'id', given ->> 'parentId', root_id,
      jsonb_array_length(given -> 'members')
        + (select count(*) from jsonb_array_elements(p_groups) g where g ->> 'parentId' = given ->> 'id'),
      now_at, nullif(given -> 'onComplete', 'null'), nullif(given -> 'onAnyFailed', 'null'))
    on conflict do nothing
    returning true into was_made;
    continue when was_made;
    if given ->> 'id' <> root_id then
      raise exception 'the id of a nested group is taken' using errcode = 'CGK03',
        detail = jsonb_build_object('id', given ->> 'id')::text;
    end if;
    select g.* into taken from job_group g
    where g.queue = queue_number and g.tenant = p_tenant and g.id = root_id;
    return jsonb_build_object('existing', group_record(taken));
  end loop;

  for given in select * from jsonb_array_elements(p_groups) loop
    ids := (
      select coalesce(
        jsonb_agg(jsonb_build_object('id', a.id::text, 'runAt', run_at_of(a.job, now_at)) order by a.place), '[]')
      from (
        select m.job, m.place, add_job(queue_number, m.job, now_at, given ->> 'id') as id
        from jsonb_array_elements(given -> 'members') with ordinality as m (job, place)
      ) a);
    made := array_append(made, ids);
  end loop;

  -- What is empty ends at once, what is nested first.
  for given in
    select g from jsonb_array_elements(p_groups) with ordinality as e (g, place) order by place desc
  loop
    select g.* into taken from job_group g
    where g.queue = queue_number and g.tenant = p_tenant and g.id = given ->> 'id';
    if taken.ended_at is null and taken.completed + taken.failed + taken.cancelled = taken.total then
      perform end_group(taken, now_at);
    end if;
  end loop;
  ids := (
    select jsonb_agg(group_record(g) order by place)
    from jsonb_array_elements(p_groups) with ordinality as e (given, place)
    join job_group g on g.queue = queue_number and g.tenant = p_tenant and g.id = e.given ->> 'id');
  for given in
    select g from jsonb_array_elements(p_groups) with ordinality as e (g, place) order by place desc
  loop
    perform forget_group(queue_number, p_tenant, given ->> 'id');
  end loop;
  return jsonb_build_object('now', now_at, 'members', to_jsonb(made), 'groups', ids);
end $$;

-- A member, or the callback of a group nested in it, has ended so (1 completed, 2 failed, 3 cancelled). Of two
-- members that end at once the second waits here for the first. The root is locked first, so that no two
-- transactions that climb a tree from different places wait for each other.
create function member_ended(p_queue int, p_tenant text, p_group text, p_state smallint, p_now bigint)
returns void language plpgsql volatile as $$
declare
  counted job_group;
begin
  perform 1 from job_group r
  where r.queue = p_queue and r.tenant = p_tenant
    and r.id = (select g.root from job_group g where g.queue = p_queue and g.tenant = p_tenant and g.id = p_group)
  for update;
  perform count_member(p_queue, p_tenant, p_group, p_state, 1);
  select g.* into counted from job_group g where g.queue = p_queue and g.tenant = p_tenant and g.id = p_group;
  if counted.ended_at is null and counted.completed + counted.failed + counted.cancelled = counted.total then
    perform end_group(counted, p_now);
  end if;
end $$;

create function count_member(p_queue int, p_tenant text, p_group text, p_state smallint, p_by int) returns void
language sql volatile as $$
  update job_group
  set completed = completed + case when p_state = 1 then p_by else 0 end,
    failed = failed + case when p_state = 2 then p_by else 0 end,
    cancelled = cancelled + case when p_state = 3 then p_by else 0 end
  where queue = p_queue and tenant = p_tenant and id = p_group and ended_at is null
$$;

-- A member that had ended so is to run again: it counts no more, as long as its group has not ended.
create function member_revived(p_queue int, p_tenant text, p_group text, p_state smallint) returns void
language sql volatile as $$
  select count_member(p_queue, p_tenant, p_group, p_state, -1)
$$;

-- The last member has ended.
create function end_group(p_group job_group, p_now bigint) returns void language plpgsql volatile as $$
declare
  callback_job jsonb :=
    case when p_group.completed = p_group.total then p_group.on_complete else p_group.on_any_failed end;
  job_number bigint;
begin
  if callback_job is not null then
    job_number := add_job(p_group.queue, callback_job, p_now, p_group.parent, p_group.id);
  end if;
  update job_group g set ended_at = p_now, callback = job_number
  where g.queue = p_group.queue and g.tenant = p_group.tenant and g.id = p_group.id;
  if callback_job is not null then
    return;
  end if;
  perform callback_ended(p_group.queue, p_group.tenant, p_group.id, p_now);
  if p_group.parent is not null then
    perform member_ended(
      p_group.queue, p_group.tenant, p_group.parent,
      (case when p_group.completed = p_group.total then 1 else 2 end)::smallint, p_now);
  end if;
end $$;

-- The job made at the end of a group has ended, or there was none to make: its members need no longer be kept.
create function callback_ended(p_queue int, p_tenant text, p_group text, p_now bigint) returns void
language plpgsql volatile as $$
begin
  update job_group g set is_over = true
  where g.queue = p_queue and g.tenant = p_tenant and g.id = p_group and not g.is_over;
  if found then
    perform unpin_group(p_queue, p_tenant, p_group, p_now);
  end if;
end $$;

-- Deletes a group that is over and of which no job is kept, and then those that it was nested in. To be called
-- for member_of and callback_of of a job that was deleted.
create function forget_group(p_queue int, p_tenant text, p_group text) returns void
language plpgsql volatile as $$
declare
  next_group text := p_group;
begin
  while next_group is not null loop
    delete from job_group g
    where g.queue = p_queue and g.tenant = p_tenant and g.id = next_group and g.is_over
      and not exists (
        select from job j where j.queue = p_queue and j.tenant = p_tenant and j.member_of = g.id)
      and not exists (select from job j where j.id = g.callback)
      and not exists (
        select from ended e where e.queue = p_queue and e.tenant = p_tenant and e.member_of = g.id)
      and not exists (select from ended e where e.id = g.callback)
      and not exists (
        select from job_group n where n.queue = p_queue and n.tenant = p_tenant and n.parent = g.id)
    returning g.parent into next_group;
    exit when not found;
  end loop;
end $$;
