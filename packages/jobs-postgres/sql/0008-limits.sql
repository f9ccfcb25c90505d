-- What was said of limits, what of it applies, and quotas.

create index said_backlog on said (queue, tenant) where operator ? 'backlog' or directory ? 'backlog';

-- What applies to a scope (see said); null where there is no such limit. A weight and a quota are of tenants alone,
-- a breaker of limiters.
create function effective_limits(p_queue int, p_level int, p_tenant text, p_limiter text, p_key text)
returns table (
  weight int, concurrency bigint, rate jsonb, interval_us bigint, tolerance_us bigint, backlog bigint, breaker jsonb,
  breaker_failures bigint, breaker_cooldown_ms bigint, paused boolean
) language sql stable as $$
  select
    case when e.is_lane then coalesce((e.weight #>> '{}')::int, 1) end,
    (e.concurrency #>> '{}')::bigint,
    e.rate,
    coalesce(e.interval_us, 0),
    coalesce(((e.rate ->> 'burst')::bigint - 1) * e.interval_us, 0),
    (e.backlog #>> '{}')::bigint,
    e.breaker,
    (e.breaker ->> 'failures')::bigint,
    (e.breaker ->> 'cooldownMs')::bigint,
    e.paused
  from (
    select l.*,
      ((l.rate ->> 'periodMs')::bigint * 1000 + (l.rate ->> 'limit')::bigint - 1) / (l.rate ->> 'limit')::bigint
        as interval_us
    from (
      select p_level = 1 and p_limiter = '' and p_key = '' as is_lane,
        coalesce(own.operator -> 'weight', own.directory -> 'weight', each.operator -> 'weight',
          each.directory -> 'weight') as weight,
        nullif(coalesce(own.operator -> 'concurrency', own.directory -> 'concurrency', each.operator -> 'concurrency',
          each.directory -> 'concurrency'), '"none"') as concurrency,
        nullif(coalesce(own.operator -> 'rate', own.directory -> 'rate', each.operator -> 'rate',
          each.directory -> 'rate'), '"none"') as rate,
        nullif(coalesce(own.operator -> 'backlog', own.directory -> 'backlog', each.operator -> 'backlog',
          each.directory -> 'backlog'), '"none"') as backlog,
        case when p_limiter <> '' then
          nullif(coalesce(own.operator -> 'breaker', own.directory -> 'breaker', each.operator -> 'breaker',
            each.directory -> 'breaker', '{"failures": 10, "cooldownMs": 30000}'), '"none"') end as breaker,
        coalesce((own.operator ->> 'paused')::boolean, false) or coalesce((each.operator ->> 'paused')::boolean, false)
          or coalesce((own.directory ->> 'paused')::boolean, (each.directory ->> 'paused')::boolean, false) as paused
      from (select) one
      left join said own on own.queue = p_queue and own.level = p_level and own.tenant = p_tenant
        and own.limiter = p_limiter and own.key = p_key
      left join said each on each.queue = p_queue and each.level = p_level and p_level = 1 and each.tenant = '*'
        and p_tenant <> '*' and each.limiter = p_limiter and each.key = p_key
    ) l
  ) e
$$;

-- Takes note of what a source says of a scope: what is absent stays, null takes back. Under the queue's lock.
create function say_limits(
  p_queue int, p_level int, p_tenant text, p_limiter text, p_key text, p_source text, p_limits jsonb
) returns void language plpgsql volatile as $$
begin
  insert into said as s (queue, level, tenant, limiter, key, operator, directory)
  values (
    p_queue, p_level, p_tenant, p_limiter, p_key,
    jsonb_strip_nulls(case when p_source = 'operator' then p_limits else '{}' end),
    jsonb_strip_nulls(case when p_source = 'directory' then p_limits else '{}' end))
  on conflict (queue, level, tenant, limiter, key) do update set
    operator = case when p_source = 'operator' then jsonb_strip_nulls(s.operator || p_limits) else s.operator end,
    directory = case when p_source = 'directory' then jsonb_strip_nulls(s.directory || p_limits) else s.directory end;
  delete from said s
  where s.queue = p_queue and s.level = p_level and s.tenant = p_tenant and s.limiter = p_limiter and s.key = p_key
    and s.operator = '{}' and s.directory = '{}';
  update queue q set has_quotas = n.has_quotas
  from (
    select exists (
      select from said s where s.queue = p_queue and (s.operator ? 'backlog' or s.directory ? 'backlog')) as has_quotas
  ) n
  where q.id = p_queue and q.has_quotas <> n.has_quotas;
end $$;

-- The tenants in whose lanes something is to keep to what was said of a scope; the queue as a whole is ''.
create function concerned_tenants(p_queue int, p_level int, p_tenant text, p_limiter text, p_key text) returns text[]
language plpgsql stable as $$
begin
  if p_level = 0 or p_tenant <> '*' then
    return array[p_tenant];
  end if;
  return array(
    select g.tenant from gate g
    where g.queue = p_queue and g.level = 1 and g.limiter = p_limiter and g.key = p_key
    union
    select l.tenant from lane l where p_limiter = '' and p_key = '' and l.queue = p_queue
    union
    select r.tenant from governed r where p_key <> '' and r.queue = p_queue and r.key in ('o' || p_key, 'c' || p_key));
end $$;

-- How many jobs of a scope are leased, of each of those tenants of which any is.
create function leased_of(p_queue int, p_level int, p_tenants text[], p_limiter text, p_key text)
returns table (tenant text, jobs bigint) language plpgsql stable as $$
begin
  return query
  select case when p_level = 0 then '' else j.tenant end, count(*)
  -- From the few that are leased to their jobs, whatever the plan's idea of their numbers.
  from leased(p_queue) l cross join lateral (
    select x.tenant, x.limiter, x.ordering_key, x.concurrency_key from job x
    where x.id = l.id and x.turn = l.turn offset 0
  ) j
  where (p_level = 0 or j.tenant = any(p_tenants))
    and (p_limiter = '' or j.limiter = p_limiter)
    and (p_key = '' or p_key in (j.ordering_key, j.concurrency_key))
  group by 1;
end $$;

-- Lets everything keep to what is said of a scope now. Under the queue's lock and lock_leases, after admit, so that
-- what is leased is what it was counted to be. To be followed by reconsider.
create function apply_limits(p_queue int, p_level int, p_tenant text, p_limiter text, p_key text, p_now bigint)
returns void language plpgsql volatile as $$
#variable_conflict use_column
declare
  tenants text[] := concerned_tenants(p_queue, p_level, p_tenant, p_limiter, p_key);
begin
  insert into gate as g (
    queue, level, tenant, limiter, key, leased, paused, concurrency, interval_us, tolerance_us,
    breaker_failures, breaker_cooldown_ms, wake_at)
  select p_queue, p_level, t.tenant, p_limiter, p_key, coalesce(n.jobs, 0), e.paused, e.concurrency, e.interval_us,
    e.tolerance_us, e.breaker_failures, e.breaker_cooldown_ms,
    -- So that admit looks at what waits for it. The queue's keeps nothing from being looked at.
    case when p_limiter <> '' or p_key <> '' or exists (
      select from lane l where p_level = 1 and l.queue = p_queue and l.tenant = t.tenant) then p_now end
  from unnest(tenants) as t (tenant)
  cross join lateral effective_limits(p_queue, p_level, t.tenant, p_limiter, p_key) e
  left join leased_of(p_queue, p_level, tenants, p_limiter, p_key) n on n.tenant = t.tenant
  where p_limiter <> '' or e.paused or e.concurrency is not null or e.interval_us > 0
    or exists (
      select from gate o
      where o.queue = p_queue and o.level = p_level and o.tenant = t.tenant and o.limiter = p_limiter and o.key = p_key)
  on conflict (queue, level, tenant, limiter, key) do update set
    paused = excluded.paused,
    concurrency = excluded.concurrency,
    interval_us = excluded.interval_us,
    tolerance_us = excluded.tolerance_us,
    -- A new rate begins with what the one before has left of it.
    next_turn_us = least(g.next_turn_us, p_now * 1000 + excluded.tolerance_us + excluded.interval_us),
    breaker_failures = excluded.breaker_failures,
    breaker_cooldown_ms = excluded.breaker_cooldown_ms,
    failures = case when excluded.breaker_failures is null then 0 else g.failures end,
    tripped = excluded.breaker_failures is not null and g.tripped,
    tripped_until = case when excluded.breaker_failures is null then 0 else g.tripped_until end,
    wake_at = excluded.wake_at;
  if p_level = 1 and p_limiter = '' and p_key = '' then
    update lane l
    set stride = s.stride, has_gate = s.has_gate, ver = l.ver + 1
    from (
      select t.tenant, round(232792560.0 / e.weight) as stride, exists (
        select from gate g
        where g.queue = p_queue and g.level = 1 and g.tenant = t.tenant and g.limiter = '' and g.key = '') as has_gate
      from unnest(tenants) as t (tenant) cross join lateral effective_limits(p_queue, 1, t.tenant, '', '') e
    ) s
    where l.queue = p_queue and l.tenant = s.tenant and (l.stride, l.has_gate) <> (s.stride, s.has_gate);
  end if;
end $$;

-- What waits for gates that have changed is looked at again.
create function reconsider(p_queue int, p_now bigint) returns void language plpgsql volatile as $$
declare
  before bigint;
  left_over bigint;
begin
  loop
    perform admit(p_queue, p_now);
    -- One call looks at so many.
    select count(*) into left_over from gate g where g.queue = p_queue and g.wake_at <= p_now;
    exit when left_over = 0 or left_over >= before;
    before := left_over;
  end loop;
end $$;

-- Gates that say nothing any more go, once what waited for them was looked at. Those of limiters stay.
create function drop_gates(p_queue int, p_level int, p_tenant text, p_limiter text, p_key text) returns void
language plpgsql volatile as $$
#variable_conflict use_column
declare
  dropped text[];
begin
  with gone as (
    delete from gate
    where queue = p_queue and level = p_level and limiter = '' and key = p_key and p_limiter = ''
      and (p_tenant = '*' or tenant = p_tenant)
      and not paused and concurrency is null and interval_us = 0
    returning tenant
  )
  select array_agg(tenant) into dropped from gone;
  if p_level = 1 and p_key = '' then
    update lane set has_gate = false, ver = ver + 1
    where queue = p_queue and tenant = any(dropped) and has_gate;
  end if;
end $$;

-- [{queue, level, tenant, limiter, key, source, limits}], all or none, in their order.
create function set_limits(p_changes jsonb) returns void language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  queues int[];
  queue_number int;
  change record;
  tick_before bigint;
  now_at bigint;
begin
  perform queue_id(name) from (
    select distinct c ->> 'queue' as name from jsonb_array_elements(p_changes) c order by name
  ) named;
  queues := array(
    select distinct q.id from jsonb_array_elements(p_changes) c join queue q on q.name = c ->> 'queue' order by q.id);
  foreach queue_number in array queues loop
    perform lock_queue(queue_number);
  end loop;
  -- Whoever lets leases go in a transaction that stays open keeps waiting who counts them, but not the claims.
  perform wait_briefly();
  foreach queue_number in array queues loop
    -- Weights and quotas make no gate that would have to count leases.
    if exists (
      select from jsonb_array_elements(p_changes) c join queue q on q.name = c ->> 'queue'
      where q.id = queue_number and (c -> 'limits') - '{weight,backlog}'::text[] <> '{}')
    then
      perform lock_leases(queue_number);
    end if;
  end loop;
  now_at := now_ms();
  foreach queue_number in array queues loop
    -- However much that is: leases that were let go are counted by gates until their mail is read.
    loop
      tick_before := (newest_tick(queue_number)).seq;
      perform admit(queue_number, now_at);
      exit when (newest_tick(queue_number)).seq = tick_before;
    end loop;
    for change in select * from changes_of(p_changes, queue_number) loop
      perform say_limits(
        queue_number, change.level, change.tenant, change.limiter, change.key, change.source, change.limits);
      perform apply_limits(queue_number, change.level, change.tenant, change.limiter, change.key, now_at);
    end loop;
    perform reconsider(queue_number, now_at);
    for change in select * from changes_of(p_changes, queue_number) loop
      perform drop_gates(queue_number, change.level, change.tenant, change.limiter, change.key);
    end loop;
  end loop;
end $$;

create function changes_of(p_changes jsonb, p_queue int)
returns table (level int, tenant text, limiter text, key text, source text, limits jsonb) language sql stable as $$
  select (c ->> 'level')::int, c ->> 'tenant', c ->> 'limiter', c ->> 'key', c ->> 'source', c -> 'limits'
  from jsonb_array_elements(p_changes) with ordinality as e (c, place) join queue q on q.name = c ->> 'queue'
  where q.id = p_queue order by place
$$;

-- How scopes stand, in their order: [{queue, level, tenant, limiter, key}].
create function get_limits(p_scopes jsonb) returns jsonb language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  queues int[] := array(
    select distinct q.id from jsonb_array_elements(p_scopes) s join queue q on q.name = s ->> 'queue' order by q.id);
  queue_number int;
  now_at bigint;
begin
  -- What was used and what attempts told of a limiter may still be on its way to the gates.
  foreach queue_number in array queues loop
    perform lock_queue(queue_number);
  end loop;
  now_at := now_ms();
  foreach queue_number in array queues loop
    perform admit(queue_number, now_at);
  end loop;
  return (
    select coalesce(jsonb_agg(
      limit_state(q.id, (s ->> 'level')::int, s ->> 'tenant', s ->> 'limiter', s ->> 'key', now_at) order by place), '[]')
    from jsonb_array_elements(p_scopes) with ordinality as e (s, place) left join queue q on q.name = s ->> 'queue');
end $$;

create function limit_state(p_queue int, p_level int, p_tenant text, p_limiter text, p_key text, p_now bigint)
returns jsonb language plpgsql stable as $$
declare
  own said;
  g gate;
  e record;
begin
  select s.* into own from said s
  where s.queue = p_queue and s.level = p_level and s.tenant = p_tenant and s.limiter = p_limiter and s.key = p_key;
  select o.* into g from gate o
  where o.queue = p_queue and o.level = p_level and o.tenant = p_tenant and o.limiter = p_limiter and o.key = p_key;
  select * into e from effective_limits(p_queue, p_level, p_tenant, p_limiter, p_key);
  return jsonb_build_object(
    'operator', coalesce(own.operator, '{}'),
    'directory', coalesce(own.directory, '{}'),
    'effective', jsonb_strip_nulls(jsonb_build_object(
      'weight', e.weight, 'concurrency', e.concurrency, 'rate', e.rate, 'backlog', e.backlog, 'breaker', e.breaker,
      'paused', e.paused)),
    'leased', coalesce(
      (select n.jobs from leased_of(p_queue, p_level, array[p_tenant], p_limiter, p_key) n), 0),
    'opensInMs', case when g.queue is null then 0 else greatest(0, gate_clears_at(g) - p_now) end,
    'breaker', case
      when p_limiter = '' then null
      when g.tripped is not true then 'closed'
      when g.tripped_until > p_now then 'open'
      else 'probing' end);
end $$;

create function is_paused(p_queue text, p_level int, p_tenant text, p_limiter text, p_key text) returns boolean
language plpgsql stable set search_path from current as $$
begin
  return (
    select e.paused
    from effective_limits((select q.id from queue q where q.name = p_queue), p_level, p_tenant, p_limiter, p_key) e);
end $$;

-- One page of the scopes about which something is said, after the one given; p_tenant is null for all.
create function list_limits(
  p_queue text, p_tenant text, p_limit int,
  p_after_level text, p_after_tenant text, p_after_limiter text, p_after_key text
) returns table (level int, tenant text, limiter text, key text, operator jsonb, directory jsonb)
language plpgsql stable set search_path from current as $$
#variable_conflict use_column
declare
  queue_number int := (select q.id from queue q where q.name = p_queue);
begin
  return query
  select s.level::int, s.tenant, s.limiter, s.key, s.operator, s.directory
  from said s
  where s.queue = queue_number
    and (p_tenant is null or s.level = 1 and s.tenant = p_tenant)
    and (p_after_level is null
      or (s.level::text, s.tenant, s.limiter, s.key) > (p_after_level, p_after_tenant, p_after_limiter, p_after_key))
  order by s.level, s.tenant, s.limiter, s.key limit p_limit;
end $$;

-- One page of the tenants that have a job which waits or is leased; p_tenant is null for all, p_after for the first.
create function list_tenants(p_queue text, p_tenant text, p_limit int, p_after text)
returns table (tenant text, leased bigint, waiting bigint, oldest_due_at bigint, paused boolean)
language plpgsql stable
set search_path from current set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  queue_number int := (select q.id from queue q where q.name = p_queue);
  now_at bigint := now_ms();
begin
  return query
  with recursive seen (tenant, place) as (
    (select first.tenant, 1 from (
      (select '' collate "C" as tenant where p_after is null and (p_tenant is null or p_tenant = '')
        and exists (select from job j where j.queue = queue_number and j.tenant = ''))
      union all
      (select j.tenant from job j
      where j.queue = queue_number and j.tenant <> '' and j.tenant > coalesce(p_after, '')
        and (p_tenant is null or j.tenant = p_tenant)
      order by j.tenant limit 1)
    ) first limit 1)
    union all
    select (select j.tenant from job j
      where j.queue = queue_number and j.tenant <> '' and j.tenant > seen.tenant and p_tenant is null
      order by j.tenant limit 1),
      seen.place + 1
    from seen where seen.tenant is not null and seen.place < p_limit
  ), held as materialized (
    select l.id, l.turn from leased(queue_number) l
  )
  select seen.tenant, n.leased, n.waiting, n.oldest_due_at, e.paused
  from seen
  cross join lateral (
    select count(h.id) as leased, count(*) filter (where h.id is null) as waiting,
      min(j.run_at) filter (where h.id is null and j.run_at <= now_at) as oldest_due_at
    from (
      select x.id, x.turn, x.run_at from job x
      where x.queue = queue_number and x.tenant = seen.tenant and x.tenant <> ''
      union all
      select x.id, x.turn, x.run_at from job x where seen.tenant = '' and x.queue = queue_number and x.tenant = ''
    ) j left join held h on h.id = j.id and h.turn = j.turn
  ) n
  cross join lateral effective_limits(queue_number, 1, seen.tenant, '', '') e
  where seen.tenant is not null
  order by seen.tenant;
end $$;

-- Quotas are kept by calls of enqueue alone, of each tenant that has one by one call at a time.

create function has_quotas(p_queue int) returns boolean language plpgsql stable as $$
begin
  return (select q.has_quotas from queue q where q.id = p_queue);
end $$;

create function quota_of(p_queue int, p_tenant text) returns bigint language plpgsql stable as $$
begin
  return (select e.backlog from effective_limits(p_queue, 1, p_tenant, '', '') e);
end $$;

-- Every job that lives waits or is leased.
create function waiting_of(p_queue int, p_tenant text) returns bigint language plpgsql stable as $$
declare
  live bigint;
begin
  if p_tenant = '' then
    select count(*) into live from job j where j.queue = p_queue and j.tenant = '';
  else
    select count(*) into live from job j where j.queue = p_queue and j.tenant = p_tenant and j.tenant <> '';
  end if;
  return live - coalesce((select n.jobs from leased_of(p_queue, 1, array[p_tenant], '', '') n), 0);
end $$;

-- Until the transaction ends nobody else adds to the backlogs of these tenants that have a quota.
create function lock_backlogs(p_queues int[], p_tenants text[]) returns void language plpgsql volatile as $$
declare
  lock_key int;
begin
  for lock_key in
    select distinct hashtext(t.queue || ' ' || t.tenant) as k
    from unnest(p_queues, p_tenants) as t (queue, tenant)
    where quota_of(t.queue, t.tenant) is not null order by k
  loop
    perform pg_advisory_xact_lock('said'::regclass::oid::int, lock_key);
  end loop;
end $$;

-- For jobs that are about to be stored, of these tenants: {tenantId, quota, waiting, more} of the first whose
-- quota has no room for its own, or null. In a transaction of a caller's (p_joins) nobody waits for it: what other
-- transactions that are open bring does not count.
create function full_backlog(p_queue int, p_tenants text[], p_joins boolean) returns jsonb
language plpgsql volatile
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
begin
  if not p_joins then
    perform lock_backlogs(array_fill(p_queue, array[cardinality(p_tenants)]), p_tenants);
  end if;
  return (
    select jsonb_build_object('tenantId', nullif(t.tenant, ''), 'quota', t.quota, 'waiting', t.waiting, 'more', t.more)
    from (
      select n.*, quota_of(p_queue, n.tenant) as quota, waiting_of(p_queue, n.tenant) as waiting
      from (
        select u.tenant, count(*) as more, min(u.place) as place
        from unnest(p_tenants) with ordinality as u (tenant, place) group by u.tenant
      ) n
      where quota_of(p_queue, n.tenant) is not null
    ) t
    where t.waiting + t.more > t.quota order by t.place limit 1);
end $$;

-- Raises CGK04, so that nothing stays, with {queue, tenantId, quota, waiting, more}, where what a call has stored is
-- more than a quota lets wait. Under lock_backlogs, but for a transaction of a caller's.
create function refuse_full_backlogs(p_jobs jsonb, p_results jsonb) returns void language plpgsql volatile as $$
declare
  added record;
  quota bigint;
  waiting bigint;
begin
  for added in
    select j.job ->> 'queue' as queue, q.id, coalesce(j.job ->> 'tenantId', '') as tenant, count(*) as more
    from rows from (jsonb_array_elements(p_jobs), jsonb_array_elements(p_results))
      with ordinality as j (job, result, place)
    join queue q on q.name = j.job ->> 'queue'
    where j.result ->> 'status' = 'enqueued'
    group by 1, 2, 3 having has_quotas(q.id) order by min(j.place)
  loop
    quota := quota_of(added.id, added.tenant);
    if quota is not null then
      waiting := waiting_of(added.id, added.tenant);
      if waiting > quota then
        raise exception 'a backlog is full' using errcode = 'CGK04', detail = jsonb_build_object(
          'queue', added.queue, 'tenantId', nullif(added.tenant, ''), 'quota', quota,
          'waiting', waiting - added.more, 'more', added.more)::text;
      end if;
    end if;
  end loop;
end $$;
