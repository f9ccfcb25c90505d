-- Claims. Everything but the two entry functions runs under the queue's lock. No id is looked up twice: to remember
-- what was found would cost more than the look.

-- A lane that takes part, what it may give at most, and how many it is to give.
-- A job that nothing governs but its lane: where it stands, and its own place in the order of its lane.
create type standing as (rank int, admission bigint, id bigint, turn int, place bigint);

create type share as (
  tenant text collate "C", number bigint, row tid, vt bigint, act bigint, stride bigint, most int, count int,
  waiting bigint, near bigint[], head_rank int, head_admission bigint, head_id bigint, has_gate boolean,
  has_governed boolean
);

-- Jobs that were taken, and whose turn each of them was.
create type taken as (ids bigint[], turns int[], tags bigint[], acts bigint[], has_governed boolean);

-- A tag up to which lanes give so many jobs together, and few more: where (level - vt) / stride of each lane,
-- but nothing of one that lies higher, and no more than it has of one that is full, make up their number.
create function water_level(p_lanes share[], p_count int) returns bigint language plpgsql immutable as $$
#variable_conflict use_column
declare
  -- Differences are exact in floating point, whatever they are counted from.
  base bigint := p_lanes[1].vt;
  highest bigint := p_lanes[cardinality(p_lanes)].vt;
  level bigint;
  higher bigint;
begin
  -- With each lane found to be full the level rises. Where it has not come to rest, another round of claiming
  -- brings what is missing.
  for round in 1..8 loop
    select base + ceil(
      (p_count - coalesce(sum(most) filter (where is_full), 0)
        + sum((vt - base)::float8 / stride) filter (where not is_full))
      / sum(1 / stride::float8) filter (where not is_full))::bigint into higher
    from (select *, coalesce(vt + most * stride <= level, false) as is_full from unnest(p_lanes)) lanes;
    if higher < highest then
      -- Some lie higher. Were they all that came before a lane, or it too, the level would be at its lowest where
      -- that is just so.
      select base + ceil(min((p_count - coalesce(spent, 0) + volume) / width))::bigint into higher
      from (
        select sum(most) filter (where is_full) over () as spent, is_full,
          sum((vt - base)::float8 / stride) filter (where not is_full) over lower as volume,
          sum(1 / stride::float8) filter (where not is_full) over lower as width
        from (
          select vt, act, stride, most, coalesce(vt + most * stride <= level, false) as is_full from unnest(p_lanes)
        ) lanes
        window lower as (order by vt, act)
      ) levels
      where not is_full;
    end if;
    exit when higher is null or higher = level;
    level := higher;
    exit when not exists (select from unnest(p_lanes) where vt + most * stride <= level);
  end loop;
  return level;
end $$;

-- Who gives how many of the next jobs: exactly what so many single turns of start-time fair queuing would
-- take, were there all that the lanes seem to have. With p_ahead, of what may be prefetched.
create function share_out(t tick, p_count int, p_ahead boolean, p_now bigint) returns share[]
language plpgsql volatile as $$
#variable_conflict use_column
declare
  lanes share[];
  level bigint;
  last_tag bigint;
  last_act bigint;
begin
  lanes := array(
    select row(
      tenant, number, row, vt, act, stride,
      least(
        p_count, case when has_governed and not p_ahead then p_count else waiting end,
        case when has_gate then gate_room(gate, p_now) end),
      1, waiting, near, head_rank, head_admission, head_id, has_gate, has_governed)::share
    from (
      select l.*, l.ctid as row, case when l.has_gate then find_gate(l.queue, 1, l.tenant, '', '') end as gate
      from lane l
      where l.queue = t.queue and l.ready and (l.vt, l.act) > (t.v, t.act)
      order by l.vt, l.act limit p_count + case when p_ahead then 64 else 0 end
    ) ready
    where not p_ahead or waiting > 0 and not coalesce(gate_is_limited(gate), false)
    order by vt, act limit p_count);
  if cardinality(lanes) = 0 then
    return lanes;
  end if;
  if cardinality(lanes) = 1 then
    lanes[1].count := lanes[1].most;
    return lanes;
  end if;
  -- Mostly of many lanes each gives one: then no second turn comes before the last of the first turns.
  if cardinality(lanes) = p_count
    and lanes[p_count].vt < (select min(case when most > 0 then vt + stride else vt end) from unnest(lanes))
  then
    return lanes;
  end if;
  level := water_level(lanes, p_count);
  -- Up to the level there are a few more than were asked for: the last turn that counts.
  select vt + turn * stride, act into last_tag, last_act
  from unnest(lanes)
  cross join lateral generate_series(
    0, case when vt <= level then least(most, 1 + (level - vt) / stride) when level is null then most else 0 end - 1
  ) turn
  order by 1, 2 offset p_count - 1 limit 1;
  if not found then
    last_tag := coalesce(level, 9223372036854775807);
    last_act := 9223372036854775807;
  end if;
  return array(
    select row(
      tenant, number, row, vt, act, stride, most, least(most, 1 + (upto - vt) / stride), waiting, near,
      head_rank, head_admission, head_id, has_gate, has_governed)::share
    from (
      select *, case when act <= last_act then last_tag else last_tag - 1 end as upto from unnest(lanes)
    ) l
    where vt <= upto);
end $$;

-- The spans of a lane from its head up to what was taken last, {rank, admission, id}, or all where that is null.
-- Ranks that have been passed are looked at apart: an index is not left at the end of a range of pairs before their
-- first members change.
create function passed_spans(p_lane bigint, p_rank int, p_admission bigint, p_last bigint[]) returns table (span tid)
language sql stable as $$
  select s.ctid from span s
  where s.lane = p_lane and (s.rank, s.admission) >= (p_rank, p_admission) and s.rank < coalesce(p_last[1], 2147483648)
  union all
  select s.ctid from span s
  where s.lane = p_lane and s.rank = p_last[1]
    and s.admission >= case when p_rank = p_last[1] then p_admission else -1 end and s.admission <= p_last[2]
    and (s.admission < p_last[2] or s.last <= p_last[3])
$$;

-- Takes from lanes what nothing governs but they.
create function take_plain(p_queue int, p_shares share[], p_now bigint) returns taken language plpgsql volatile as $$
#variable_conflict use_column
declare
  result taken;
begin
  with given as materialized (
    select s.*, j.*, j.jobs < s.count or s.waiting <= j.jobs as is_empty
    from unnest(p_shares) s cross join lateral (
      select count(*) as jobs, array_agg(id) as ids, array_agg(turn) as turns,
        max(array[rank, admission, id]) as last, coalesce(bool_or(id = of_range), false) as ends_range
      from (
        select job.id, p.turn, p.rank, p.admission, p.last as of_range
        from (
          (select rank, admission, turn,
            greatest(first, case when (rank, admission) = (s.head_rank, s.head_admission) then s.head_id end) as first,
            last
          from span
          where s.near is null and lane = s.number and (rank, admission) >= (s.head_rank, s.head_admission)
          order by rank, admission, last)
          union all
          -- Of these, which of them comes first is all there is to their order.
          select s.head_rank, n, 0, s.near[n][1], s.near[n][2] from generate_subscripts(s.near, 1) n
        ) p cross join lateral (
          select id from job where id >= p.first and id <= p.last and turn = p.turn order by id
        ) job
        limit s.count
      ) found
    ) j
  ), moved as (
    update lane l set
      ver = l.ver + 1,
      vt = l.vt + g.jobs * l.stride,
      waiting = case when g.is_empty then 0 else l.waiting - g.jobs end,
      near = case
        when g.is_empty then '{}' when g.near is not null then near_from(g.near, g.last[2]::int, g.last[3] + 1) end,
      head_rank = coalesce(g.last[1], l.head_rank),
      head_admission = coalesce(g.last[2], l.head_admission),
      head_id = coalesce(g.last[3] + 1, l.head_id),
      ready = not g.is_empty or l.has_governed
    from given g where l.ctid = g.row
  ), passed as (
    delete from span where ctid = any(array(
      select p.span
      from given g
      cross join lateral passed_spans(
        g.number, g.head_rank, g.head_admission, case when not g.is_empty then g.last end) p
      -- Of others nothing has been passed that was not before.
      where g.near is null
        and (g.is_empty or g.ends_range or (g.last[1], g.last[2]) <> (g.head_rank, g.head_admission))))
  )
  select array_agg(id), array_agg(turn), array_agg(tag), array_agg(act), false into result
  from (
    select j.id, j.turn, g.vt + (j.place - 1) * g.stride as tag, g.act
    from given g cross join lateral unnest(g.ids, g.turns) with ordinality as j (id, turn, place)
    order by tag, act
  ) jobs;
  if exists (select from unnest(p_shares) where has_gate) then
    update gate t set
      leased = t.leased + g.jobs,
      next_turn_us = case when t.interval_us > 0
        then greatest(t.next_turn_us, p_now * 1000) + g.jobs * t.interval_us else t.next_turn_us end
    from (
      select f.row, (l.vt - s.vt) / s.stride as jobs from unnest(p_shares) s cross join lateral (
        select vt from lane where queue = p_queue and tenant = s.tenant order by ver desc limit 1
      ) l cross join lateral (
        select ctid as row from gate
        where queue = p_queue and level = 1 and tenant = s.tenant and limiter = '' and key = '' offset 0
      ) f
      where s.has_gate
    ) g
    where t.ctid = g.row;
  end if;
  return result;
end $$;

-- The next of what is governed in a lane and may start now.
create function next_governed(p_queue int, p_tenant text, p_suspect boolean) returns governed
language plpgsql stable as $$
#variable_conflict use_column
declare
  r governed;
begin
  select * into r from (
    (select * from governed
    where queue = p_queue and tenant = p_tenant and limiter = '' and suspect = p_suspect and state = 1 and open
    order by rank, admission limit 1)
    union all
    (select f.* from gate g cross join lateral (
      select * from governed
      where queue = p_queue and tenant = p_tenant and limiter = g.limiter and suspect = p_suspect
        and state = 1 and open
      order by rank, admission limit 1
    ) f
    where g.queue = p_queue and g.tenant = p_tenant and g.open)
  ) heads
  order by rank, admission limit 1;
  return r;
end $$;

-- A governed job is leased: limits below the tenant's count it.
create function take_governed(r governed, p_now bigint) returns void language plpgsql volatile as $$
begin
  update governed x set state = 2, open = false where x.id = r.id;
  if r.limiter <> '' then
    perform gate_take(r.queue, 1, r.tenant, r.limiter, '', 1, p_now);
  end if;
  if r.key <> '' then
    perform gate_take(r.queue, 1, r.tenant, '', substr(r.key, 2), 1, p_now);
  end if;
  perform refresh_bounds(r.queue, r.tenant, r.limiter, r.key, p_now);
end $$;

-- Takes from a lane in which some are governed, job by job, for each may close or open what is behind the next.
create function take_mixed(p_queue int, s share, p_now bigint) returns taken language plpgsql volatile as $$
#variable_conflict use_column
declare
  result taken := row('{}'::bigint[], '{}'::int[], '{}'::bigint[], '{}'::bigint[], false);
  plain standing;
  has_plain boolean := false;
  more_plain boolean := s.waiting > 0;
  plain_taken bigint := 0;
  at_rank int := s.head_rank;
  at_admission bigint := coalesce(s.near[1][1], s.head_admission);
  at_id bigint := case when cardinality(s.near) > 0 then 0 else s.head_id end;
  r governed;
begin
  if cardinality(s.near) > 0 then
    insert into span
    select s.number, s.head_rank, s.near[n][1], 0, s.near[n][1], s.near[n][2]
    from generate_subscripts(s.near, 1) n;
    s.head_admission := s.near[1][1];
    s.head_id := 0;
  end if;
  for turn_of_lane in 0..s.count - 1 loop
    if more_plain and not has_plain then
      select p.rank, p.admission, j.id, p.turn,
        -- In a range of jobs that were due when they came each has its own place.
        case when p.admission = p.begins then j.id else p.admission end as place
      into plain
      from (
        select sp.rank, sp.admission, sp.turn, sp.last, sp.first as begins,
          greatest(sp.first, case when (sp.rank, sp.admission) = (at_rank, at_admission) then at_id end) as first
        from span sp
        where sp.lane = s.number and (sp.rank, sp.admission) >= (at_rank, at_admission)
        order by sp.rank, sp.admission, sp.last
      ) p cross join lateral (
        select job.id from job where job.id >= p.first and job.id <= p.last and job.turn = p.turn
        order by job.id limit 1
      ) j
      limit 1;
      has_plain := found;
      more_plain := found;
    end if;
    r := next_governed(p_queue, s.tenant, false);
    if r.id is not null and (not has_plain or (r.rank, r.admission) < (plain.rank, plain.place)) then
      perform take_governed(r, p_now);
      result.ids := result.ids || r.id;
      result.turns := result.turns || (select job.turn from job where job.id = r.id);
      result.has_governed := true;
    elsif has_plain then
      result.ids := result.ids || plain.id;
      result.turns := result.turns || plain.turn;
      at_rank := plain.rank;
      at_admission := plain.admission;
      at_id := plain.id + 1;
      plain_taken := plain_taken + 1;
      has_plain := false;
    else
      exit;
    end if;
    result.tags := result.tags || s.vt + turn_of_lane * s.stride;
    result.acts := result.acts || s.act;
  end loop;
  update lane l set
    ver = l.ver + 1,
    vt = l.vt + cardinality(result.ids) * l.stride,
    waiting = case when more_plain then l.waiting - plain_taken else 0 end,
    near = case when not more_plain then '{}'::bigint[] end,
    head_rank = at_rank, head_admission = at_admission, head_id = at_id
  where l.ctid = s.row;
  if s.has_gate then
    perform gate_take(p_queue, 1, s.tenant, '', '', cardinality(result.ids), p_now);
  end if;
  delete from span where ctid = any(array(
    select p.span from passed_spans(
      s.number, s.head_rank, s.head_admission, case when more_plain then array[at_rank, at_admission, at_id - 1] end) p));
  return result;
end $$;

create function join_taken(a taken, b taken) returns taken language plpgsql immutable as $$
begin
  a.ids := a.ids || b.ids;
  a.turns := a.turns || b.turns;
  a.tags := a.tags || b.tags;
  a.acts := a.acts || b.acts;
  a.has_governed := a.has_governed or b.has_governed;
  return a;
end $$;

-- In the order of turns.
create function in_order(t taken) returns taken language plpgsql immutable as $$
#variable_conflict use_column
declare
  result taken;
begin
  select array_agg(id order by tag, act), array_agg(turn order by tag, act), array_agg(tag order by tag, act),
    array_agg(act order by tag, act), t.has_governed
  into result from unnest(t.ids, t.turns, t.tags, t.acts) as j (id, turn, tag, act);
  return result;
end $$;

-- Takes the jobs whose turn it is, in rounds: where lanes had less than they seemed to have, others give more.
-- p_free: only if nothing bounds one of their lanes, and in one round.
create function take_turns(t tick, p_count int, p_ahead boolean, p_free boolean, p_now bigint) returns taken language plpgsql volatile as $$
#variable_conflict use_column
declare
  nothing taken := row('{}'::bigint[], '{}'::int[], '{}'::bigint[], '{}'::bigint[], false);
  result taken := nothing;
  found_now taken;
  shares share[];
  s share;
  mixed boolean;
  bounded text[];
  rounds int := 0;
begin
  while cardinality(result.ids) < p_count and not (p_free and rounds > 0) loop
    rounds := rounds + 1;
    shares := share_out(t, p_count - cardinality(result.ids), p_ahead, p_now);
    exit when cardinality(shares) = 0;
    found_now := nothing;
    select coalesce(bool_or(has_governed), false), array_agg(tenant) filter (where has_gate or has_governed)
    into mixed, bounded from unnest(shares);
    exit when p_free and bounded is not null;
    if p_ahead or not mixed then
      found_now := take_plain(t.queue, shares, p_now);
    else
      found_now := take_plain(t.queue, array(select x from unnest(shares) x where not has_governed), p_now);
      for s in select * from unnest(shares) where has_governed loop
        found_now := join_taken(found_now, take_mixed(t.queue, s, p_now));
      end loop;
      found_now := in_order(found_now);
    end if;
    if bounded is not null then
      perform refresh_lanes(t.queue, bounded, t.v, p_now);
    end if;
    if found_now.ids is not null then
      result := join_taken(result, found_now);
    end if;
    if rounds > 1 then
      result := in_order(result);
    end if;
  end loop;
  return result;
end $$;

-- The present, when these turns, which are in order, have been taken.
create function served(t tick, p_taken taken) returns tick language plpgsql immutable as $$
declare
  last int := cardinality(p_taken.tags);
begin
  if last > 0 then
    t.v := p_taken.tags[last];
    t.act := p_taken.acts[last];
  end if;
  return t;
end $$;

-- What is claimed ahead of its time is charged to its lane, but the present stays that of the first lane that
-- was passed over: else who comes next would wait until it has caught up.
create function present_after(t tick, p_ahead taken) returns tick language plpgsql stable as $$
#variable_conflict use_column
declare
  passed record;
  reached record;
begin
  select l.vt, l.act into passed from (
    select vt, act, waiting, case when has_gate then find_gate(queue, 1, tenant, '', '') end as gate
    from lane where queue = t.queue and ready and (vt, act) > (t.v, t.act)
    order by vt, act limit cardinality(p_ahead.ids) + 64
  ) l
  where l.waiting = 0 or gate_is_limited(l.gate)
  order by l.vt, l.act limit 1;
  select tag, act into reached from unnest(p_ahead.tags, p_ahead.acts) as x (tag, act)
  where passed.vt is null or (tag, act) < (passed.vt, passed.act)
  order by tag desc, act desc limit 1;
  if found then
    t.v := reached.tag;
    t.act := reached.act;
  end if;
  return t;
end $$;

-- Takes the next suspect, the tenants taking turns. It is charged to nobody.
create function take_suspect(p_queue int, p_v bigint, p_now bigint) returns taken language plpgsql volatile as $$
#variable_conflict use_column
declare
  l lane;
  r governed;
begin
  select * into l from lane where queue = p_queue and suspect_turn is not null order by suspect_turn limit 1;
  if not found then
    return row('{}'::bigint[], '{}'::int[], '{}'::bigint[], '{}'::bigint[], false)::taken;
  end if;
  r := next_governed(p_queue, l.tenant, true);
  perform take_governed(r, p_now);
  perform gate_take(p_queue, 1, l.tenant, '', '', 1, p_now);
  -- If it has more it is the last now.
  update lane set suspect_turn = null, ver = ver + 1 where queue = p_queue and tenant = l.tenant and ver = l.ver;
  perform refresh_lanes(p_queue, array[l.tenant], p_v, p_now);
  return row(array[r.id], array[(select turn from job where id = r.id)], '{}'::bigint[], '{}'::bigint[], true)::taken;
end $$;

-- Beyond it the present is set to 0. Virtual times would otherwise pass the end of bigint after some 4 * 10^10 jobs of
-- one lane of weight 1.
create function most_present() returns bigint language sql immutable parallel safe return 2305843009213693952;

-- Sets the present to 0. All lanes move alike, so that their order stays.
create function rebase(p_queue int, p_v bigint) returns void language plpgsql volatile as $$
begin
  update lane l set vt = greatest(0, l.vt - p_v), ver = l.ver + 1 where l.queue = p_queue;
end $$;

-- Whether something may start in fair order, but for the limits of the queue.
create function has_ready(t tick, p_now bigint) returns boolean language plpgsql volatile as $$
declare
  l lane;
begin
  for l in
    select * from lane x where x.queue = t.queue and x.ready and (x.vt, x.act) > (t.v, t.act) order by x.vt, x.act
  loop
    -- Of ranges it is not known whether what they cover is gone.
    if has_waiting(t.queue, l.tenant, t.v, p_now) or (l.has_governed and has_open(t.queue, l.tenant, false)) then
      return true;
    end if;
  end loop;
  return false;
end $$;

-- Whether something waits for a gate, and does not only seem to.
create function keeps_back(g gate, p_v bigint, p_now bigint) returns boolean language plpgsql volatile as $$
begin
  return g.limiter <> '' or g.key <> '' or has_waiting(g.queue, g.tenant, p_v, p_now)
    or has_open(g.queue, g.tenant, false) or has_open(g.queue, g.tenant, true);
end $$;

-- Whether something waits that only the end of a lease lets start, the limits of the queue apart.
create function awaits_release(p_queue int, p_v bigint, p_now bigint) returns boolean language plpgsql volatile as $$
declare
  g gate;
begin
  for g in select * from gate x where x.queue = p_queue and x.used_up loop
    if keeps_back(g, p_v, p_now) then
      return true;
    end if;
  end loop;
  return false;
end $$;

-- When time opens the first gate for something that waits, the limits of the queue apart; null for never.
create function next_opening(p_queue int, p_v bigint, p_now bigint) returns bigint language plpgsql volatile as $$
declare
  g gate;
begin
  for g in select * from gate x where x.queue = p_queue and x.wake_at > p_now order by x.wake_at loop
    if keeps_back(g, p_v, p_now) then
      return g.wake_at;
    end if;
  end loop;
  return null;
end $$;

-- When the first job comes due of which claimers are told, or, where many that were put off are gone, a time before
-- that; null for never.
create function next_due(p_queue int, p_now bigint) returns bigint language plpgsql volatile as $$
#variable_conflict use_column
declare
  most_gone constant int := 1000;
  gone int := 0;
  told bigint;
  l lane;
  d record;
begin
  select min(due) into told from governed where queue = p_queue and state = 0 and open and due > p_now;
  for l in
    select * from lane where queue = p_queue and due_at > p_now order by due_at
  loop
    exit when l.due_at >= told;
    -- What was put off may be gone by now.
    for d in
      select ctid as row, due, turn, first, last from delayed
      where queue = p_queue and tenant = l.tenant and due > p_now order by due, first
    loop
      exit when d.due >= told;
      if exists (select from job where id >= d.first and id <= d.last and turn = d.turn) then
        told := d.due;
        exit;
      end if;
      delete from delayed where ctid = d.row;
      gone := gone + 1;
      if gone = most_gone then
        told := d.due;
        exit;
      end if;
    end loop;
    update lane set due_at = f.due, ver = ver + 1
    from (
      select (
        select due from delayed where queue = p_queue and tenant = l.tenant and due > p_now order by due limit 1
      ) as due
    ) f
    where queue = p_queue and tenant = l.tenant and ver = l.ver and due_at is distinct from f.due;
    exit when gone = most_gone;
  end loop;
  return told;
end $$;

-- See JobStore.claim. p_token is the lease's, made by the caller, who so can give back what a call leased of
-- which no answer came. ids and turns are those of the jobs, in the order of the claim; turns is null where all are 0.
-- p_is_bounded: by bytes, see claim_within_bytes.
create function claim(
  p_queue text, p_slots int, p_prefetch int, p_lease_ms bigint, p_worker text, p_suspects boolean, p_token uuid,
  p_is_bounded boolean default true,
  out ids text, out turns text, out started_at bigint, out next_due_in_ms bigint, out awaits_release boolean,
  out has_suspects boolean
) language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set enable_memoize = off set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_variable
declare
  q int := (select x.id from queue x where x.name = p_queue);
  g gate;
  before tick;
  t tick;
  now_at bigint;
  nothing taken := row('{}'::bigint[], '{}'::int[], '{}'::bigint[], '{}'::bigint[], false);
  got taken := nothing;
  ahead taken := nothing;
  slots int := p_slots;
  may_prefetch boolean;
  count int;
  is_open boolean;
  some_ready boolean;
  some_suspect boolean;
  next_at bigint;
  arrivals record;
begin
  awaits_release := false;
  has_suspects := false;
  if q is null then
    return;
  end if;
  perform lock_queue(q);
  -- What a claim wrote may be lost when the server crashes in the next moment: then its jobs wait again, and whoever
  -- holds them finds that he does not. Whatever is written later and not lost finds it there.
  perform set_config('synchronous_commit', 'off', true);
  now_at := now_ms();
  before := newest_tick(q);
  if p_slots > 0 and not p_suspects then
    next_at := rest_of(before);
  end if;
  if next_at > now_at then
    arrivals := claim_arrivals(
      before, least(p_slots + p_prefetch, most_unweighed()), p_lease_ms, p_worker, p_token, now_at, next_at);
    if arrivals.is_made then
      started_at := now_at;
      ids := arrivals.ids;
      turns := arrivals.turns;
      next_due_in_ms := arrivals.next_due_in_ms;
      return;
    end if;
  end if;
  g := find_gate(q, 0, '', '', '');
  if g.paused then
    return;
  end if;
  started_at := now_at;
  t := take_in(before, now_at);
  if t.v > most_present() then
    perform rebase(q, t.v);
    t.v := 0;
  end if;
  -- Looked for behind what was taken in, so that none of that is missed.
  if p_is_bounded and not p_suspects
    and (p_slots + p_prefetch > most_unweighed() or exists (select from bulky b where b.queue = q))
  then
    perform write_tick(before, t);
    select c.* into ids, turns, started_at, next_due_in_ms, awaits_release, has_suspects
    from claim_within_bytes(p_queue, p_slots, p_prefetch, p_lease_ms, p_worker, p_token) c;
    return;
  end if;
  if g.queue is not null then
    g := find_gate(q, 0, '', '', '');
  end if;
  slots := least(slots, gate_room(g, now_at));

  if p_suspects then
    if slots > 0 then
      got := take_suspect(q, t.v, now_at);
    end if;
  else
    may_prefetch := p_prefetch > 0 and not coalesce(gate_is_limited(g), false)
      and (g.queue is null or gate_is_open(g, now_at));
    -- Where nothing is bounded, slots and what is ahead of them come of one round.
    if may_prefetch and slots > 0 then
      got := take_turns(t, slots + p_prefetch, false, true, now_at);
      t := served(t, got);
    end if;
    if cardinality(got.ids) < slots then
      got := join_taken(got, take_turns(t, slots - cardinality(got.ids), false, false, now_at));
      t := served(t, got);
    end if;
    if may_prefetch and cardinality(got.ids) < slots + p_prefetch then
      ahead := take_turns(t, slots + p_prefetch - cardinality(got.ids), true, false, now_at);
      if cardinality(ahead.ids) > 0 then
        t := present_after(t, ahead);
        got := join_taken(got, ahead);
      end if;
    end if;
  end if;

  count := cardinality(got.ids);
  if count > 0 then
    ids := array_to_string(got.ids, ',');
    turns := nullif(array_to_string(got.turns, ','), repeat('0,', count - 1) || '0');
    insert into lease values (
      p_token, 0, q, p_worker, now_at, now_at + p_lease_ms, count, got.has_governed, got.ids, got.turns);
    if g.queue is not null then
      perform gate_take(q, 0, '', '', '', count, now_at);
      g := find_gate(q, 0, '', '', '');
    end if;
  end if;
  perform write_tick(before, t);

  is_open := g.queue is null or gate_is_open(g, now_at);
  select
    -- Mostly the first lane has what it seems to have.
    exists (
      select from (
        select * from lane l where l.queue = q and l.ready and (l.vt, l.act) > (t.v, t.act)
        order by l.vt, l.act limit 1
      ) l cross join lateral (
        (select s.turn, s.last, greatest(
            s.first, case when (s.rank, s.admission) = (l.head_rank, l.head_admission) then l.head_id end) as first
        from span s
        where l.near is null and s.lane = l.number and (s.rank, s.admission) >= (l.head_rank, l.head_admission)
        order by s.rank, s.admission, s.last limit 1)
        union all
        select 0, l.near[1][2], l.near[1][1] where cardinality(l.near) > 0
      ) s cross join lateral (
        select from job j where j.id >= s.first and j.id <= s.last and j.turn = s.turn limit 1
      ) j
      where l.waiting > 0),
    exists (select from lane l where l.queue = q and l.suspect_turn is not null),
    exists (select from gate x where x.queue = q and x.used_up)
  into some_ready, some_suspect, awaits_release;
  some_ready := some_ready or has_ready(t, now_at);
  has_suspects := is_open and some_suspect;
  awaits_release := awaits_release and awaits_release(q, t.v, now_at)
    or ((some_ready or some_suspect) and g.queue is not null and not g.paused and gate_is_full(g));
  if is_open and some_ready or p_suspects and has_suspects
    -- More has come than was taken in at once.
    or t.upto is not null or before.upto is not null or t.reached < now_at
  then
    next_due_in_ms := 0;
    return;
  end if;
  if not is_open and (some_ready or some_suspect) then
    next_at := gate_opens_at(g);
  else
    next_at := next_opening(q, t.v, now_at);
  end if;
  next_at := least(next_at, next_due(q, now_at));
  if g.queue is not null then
    next_at := case when next_at is not null then greatest(next_at, gate_clears_at(g)) end;
  end if;
  next_due_in_ms := next_at - now_at;
end $$;

-- What was claimed with a token and is still there, by their ids: of each job what all have, tenant and run_at where
-- they say something, and in rest what else is not as in a new job that nothing was said about, by the names of its
-- columns. Few columns, as each of them costs the reader about as much as a job. Who made the claim puts them in its
-- order, which here costs as much as all else, and leaves out who has another turn by now.
create function claimed(p_token uuid) returns table (
  id text, name text, payload text, created_at text, tenant text, run_at text, rest text
) language plpgsql stable
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set enable_memoize = off set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  return query
  select j.id::text, j.name, j.payload, j.created_at::text, nullif(j.tenant, ''),
    case when j.run_at <> j.created_at then j.run_at::text end,
    case when j.turn <> 0 or j.priority <> 0 or j.attempts <> 0 or j.releases <> 0 or j.lost_leases <> 0
      or j.generation <> 1 or num_nonnulls(
        j.job_id, j.metadata, j.headers, j.max_attempts, j.retry_delay_ms, j.timeout_ms, j.unique_key, j.ordering_key,
        j.concurrency_key, j.limiter, j.member_of, j.callback_of, j.schedule, j.error, j.progress, j.effects
      ) > 0
    then (
      select jsonb_object_agg(e.key, e.value)::text
      -- Taken from the row above it would be copied for each job.
      from jsonb_each((select to_jsonb(x) from job x where x.id = j.id) - '{id,queue,tenant,name,payload,created_at,updated_at,run_at,started_at,log,failures,settled_token}'::text[]) e
      where e.value <> 'null'
    ) end
  -- Nobody who has not this answer can have divided the lease.
  from job j where j.id = any((select l.ids from lease l where l.token = p_token and l.part = 0)::bigint[]);
end $$;
