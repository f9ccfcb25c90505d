-- What nobody needs any more. Nothing here has to be done at a certain time, or at once.

-- Deletes history past its bounds, at most p_limit jobs one by one. The bounds are those of completed, failed and
-- cancelled jobs, ages in milliseconds, counts for each queue; null for none. next_in_ms is when the store next has
-- something to do by itself, leases included; null for never.
create function prune(p_limit int, p_max_ages bigint[], p_max_counts bigint[])
returns table (pruned int, next_in_ms bigint) language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_at bigint := now_ms();
  next_at bigint;
  deleted int := 0;
  raised record;
  shelf record;
  upto bigint;
  youngest record;
begin
  pruned := 0;
  -- One process is enough, and who comes second need not wait.
  if pg_try_advisory_xact_lock('ended'::regclass::oid::int, 0) then
    select r.forgotten, r.next_at into raised from raise_floors(p_max_ages[1], p_max_counts[1], now_at) r;
    pruned := raised.forgotten;
    next_at := raised.next_at;
    deleted := end_windows(p_limit, now_at);
    select 0 as queue, 0::smallint as state into shelf;
    loop
      select e.queue, e.state into shelf from ended e
      where not e.pinned and (e.queue, e.state) > (shelf.queue, shelf.state)
      order by e.queue, e.state limit 1;
      exit when not found;
      upto := greatest(
        now_at - p_max_ages[shelf.state],
        case when shelf.state = 1 then (select f.ended_at from history_floor f where f.queue = shelf.queue) end);
      if upto is not null then
        deleted := deleted + forget_ended(array(
          select e.id from ended e
          where not e.pinned and e.queue = shelf.queue and e.state = shelf.state and e.ended_at <= upto
          order by e.ended_at, e.id limit p_limit - deleted));
      end if;
      select e.ended_at, e.id into youngest from ended e
      where not e.pinned and e.queue = shelf.queue and e.state = shelf.state and p_max_counts[shelf.state] is not null
      order by e.ended_at desc, e.id desc offset p_max_counts[shelf.state] limit 1;
      if found then
        deleted := deleted + forget_ended(array(
          select e.id from ended e
          where not e.pinned and e.queue = shelf.queue and e.state = shelf.state
            and (e.ended_at, e.id) <= (youngest.ended_at, youngest.id)
          order by e.ended_at, e.id limit p_limit - deleted));
      end if;
      next_at := least(next_at, (
        select e.ended_at + p_max_ages[shelf.state] from ended e
        where not e.pinned and e.queue = shelf.queue and e.state = shelf.state
        order by e.ended_at limit 1));
    end loop;
  end if;
  next_at := least(
    next_at,
    (select l.expires_at from lease l order by l.expires_at limit 1),
    (select n.held_until from named n
    where n.held_until is not null and n.successor is null order by n.held_until limit 1));
  pruned := pruned + deleted;
  next_in_ms := case
    when deleted >= p_limit then 0
    when next_at is not null then greatest(0, next_at - now_at) end;
  return next;
end $$;

-- Windows of unique keys that are over: what was kept because of them is history like any other. One that somebody
-- waits to succeed in goes on until its holder ends. How many jobs were deleted, having no history.
create function end_windows(p_limit int, p_now bigint) returns int language plpgsql volatile as $$
declare
  queue_number int;
  hold named;
  deleted int := 0;
begin
  for queue_number in
    select distinct n.queue from (
      select x.queue from named x
      where x.held_until <= p_now and x.successor is null order by x.held_until limit p_limit
    ) n order by n.queue
  loop
    perform lock_queue(queue_number);
  end loop;
  if found then
    perform wait_briefly();
  end if;
  -- What somebody has locked is looked at again next time, and claims do not wait for it.
  for hold in
    select * from named n where n.held_until <= p_now and n.successor is null
    order by n.held_until limit p_limit for update skip locked
  loop
    if exists (select from ended e where e.id = hold.holder and e.discard) then
      deleted := deleted + 1;
    end if;
    perform release_unique_key(hold);
  end loop;
  return deleted;
end $$;

-- Deletes what dispatchers have read and will not read again, and what is left of tenants without jobs.
create function sweep() returns void language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  most constant int := 10000;
  newest tick;
  queue_number int := -1;
begin
  if not pg_try_advisory_xact_lock('tick'::regclass::oid::int, 0) then
    return;
  end if;
  loop
    queue_number := (select t.queue from tick t where t.queue > queue_number order by t.queue limit 1);
    exit when queue_number is null;
    select * into newest from tick t where t.queue = queue_number order by t.seq desc limit 1;
    -- Of another server it says nothing of the mail that comes here: see moved_here.
    continue when pg_snapshot_xmax(newest.snap) > pg_snapshot_xmax(pg_current_snapshot());
    delete from mail m where m.ctid = any(array(
      select x.ctid from mail x
      where x.queue = queue_number and x.xid < pg_snapshot_xmax(newest.snap)
        and pg_visible_in_snapshot(x.xid, newest.snap)
      order by x.xid, x.seq limit most));
    delete from tick t where t.ctid = any(array(
      select x.ctid from tick x where x.queue = queue_number and x.seq < newest.seq order by x.seq limit most));
  end loop;
  perform forget_lanes();
end $$;

-- Looks at some of the lanes of tenants, others each time, and lets go of those that may as well be made anew: no job
-- of the tenant lives, nothing that limits remember would be lost, and it is not ahead of the others.
create function forget_lanes() returns void language plpgsql volatile as $$
declare
  looked_at constant int := 32;
  blocks bigint := pg_relation_size('lane') / current_setting('block_size')::int;
  first_block bigint := floor(random() * greatest(1, blocks - looked_at + 1));
  idle record;
  locked int;
  now_at bigint;
  present bigint;
begin
  for idle in
    select distinct l.queue, l.tenant from lane l
    where l.ctid >= format('(%s,0)', first_block)::tid and l.ctid < format('(%s,0)', first_block + looked_at)::tid
      and l.tenant <> '' and not l.ready and not l.has_gate
      and not exists (select from job j where j.queue = l.queue and j.tenant = l.tenant and j.tenant <> '')
    order by l.queue, l.tenant
  loop
    if locked is distinct from idle.queue then
      locked := idle.queue;
      perform lock_queue(locked);
      now_at := now_ms();
      present := (select t.v from tick t where t.queue = locked order by t.seq desc limit 1);
    end if;
    continue when exists (
        select from job j where j.queue = locked and j.tenant = idle.tenant and j.tenant <> '')
      or exists (select from governed r where r.queue = locked and r.tenant = idle.tenant)
      or exists (
        select from lane l where l.queue = locked and l.tenant = idle.tenant and (l.has_gate or l.vt > present))
      or exists (
        select from gate g
        where g.queue = locked and g.level = 1 and g.tenant = idle.tenant
          and (g.leased > 0 or g.failures > 0 or g.paused or g.limiter = '' and g.key = ''
            or greatest(g.next_turn_us / 1000, g.paused_until, g.tripped_until) > now_at));
    delete from gate g where g.queue = locked and g.level = 1 and g.tenant = idle.tenant;
    delete from span s
    where s.lane = (
      select l.number from lane l where l.queue = locked and l.tenant = idle.tenant order by l.ver desc limit 1);
    delete from delayed d where d.queue = locked and d.tenant = idle.tenant;
    delete from lane l where l.queue = locked and l.tenant = idle.tenant;
  end loop;
end $$;
