-- Lanes: what of each tenant waits and may be claimed. Everything here runs under the queue's lock; p_v is the
-- present (see tick).

-- Jobs first..last of one rank and turn that are due.
create type run as (
  tenant text collate "C", rank int, admission bigint, turn int, first bigint, last bigint
);

create function find_lane(p_queue int, p_tenant text) returns lane language plpgsql stable as $$
declare
  l lane;
begin
  select * into l from lane x where x.queue = p_queue and x.tenant = p_tenant order by x.ver desc limit 1;
  return l;
end $$;

-- Whether something of a lane that is governed may start but for the limits of tenant and queue.
create function has_open(p_queue int, p_tenant text, p_suspect boolean) returns boolean language plpgsql stable as $$
#variable_conflict use_column
begin
  return exists (
    select from governed
    where queue = p_queue and tenant = p_tenant and limiter = '' and suspect = p_suspect and state = 1 and open
  ) or exists (
    select from gate g cross join lateral (
      select from governed
      where queue = p_queue and tenant = p_tenant and limiter = g.limiter and suspect = p_suspect and state = 1 and open
      limit 1
    ) r
    where g.queue = p_queue and g.tenant = p_tenant and g.open
  );
end $$;

-- Makes the lanes there are not, as what was said of their tenants has it.
create function ensure_lanes(p_queue int, p_tenants text[], p_v bigint, p_now bigint) returns void
language plpgsql volatile as $$
declare
  each text;
begin
  for each in
    select distinct n.tenant from unnest(p_tenants) as n (tenant)
    where (
      select true from lane l where l.queue = p_queue and l.tenant = n.tenant order by l.ver desc limit 1
    ) is null
  loop
    insert into lane (queue, tenant, vt, stride, has_gate)
    select p_queue, each, p_v, round(232792560.0 / coalesce(e.weight, 1)), ensure_gate(p_queue, each, '', '', p_now)
    from effective_limits(p_queue, 1::smallint, each, '', '') e;
  end loop;
end $$;

-- Puts lanes where they belong: those of which something may start now take part in the fair order, or wait
-- for their turn to give a suspect, and a gate that keeps something back notes what for.
create function refresh_lanes(p_queue int, p_tenants text[], p_v bigint, p_now bigint) returns void
language plpgsql volatile as $$
#variable_conflict use_column
begin
  with named as materialized (
    select n.tenant, min(n.place) as place
    from unnest(p_tenants) with ordinality as n (tenant, place) group by n.tenant
  ), found as materialized (
    select n.place, l.*,
      l.waiting > 0 or l.has_governed and has_open(p_queue, l.tenant, false) as has_ready,
      l.has_governed and has_open(p_queue, l.tenant, true) as has_suspects
    from named n cross join lateral (
      select ctid as row, tenant, vt, ready, suspect_turn, waiting, has_gate, has_governed from lane
      where queue = p_queue and tenant = n.tenant order by ver desc limit 1
    ) l
  ), judged as materialized (
    select f.*, g.row as gate_row, coalesce(gate_is_open(g.gate, p_now), true) as lets,
      gate_wakes_at(g.gate, has_ready or has_suspects, p_now) as wakes_at,
      gate_is_used_up(g.gate, has_ready or has_suspects) as is_used_up
    from found f left join lateral (
      select x as gate, x.ctid as row from gate x
      where f.has_gate and x.queue = p_queue and x.level = 1 and x.tenant = f.tenant and x.limiter = '' and x.key = ''
      offset 0
    ) g on true
  ), noted as (
    update gate set wake_at = j.wakes_at, used_up = j.is_used_up
    from judged j
    where gate.ctid = j.gate_row
      and (gate.wake_at is distinct from j.wakes_at or gate.used_up <> j.is_used_up)
  ), changed as materialized (
    -- Numbered in the order in which they were named.
    select c.*, nextval('activation') as act from (
      select row, lets and has_ready as is_ready, lets and has_suspects as is_suspect, ready
      from judged
      where ready <> (lets and has_ready) or (suspect_turn is not null) <> (lets and has_suspects)
      order by place
    ) c
  )
  update lane set
    ver = ver + 1,
    ready = c.is_ready,
    -- Who comes back is set to the present.
    vt = case when c.is_ready and not lane.ready then greatest(vt, p_v) else vt end,
    act = case when c.is_ready and not lane.ready then c.act else lane.act end,
    suspect_turn = case when c.is_suspect then coalesce(suspect_turn, c.act) end
  from changed c where lane.ctid = c.row;
end $$;

-- How many ranges stand in a lane itself at most.
create function most_near() returns int language sql immutable parallel safe return 16;

-- What is left of ranges in a lane from an id on that lies in one of them, or follows it.
create function near_from(p_near bigint[], p_nth int, p_id bigint) returns bigint[] language sql immutable
return case when p_id <= p_near[p_nth][2] then array[[p_id, p_near[p_nth][2]]] else '{}' end || p_near[p_nth + 1:];

-- Jobs that nothing governs but their lane have come due.
create function stand_in_lanes(p_queue int, p_runs run[], p_v bigint, p_now bigint) returns void
language plpgsql volatile as $$
#variable_conflict use_column
declare
  gated text[];
begin
  if exists (select from said where queue = p_queue and level = 1) then
    perform ensure_lanes(p_queue, array(select distinct r.tenant from unnest(p_runs) r), p_v, p_now);
  end if;
  with added as (
    select tenant, sum(last - first + 1)::bigint as jobs, min(ordinality) as place, min(array[rank, admission]) as head,
      -- Where they may stand in a lane itself, for they are few and alike, these are enough to tell all.
      case when count(*) <= most_near() and min(rank) = max(rank) and bool_and(turn = 0 and admission = first)
        then array_agg(array[first, last]) end as near,
      case when count(*) <= most_near() and min(rank) = max(rank) and bool_and(turn = 0 and admission = first)
        then null else array_agg(row(tenant, rank, admission, turn, first, last)::run) end as runs
    from (select * from unnest(p_runs) with ordinality order by tenant, first) sorted group by tenant
  ), found as materialized (
    select a.*, coalesce(l.number, nextval('lane_number')) as number, l.row, l.is_ready, l.is_gated,
      l.near as near_before, l.head_rank, l.head_admission, l.head_id, l.row is null as is_new,
      coalesce(l.is_empty, true) as is_empty,
      coalesce(l.is_empty or a.head < array[l.head_rank, greatest(l.head_admission, l.head_id)], true) as leads,
      a.near is not null and (l.row is null or not l.has_governed and (
        l.is_empty or l.head_rank = a.head[1] and l.near[array_length(l.near, 1)][2] < a.near[1][1]
          and cardinality(l.near || a.near) <= 2 * most_near())) is true as is_near,
      case when l.row is null or not l.is_ready and not l.is_gated then nextval('activation') end as act
    from (select * from added order by place) a left join lateral (
      select ctid as row, number, ready as is_ready, has_gate as is_gated, has_governed, waiting = 0 as is_empty, near,
        head_rank, coalesce(near[1][1], head_admission) as head_admission,
        case when near[1][1] is null then head_id else 0 end as head_id
      from lane where queue = p_queue and tenant = a.tenant order by ver desc limit 1
    ) l on true
  ), stood as (
    insert into span
    select f.number, r.rank, r.admission, r.turn, r.first, r.last
    from found f cross join lateral unnest(f.runs) r
    union all
    select f.number, r.rank, r.near[n][1], 0, r.near[n][1], r.near[n][2]
    from found f
    cross join lateral (values (f.head[1]::int, f.near), (f.head_rank, f.near_before)) r (rank, near)
    cross join lateral generate_subscripts(r.near, 1) n
    where not f.is_near
  ), trimmed as (
    -- What goes before the head moves it: then the rest of the span there has to say itself what is gone.
    update span set
      admission = case when span.admission = span.first then t.head_id else span.admission end,
      first = t.head_id
    from (
      select f.head_id, s.row from found f cross join lateral (
        select ctid as row from span
        where lane = f.number and rank = f.head_rank and admission = f.head_admission
          and first < f.head_id and last >= f.head_id
        -- Keeps this from becoming a join of all spans with all that was found, as a plan made while there were
        -- none may have it; so elsewhere too.
        offset 0
      ) s
      where f.leads and not f.is_empty and f.head_id > 0
    ) t
    where span.ctid = t.row
  ), grown as (
    update lane set
      waiting = lane.waiting + p.jobs,
      near = case when p.is_near then lane.near || p.near end,
      head_rank = case when p.leads then p.head[1] else p.head_rank end,
      head_admission = case when p.leads then p.head[2] else p.head_admission end,
      head_id = case when p.leads then 0 else p.head_id end,
      ver = case when p.act is null then ver else ver + 1 end,
      ready = ready or p.act is not null,
      -- Who comes back is set to the present.
      vt = case when p.act is null then vt else greatest(vt, p_v) end,
      act = coalesce(p.act, lane.act)
    from found p where lane.ctid = p.row
  ), made as (
    insert into lane (queue, tenant, number, vt, act, ready, waiting, near, head_rank, head_admission)
    select p_queue, tenant, number, p_v, act, true, jobs, case when is_near then near end, head[1], head[2]
    from found where is_new
  )
  select array_agg(tenant order by place) into gated from found where not is_new and is_gated and not is_ready;
  if gated is not null then
    perform refresh_lanes(p_queue, gated, p_v, p_now);
  end if;
end $$;

-- Jobs that nothing governs but their lane wait for their time.
create function stand_in_delayed(p_queue int, p_rows delayed[], p_v bigint, p_now bigint) returns void
language plpgsql volatile as $$
#variable_conflict use_column
begin
  perform ensure_lanes(p_queue, array(select distinct d.tenant from unnest(p_rows) d), p_v, p_now);
  with stood as (
    insert into delayed select * from unnest(p_rows)
  )
  update lane set due_at = f.due, ver = ver + 1
  from (
    select l.row, d.due
    from (select tenant, min(due) as due from unnest(p_rows) group by tenant) d cross join lateral (
      select ctid as row, due_at from lane where queue = p_queue and tenant = d.tenant order by ver desc limit 1
    ) l
    where l.due_at is null or d.due < l.due_at
  ) f
  where lane.ctid = f.row;
end $$;

-- Whether a job stands in a lane, whose ranges may cover some that are gone. Sees to it that the next look does not
-- meet them again.
create function has_waiting(p_queue int, p_tenant text, p_v bigint, p_now bigint) returns boolean
language plpgsql volatile as $$
#variable_conflict use_column
declare
  l lane := find_lane(p_queue, p_tenant);
  at record;
begin
  if l.waiting is null or l.waiting = 0 then
    return false;
  end if;
  if cardinality(l.near) > 0 then
    select n.nth, j.id into at
    from generate_subscripts(l.near, 1) n (nth) cross join lateral (
      select id from job where id >= l.near[n.nth][1] and id <= l.near[n.nth][2] and turn = 0 order by id limit 1
    ) j
    order by n.nth limit 1;
    if found then
      if at.id <> l.near[1][1] then
        update lane set near = near_from(l.near, at.nth, at.id)
        where queue = p_queue and tenant = p_tenant and ver = l.ver;
      end if;
      return true;
    end if;
  else
    select s.rank, s.admission, j.id into at
    from (
      select rank, admission, turn, last,
        greatest(first, case when (rank, admission) = (l.head_rank, l.head_admission) then l.head_id end) as first
      from span
      where lane = l.number and (rank, admission) >= (l.head_rank, l.head_admission)
      order by rank, admission, last
    ) s cross join lateral (
      select id from job
      where id >= s.first and id <= s.last and turn = s.turn
      order by id limit 1
    ) j
    limit 1;
    if found then
      if (at.rank, at.admission, at.id) <> (l.head_rank, l.head_admission, l.head_id) then
        -- Of these some may be leased: should the head move back, they would be claimed once more.
        delete from span where ctid = any(array(
          select p.span
          from passed_spans(l.number, l.head_rank, l.head_admission, array[at.rank, at.admission, at.id - 1]) p));
        update lane set head_rank = at.rank, head_admission = at.admission, head_id = at.id
        where queue = p_queue and tenant = p_tenant and ver = l.ver;
      end if;
      return true;
    end if;
    delete from span where lane = l.number and (rank, admission) >= (l.head_rank, l.head_admission);
  end if;
  update lane set waiting = 0, near = '{}' where queue = p_queue and tenant = p_tenant and ver = l.ver;
  perform refresh_lanes(p_queue, array[p_tenant], p_v, p_now);
  return false;
end $$;
