-- Leases that run on, that are given back, and that are taken back.

-- What is held of the leases listed, without a lock; see settle for what is listed.
create type held_job as (
  place int, id bigint, tenant text, limiter text, key text, is_cancelled boolean,
  token uuid, part int, live int, expires_at bigint
);
create function held_jobs(
  p_queue int, p_tokens uuid[],
  p_leases int[], p_turns int[], p_ids bigint[], p_tenants text[], p_job_ids text[], p_created_at bigint[]
) returns setof held_job language plpgsql stable
set enable_nestloop = off set enable_hashjoin = on as $$
begin
  return query
  with said as (
    select * from unnest(p_leases, p_turns, p_ids, p_tenants, p_job_ids, p_created_at) with ordinality
      as s (lease, turn, id, tenant, job_id, created_at, place)
  ), leased as materialized (
    select l.row, l.lease, l.token, l.part, l.live, l.expires_at, u.id, u.turn
    from (
      select x.ctid as row, array_position(p_tokens, x.token) as lease, x.* from lease x where x.token = any(p_tokens)
    ) l, unnest(l.ids, l.turns) as u (id, turn)
  ), alive as materialized (
    -- Adding nothing keeps it out of the choice of an index.
    select j.* from job j where j.id = any(p_ids) and j.queue + 0 = p_queue
  )
  select s.place::int, s.id, j.tenant, j.limiter, coalesce(j.ordering_key, j.concurrency_key),
    j.ended_at is not null, l.token, l.part, l.live, l.expires_at
  from said s
  join leased l on l.id = s.id and l.turn = s.turn and l.lease = s.lease
  join alive j on j.id = s.id and j.turn = s.turn and j.tenant = coalesce(s.tenant, p_tenants[1])
    and case when j.job_id is null then j.created_at = s.created_at else j.job_id = s.job_id end
  order by s.place;
end $$;

-- Heartbeat of leases of one queue, listed as for settle. Answers in their order: 0 lost, 1 held, 2 paused,
-- 3 cancelled.
create function extend(
  p_queue text, p_lease_ms bigint, p_tokens uuid[],
  p_leases int[], p_turns int[], p_ids bigint[], p_tenants text[], p_job_ids text[], p_created_at bigint[]
) returns int[] language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  queue_number int := (select q.id from queue q where q.name = p_queue);
  answers int[] := array_fill(0, array[cardinality(p_leases)]);
  held held_job[];
  renewed held_job[];
  until bigint := now_ms() + p_lease_ms;
  one record;
begin
  if queue_number is null then
    return answers;
  end if;
  -- To divide a row of leases nobody else may be looking at them; to renew all that are left of it, they may.
  -- What is listed of a row can only become more of what is left of it.
  if exists (
    select from held_jobs(
      queue_number, p_tokens, p_leases, p_turns, p_ids, p_tenants, p_job_ids, p_created_at) h
    where h.expires_at < until
    group by h.token, h.part, h.live having count(distinct h.id) < h.live)
  then
    perform lock_leases(queue_number);
  else
    perform share_leases(queue_number);
  end if;
  perform 1 from lease l where l.token = any(p_tokens) order by l.token, l.part for update;
  until := now_ms() + p_lease_ms;
  held := array(
    select h from held_jobs(
      queue_number, p_tokens, p_leases, p_turns, p_ids, p_tenants, p_job_ids, p_created_at) h);
  for one in
    select h.token, h.part, h.live, array_agg(distinct h.id) as ids
    from unnest(held) h where h.expires_at < until
    group by h.token, h.part, h.live
  loop
    if cardinality(one.ids) < one.live then
      perform divide_lease(one.token, one.part, one.ids, until);
    else
      update lease l set expires_at = until where l.token = one.token and l.part = one.part;
    end if;
  end loop;
  for one in select * from unnest(held) h loop
    answers[one.place] := case
      when one.is_cancelled then 3
      when job_is_paused(queue_number, one.tenant, one.limiter, one.key) then 2
      else 1 end;
  end loop;
  return answers;
end $$;

-- Some leases of a claim are renewed, others are not: those stand in a row of their own from here on.
create function divide_lease(p_token uuid, p_part int, p_ids bigint[], p_expires_at bigint) returns void
language plpgsql volatile as $$
begin
  insert into lease (
    token, part, queue, worker, started_at, expires_at, live, has_governed, ids, turns)
  select l.token, (select max(x.part) + 1 from lease x where x.token = p_token), l.queue, l.worker, l.started_at,
    p_expires_at, cardinality(p_ids), l.has_governed,
    array(select u.id from unnest(l.ids) with ordinality as u (id, nth) where u.id = any(p_ids) order by u.nth),
    array(
      select u.turn from unnest(l.ids, l.turns) with ordinality as u (id, turn, nth)
      where u.id = any(p_ids) order by u.nth)
  from lease l where l.token = p_token and l.part = p_part;
  update lease l set
    live = l.live - cardinality(p_ids),
    ids = array(
      select u.id from unnest(l.ids) with ordinality as u (id, nth) where u.id <> all(p_ids) order by u.nth),
    turns = array(
      select u.turn from unnest(l.ids, l.turns) with ordinality as u (id, turn, nth)
      where u.id <> all(p_ids) order by u.nth)
  where l.token = p_token and l.part = p_part;
end $$;

-- Whether somebody paused one of the scopes of a job.
create function job_is_paused(p_queue int, p_tenant text, p_limiter text, p_key text) returns boolean
language plpgsql stable as $$
begin
  return exists (
      select from gate g
      where g.queue = p_queue and g.level = 0 and g.tenant = '' and g.limiter = '' and g.key = '' and g.paused)
    or exists (
      select from gate g
      where g.queue = p_queue and g.level = 1 and g.tenant = p_tenant and g.limiter = '' and g.key = '' and g.paused)
    or p_limiter is not null and exists (
      select from gate g
      where g.queue = p_queue and g.level = 1 and g.tenant = p_tenant and g.limiter = p_limiter and g.key = ''
        and g.paused)
    or p_key is not null and exists (
      select from gate g
      where g.queue = p_queue and g.level = 1 and g.tenant = p_tenant and g.limiter = '' and g.key = p_key
        and g.paused);
end $$;

-- What attempts tell while they run: [{queue, token, turn, id, tenant, jobId, createdAt, progress, log, effects}].
-- Says of each whether its lease was current.
create function report(p_reports jsonb) returns boolean[] language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  answers boolean[] := array_fill(false, array[jsonb_array_length(p_reports)]);
  told jsonb;
  told_place int;
  told_turn int;
  told_id bigint;
  queue_number int;
  now_at bigint := now_ms();
begin
  -- Whoever settles copies the jobs of a lease before he deletes them, and nothing is to be told of them between.
  perform 1 from lease l
  where l.token = any(array(select (e ->> 'token')::uuid from jsonb_array_elements(p_reports) e))
  order by l.token, l.part for update;
  -- By their ids, as whoever acts on several jobs locks them: the two never wait for each other.
  for told, told_place in
    select e, place from jsonb_array_elements(p_reports) with ordinality as r (e, place)
    order by (e ->> 'id')::bigint, place
  loop
    told_turn := (told ->> 'turn')::int;
    told_id := (told ->> 'id')::bigint;
    queue_number := (select q.id from queue q where q.name = told ->> 'queue');
    update job j set
      progress = coalesce(told ->> 'progress', j.progress),
      log = case when told ? 'log' then newest_lines(j.log, told -> 'log') else j.log end,
      effects = case when told ? 'effects' then told -> 'effects' || coalesce(j.effects, '{}') else j.effects end,
      updated_at = now_at
    where j.id = told_id and j.turn = told_turn and j.ended_at is null
      and is_said(told, queue_number, j.queue, j.tenant, j.job_id, j.created_at)
      and exists (
        select from lease l
        where l.token = (told ->> 'token')::uuid and l.turns[array_position(l.ids, told_id)] = told_turn);
    answers[told_place] := found;
  end loop;
  return answers;
end $$;

-- The newest of MAX_LOG_LINES.
create function newest_lines(p_log text[], p_more jsonb) returns text[] language plpgsql immutable as $$
declare
  lines text[] := p_log || array(
    select m.line from jsonb_array_elements_text(p_more) with ordinality as m (line, nth) order by m.nth);
begin
  return lines[greatest(1, cardinality(lines) - 99):];
end $$;

-- Gives back, as a release does, what a claim leased that nobody heard of; which queues' jobs wait again. A claim
-- that is still on its way cannot commit any more: its token is taken.
create function give_back(p_token uuid) returns text[] language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  queue_number int;
  held lease;
  j job;
  given_back boolean := false;
begin
  -- Waits for the end of a claim that is about to commit.
  insert into lease (token, queue, worker, started_at, expires_at, live, has_governed, ids, turns)
  values (p_token, 0, '', now_ms(), now_ms() + 3600000, 0, false, '{}', '{}')
  on conflict do nothing;
  if found then
    return '{}';
  end if;
  queue_number := (select min(l.queue) from lease l where l.token = p_token);
  perform share_leases(queue_number);
  perform 1 from lease l where l.token = p_token order by l.token, l.part for update;
  for held in select * from lease l where l.token = p_token order by l.part loop
    for j in
      select x.* from unnest(held.ids, held.turns) with ordinality as u (id, turn, nth)
      cross join lateral (select * from job x where x.id = u.id and x.turn = u.turn for update) x
      order by u.nth
    loop
      if j.ended_at is not null then
        perform let_cancelled_go(attempt_of(j, held), null, now_ms());
      else
        perform end_attempt(attempt_of(j, held), p_token, '{"type": "release", "delayMs": 0}', now_ms());
        given_back := true;
      end if;
    end loop;
    delete from lease l where l.token = held.token and l.part = held.part;
  end loop;
  return case when given_back then array(select q.name from queue q where q.id = queue_number) else '{}' end;
end $$;

-- Takes back leases that have expired, those that expired first first, and says how many, and in which queues.
create function reclaim(p_limit int) returns table (reclaimed int, queues text[]) language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_at bigint := now_ms();
  tokens uuid[];
  lease_rows tid[];
  queue_numbers int[];
  queue_number int;
  held lease;
  taken int;
  j job;
begin
  reclaimed := 0;
  -- What give_back left.
  delete from lease l where l.expires_at <= now_at and l.live = 0;
  select array_agg(distinct l.token), array_agg(distinct l.queue order by l.queue) into tokens, queue_numbers
  from (
    select x.token, x.queue from lease x where x.expires_at <= now_at order by x.expires_at limit p_limit
  ) l;
  if tokens is null then
    queues := '{}';
    return next;
    return;
  end if;
  foreach queue_number in array queue_numbers loop
    perform lock_queue(queue_number);
  end loop;
  foreach queue_number in array queue_numbers loop
    perform share_leases(queue_number);
  end loop;
  -- What somebody has locked he settles or extends, or is about to commit, which may take him as long as it takes: it
  -- is looked at again next time, and claims do not wait for it.
  lease_rows := array(
    select x.ctid from lease x where x.token = any(tokens) and x.expires_at <= now_at
    order by x.token, x.part for update skip locked);
  perform wait_briefly();
  declare
    held_ids bigint[] := array(select u.id from lease l, unnest(l.ids) as u (id) where l.ctid = any(lease_rows));
  begin
    perform 1 from job x where x.id = any(held_ids) order by x.id for update;
    perform lock_ends(held_ids);
  end;
  now_at := now_ms();
  foreach queue_number in array queue_numbers loop
    perform admit(queue_number, now_at);
  end loop;
  for held in
    select * from lease l where l.ctid = any(lease_rows) order by l.expires_at, l.token, l.part
  loop
    taken := 0;
    for nth in 1 .. cardinality(held.ids) loop
      exit when reclaimed = p_limit;
      select x.* into j from job x where x.id = held.ids[nth] and x.turn = held.turns[nth];
      continue when not found;
      taken := taken + 1;
      reclaimed := reclaimed + 1;
      j := attempt_of(j, held);
      if j.ended_at is not null then
        perform let_cancelled_go(j, null, now_at);
        continue;
      end if;
      j.failures := noted_failures(j, null, now_at);
      j.attempts := j.attempts - 1;
      j.lost_leases := j.lost_leases + 1;
      j.updated_at := now_at;
      j.settled_token := null;
      j := wait_again(j);
      perform suspect(j.queue, j.id, now_at);
    end loop;
    if reclaimed < p_limit or taken = held.live then
      delete from lease l where l.token = held.token and l.part = held.part;
    else
      update lease l set live = l.live - taken where l.token = held.token and l.part = held.part;
      exit;
    end if;
  end loop;
  queues := array(select q.name from queue q where q.id = any(queue_numbers));
  return next;
end $$;
