-- How news reaches a queue's dispatcher, and what time brings. Everything here runs under the queue's lock.

-- How much of each kind one claim takes in at most; what is left over is for the next.
create function most_mail() returns int language sql immutable parallel safe return 10000;
create function most_promoted() returns int language sql immutable parallel safe return 10000;
create function most_governed_promoted() returns int language sql immutable parallel safe return 1000;
create function most_woken() returns int language sql immutable parallel safe return 1000;

-- The tick of a database that is a copy, made by a dump or by logical replication, and whose server numbers its
-- transactions anew: none that is to come would be new to it. What it says was read is deleted, all else is read.
-- What was written on this server before may have a number that was once read: it is taken for new.
create function moved_here(t tick) returns tick language plpgsql volatile as $$
#variable_conflict use_column
declare
  here constant xid8 := pg_snapshot_xmax(pg_current_snapshot());
begin
  delete from mail m
  where m.queue = t.queue and m.xid >= here and (
    pg_visible_in_snapshot(m.xid, t.snap)
    or pg_visible_in_snapshot(m.xid, t.upto) and (m.xid, m.seq) <= (t.at_xid, t.at_seq));
  update mail set xid = pg_current_xact_id() where queue = t.queue and xid >= here;
  t.snap := '1:1:';
  t.upto := null;
  t.at_xid := null;
  t.at_seq := null;
  return t;
end $$;

create function newest_tick(p_queue int) returns tick language plpgsql stable as $$
declare
  t tick;
begin
  select * into t from tick x where x.queue = p_queue order by x.seq desc limit 1;
  if not found then
    t.queue := p_queue;
    t.seq := 0;
    t.v := 0;
    t.act := 0;
    t.snap := '1:1:';
    t.reached := 0;
  end if;
  if pg_snapshot_xmax(t.snap) > pg_snapshot_xmax(pg_current_snapshot()) then
    return moved_here(t);
  end if;
  return t;
end $$;

-- The present snapshot, in which this transaction itself is one that is yet to commit: the mail that it has
-- written and may write yet is for those who come after it.
create function snapshot_of_others() returns pg_snapshot language plpgsql volatile as $$
declare
  s pg_snapshot := pg_current_snapshot();
  own xid8 := pg_current_xact_id_if_assigned();
begin
  if own is null or own >= pg_snapshot_xmax(s) then
    return s;
  end if;
  return (
    select least(pg_snapshot_xmin(s), own) || ':' || pg_snapshot_xmax(s) || ':'
      || string_agg(x.xid::text, ',' order by x.xid)
    from (select xid from pg_snapshot_xip(s) xid union select own) x)::pg_snapshot;
end $$;

-- The mail that the tick says is next, and the tick as it is when that has been read. Bounded: a window
-- between two snapshots that holds more is read in parts, by place.
create function read_mail(p_queue int, inout t tick, out mails mail[]) language plpgsql volatile as $$
#variable_conflict use_column
declare
  upto_now pg_snapshot := coalesce(t.upto, snapshot_of_others());
  since xid8 := pg_snapshot_xmax(t.snap);
  -- Those that were yet to commit then.
  late xid8[];
  from_xid xid8 := since;
  from_seq bigint := -1;
begin
  if t.at_xid >= since then
    from_xid := t.at_xid;
    from_seq := t.at_seq;
  end if;
  if pg_snapshot_xmin(t.snap) < since then
    late := array(select x from pg_snapshot_xip(t.snap) x where t.at_xid is null or x >= t.at_xid);
  end if;
  mails := array(
    select m from (
      -- One by one: of all together a plan made for few reads all mail there is.
      (select come.* from unnest(late) l (late_xid) cross join lateral (
        select mail as m, xid, seq from mail
        where queue = p_queue and xid = l.late_xid and (t.at_xid is null or (xid, seq) > (t.at_xid, t.at_seq))
        order by seq limit most_mail()
      ) come
      where pg_visible_in_snapshot(l.late_xid, upto_now)
      order by xid, seq limit most_mail())
      union all
      (select mail, xid, seq from mail
      where queue = p_queue and (xid, seq) > (from_xid, from_seq) and pg_visible_in_snapshot(xid, upto_now)
      order by xid, seq limit most_mail())
    ) news
    order by xid, seq limit most_mail());
  if cardinality(mails) = most_mail() then
    t.upto := upto_now;
    t.at_xid := mails[most_mail()].xid;
    t.at_seq := mails[most_mail()].seq;
  else
    t.snap := upto_now;
    t.upto := null;
    t.at_xid := null;
    t.at_seq := null;
  end if;
end $$;

-- Whether there is mail that the tick says is next.
create function has_mail(t tick) returns boolean language plpgsql stable as $$
begin
  return exists (select from mail m where m.queue = t.queue and m.xid >= pg_snapshot_xmax(t.snap))
    or exists (
      select from pg_snapshot_xip(t.snap) late (xid) cross join lateral (
        select from mail m where m.queue = t.queue and m.xid = late.xid limit 1
      ) m);
end $$;

-- A number between ids, greater than all there are, and how many that follow it are free too is a block's.
create function new_places(p_count bigint) returns bigint[] language sql volatile as $$
  select array(
    select b.block + p.place from (
      select nextval('job_block') * 4096 as block from generate_series(1, (p_count + 4095) / 4096)
    ) b cross join generate_series(0, 4095) p (place)
    order by 1 limit p_count)
$$;

-- Takes up jobs that are governed from their start on: p_mails are of kind 4.
create function take_up_governed(p_queue int, p_mails mail[], p_v bigint, p_now bigint) returns void
language plpgsql volatile as $$
#variable_conflict use_column
declare
  tenants text[];
  ids bigint[];
  each record;
begin
  select array_agg(tenant order by place), array_agg(id order by place) into tenants, ids
  from (
    select j.tenant, j.id, row_number() over (order by m.ordinality, j.id) as place
    from unnest(p_mails) with ordinality m cross join lateral (
      select id, tenant from job where id >= m.first and id <= m.last and turn = m.turn offset 0
    ) j
  ) found;
  if ids is null then
    return;
  end if;
  perform ensure_lanes(p_queue, tenants, p_v, p_now);
  -- What only had its place comes now.
  delete from governed where id = any(ids) and state = 0 and due = never();
  insert into governed (
    id, queue, tenant, state, open, suspect, rank, admission, place, due, limiter, key, key_limit)
  select j.id, p_queue, j.tenant,
    case when m.due <= p_now then 1 else 0 end,
    -- What has a key is offered by its line; a concurrency key keeps back nothing before its time.
    j.ordering_key is null and (j.concurrency_key is null or m.due > p_now),
    false, ~j.priority,
    case when m.due <= p_now then coalesce(j.place, j.id) end,
    coalesce(j.place, j.id), m.due, coalesce(j.limiter, ''),
    coalesce('o' || j.ordering_key, 'c' || j.concurrency_key, ''), j.concurrency_limit
  from unnest(p_mails) m cross join lateral (
    select * from job where id >= m.first and id <= m.last and turn = m.turn offset 0
  ) j;
  update lane set
    has_governed = true, ver = ver + 1,
    governed_due_at = least(lane.governed_due_at, f.due)
  from (
    select l.row, g.due from (
      select tenant, min(due) filter (where state = 0) as due from governed where id = any(ids) group by tenant
    ) g cross join lateral (
      select ctid as row, has_governed, governed_due_at from lane
      where queue = p_queue and tenant = g.tenant order by ver desc limit 1
    ) l
    where not l.has_governed or l.governed_due_at is null and g.due is not null or g.due < l.governed_due_at
  ) f
  where lane.ctid = f.row;
  for each in
    select distinct tenant, limiter, key from governed where id = any(ids)
  loop
    if each.limiter <> '' then
      perform ensure_gate(p_queue, each.tenant, each.limiter, '', p_now);
    end if;
    if each.key <> '' then
      perform ensure_gate(p_queue, each.tenant, '', substr(each.key, 2), p_now);
    end if;
  end loop;
  perform refresh_governed(p_queue, array(select g from governed g where id = any(ids)), tenants, p_v, p_now);
end $$;

-- Takes up jobs, p_mails of kind 1, that nothing but their lane governs.
create function take_up_plain(p_queue int, p_mails mail[], p_v bigint, p_now bigint) returns void
language plpgsql volatile as $$
#variable_conflict use_column
declare
  runs run[];
  put_off delayed[];
begin
  runs := array(
    select row(
      tenant, ~priority,
      coalesce(place, first), turn, first, last)::run
    from unnest(p_mails) with ordinality where due <= p_now order by ordinality);
  if cardinality(runs) > 0 then
    perform stand_in_lanes(p_queue, runs, p_v, p_now);
  end if;
  put_off := array(
    select row(p_queue, tenant, due, ~priority, turn, first, last,
      -- Who comes back keeps its place.
      coalesce(place, case when turn > 0 then first end))::delayed
    from unnest(p_mails) where due > p_now);
  if cardinality(put_off) > 0 then
    perform stand_in_delayed(p_queue, put_off, p_v, p_now);
  end if;
end $$;

-- Looks again at all that governs these jobs, which may have changed or gone; p_tenants are the tenants, in the
-- order in which they are to be noted.
create function refresh_governed(p_queue int, p_rows governed[], p_tenants text[], p_v bigint, p_now bigint)
returns void language plpgsql volatile as $$
#variable_conflict use_column
declare
  each record;
begin
  for each in
    select distinct tenant, limiter, key from unnest(p_rows)
  loop
    perform refresh_bounds(p_queue, each.tenant, each.limiter, each.key, p_now);
  end loop;
  update lane set has_governed = false, governed_due_at = null, ver = ver + 1
  from (
    select l.row from (select distinct tenant from unnest(p_rows)) t cross join lateral (
      select ctid as row, has_governed from lane where queue = p_queue and tenant = t.tenant order by ver desc limit 1
    ) l
    where l.has_governed and (select true from governed where queue = p_queue and tenant = t.tenant limit 1) is null
  ) f
  where lane.ctid = f.row;
  perform refresh_lanes(p_queue, p_tenants, p_v, p_now);
end $$;

-- A governed job waits again, from p_due on, as r says it is.
create function let_wait(r governed, p_due bigint, p_now bigint) returns void language plpgsql volatile as $$
declare
  l lane;
begin
  update governed x set
    state = case when p_due <= p_now then 1 else 0 end,
    open = r.key = '' or (starts_with(r.key, 'c') and p_due > p_now),
    suspect = r.suspect,
    admission = coalesce(x.admission, case when p_due <= p_now then x.place end),
    due = p_due
  where x.id = r.id;
  if p_due > p_now then
    l := find_lane(r.queue, r.tenant);
    update lane x set governed_due_at = p_due, ver = ver + 1
    where x.queue = r.queue and x.tenant = r.tenant and x.ver = l.ver
      and (x.governed_due_at is null or p_due < x.governed_due_at);
  end if;
end $$;

-- A leased job that is governed was let go, see mail of kind 3. The caller looks again at what governs it; null
-- where it is not leased.
create function release_governed(
  p_id bigint, p_verdict smallint, p_pause_until bigint, p_due bigint, p_cleared boolean, p_ended_at bigint,
  p_v bigint, p_now bigint
) returns governed language plpgsql volatile as $$
declare
  r governed;
  j job;
begin
  select * into r from governed x where x.id = p_id and x.state = 2;
  if not found then
    return null;
  end if;
  perform gate_release(r.queue, 0, '', '', '', 1);
  perform gate_release(r.queue, 1, r.tenant, '', '', 1);
  if r.limiter <> '' then
    perform gate_release(r.queue, 1, r.tenant, r.limiter, '', 1);
    perform gate_hear(r.queue, r.tenant, r.limiter, p_verdict, p_pause_until, p_ended_at);
  end if;
  if r.key <> '' then
    perform gate_release(r.queue, 1, r.tenant, '', substr(r.key, 2), 1);
  end if;
  r.suspect := r.suspect and not p_cleared;
  if p_due is null then
    delete from governed x where x.id = p_id;
  elsif r.limiter = '' and r.key = '' and not r.suspect then
    -- A suspect that is none any more is a job like others.
    delete from governed x where x.id = p_id;
    select * into j from job x where x.id = p_id;
    perform take_up_plain(r.queue, array[
      row(null, null, r.queue, r.tenant, 1, j.priority, j.turn, p_id, p_id, p_due, j.place, null, 0, null, null)::mail
    ], p_v, p_now);
  else
    perform let_wait(r, p_due, p_now);
  end if;
  return r;
end $$;

-- Leased jobs that nothing governs but their lanes were let go: so many of each tenant.
create function release_plain(p_queue int, p_tenants text[], p_counts bigint[], p_v bigint, p_now bigint)
returns void language plpgsql volatile as $$
begin
  perform gate_release(p_queue, 0, '', '', '', (select sum(c) from unnest(p_counts) c)::bigint);
  update gate g set leased = g.leased - n.count
  from unnest(p_tenants, p_counts) as n (tenant, count) cross join lateral (
    select x.ctid as row from gate x
    where x.queue = p_queue and x.level = 1 and x.tenant = n.tenant and x.limiter = '' and x.key = '' offset 0
  ) f
  where g.ctid = f.row;
  if found then
    perform refresh_lanes(p_queue, p_tenants, p_v, p_now);
  end if;
end $$;

-- What has come due from p_from on. Tenant by tenant, so that one with very much delays no other.
create function promote(p_queue int, p_v bigint, p_from bigint, p_now bigint) returns void
language plpgsql volatile as $$
#variable_conflict use_column
declare
  tenants text[];
  -- What stood before it in each is gone.
  since bigint[];
  rows_of_each int;
  promoted delayed[];
  promoted_places bigint[];
  governed_tenants text[];
  governed_since bigint[];
  ids bigint[];
  dues bigint[];
  governed_places bigint[];
  places bigint[];
begin
  select array_agg(tenant order by due_at), array_agg(due_at order by due_at) into tenants, since
  from (
    select tenant, due_at from lane
    where queue = p_queue and due_at >= p_from and due_at <= p_now order by due_at limit most_promoted()
  ) l;
  if tenants is not null then
    rows_of_each := greatest(1, most_promoted() / cardinality(tenants));
    with come as (
      delete from delayed where ctid = any(array(
        select d.row from unnest(tenants, since) t (tenant, since) cross join lateral (
          select ctid as row from delayed
          where queue = p_queue and tenant = t.tenant and due >= t.since and due <= p_now
          order by due, first limit rows_of_each
        ) d))
      returning *
    )
    select array_agg(come::delayed order by due, first) into promoted from come;
    update lane set due_at = f.due_at, ver = ver + 1
    from (
      select l.row, d.due as due_at from unnest(tenants, since) t (tenant, since) cross join lateral (
        select ctid as row from lane where queue = p_queue and tenant = t.tenant order by ver desc limit 1
      ) l left join lateral (
        select due from delayed
        where queue = p_queue and tenant = t.tenant and due >= t.since order by due limit 1
      ) d on true
    ) f
    where lane.ctid = f.row;
  end if;

  select array_agg(tenant order by due_at), array_agg(due_at order by due_at) into governed_tenants, governed_since
  from (
    select tenant, governed_due_at as due_at from lane
    where queue = p_queue and governed_due_at >= p_from and governed_due_at <= p_now
    order by governed_due_at limit most_governed_promoted()
  ) l;
  if governed_tenants is not null then
    rows_of_each := greatest(1, most_governed_promoted() / cardinality(governed_tenants));
    select array_agg(d.id order by d.due, d.id), array_agg(d.due order by d.due, d.id) into ids, dues
    from unnest(governed_tenants, governed_since) t (tenant, since) cross join lateral (
      select id, due from governed
      where queue = p_queue and tenant = t.tenant and state = 0 and due >= t.since and due <= p_now
      order by due, id limit rows_of_each
    ) d;
  end if;

  -- Of both kinds, who was due earlier is admitted earlier.
  places := new_places(coalesce(cardinality(promoted), 0) + coalesce(cardinality(ids), 0));
  select array_agg(places[o.place] order by o.nth) filter (where o.is_plain),
    array_agg(places[o.place] order by o.nth) filter (where not o.is_plain)
  into promoted_places, governed_places
  from (
    select is_plain, nth, row_number() over (order by due, id) as place
    from (
      select true as is_plain, p.ordinality as nth, p.due, p.first as id from unnest(promoted) with ordinality p
      union all
      select false, g.nth, g.due, g.id from unnest(ids, dues) with ordinality g (id, due, nth)
    ) come
  ) o;

  if promoted is not null then
    perform stand_in_lanes(p_queue, array(
      select row(tenant, rank, coalesce(place, promoted_places[ordinality]), turn, first, last)::run
      from unnest(promoted) with ordinality order by ordinality), p_v, p_now);
  end if;
  if governed_tenants is not null then
    update governed set
      state = 1, open = key = '',
      admission = coalesce(governed.admission, governed_places[i.place])
    from unnest(ids) with ordinality i (id, place) cross join lateral (
      select ctid as row from governed where id = i.id offset 0
    ) f
    where governed.ctid = f.row;
    update lane set governed_due_at = f.due, ver = ver + 1
    from (
      select l.row, d.due from unnest(governed_tenants, governed_since) t (tenant, since) cross join lateral (
        select ctid as row from lane where queue = p_queue and tenant = t.tenant order by ver desc limit 1
      ) l left join lateral (
        select due from governed
        where queue = p_queue and tenant = t.tenant and state = 0 and due >= t.since order by due limit 1
      ) d on true
    ) f
    where lane.ctid = f.row;
    perform refresh_governed(p_queue, array(select g from governed g where id = any(ids)), array(
      select (select tenant from governed r where r.id = i.id) from unnest(ids) with ordinality i (id, place)
      order by i.place
    ), p_v, p_now);
  end if;
end $$;

-- Gates that time has opened from p_from on: what waits for them is looked at again.
create function wake_gates(p_queue int, p_v bigint, p_from bigint, p_now bigint) returns void
language plpgsql volatile as $$
declare
  g gate;
begin
  for g in
    select * from gate x
    where x.queue = p_queue and x.wake_at >= p_from and x.wake_at <= p_now order by x.wake_at limit most_woken()
  loop
    perform refresh_gate(g, p_v, p_now);
  end loop;
end $$;

-- Something about a gate has changed: what is in its scope is looked at again. That of a queue keeps nothing out
-- of the order.
create function refresh_gate(g gate, p_v bigint, p_now bigint) returns void language plpgsql volatile as $$
begin
  if g.level = 0 then
    return;
  end if;
  if g.key <> '' then
    perform refresh_bounds(g.queue, g.tenant, '', 'o' || g.key, p_now);
  elsif g.limiter <> '' then
    perform refresh_limiter(g.queue, g.tenant, g.limiter, p_now);
  end if;
  perform refresh_lanes(g.queue, array[g.tenant], p_v, p_now);
end $$;

-- What the mail says of jobs that were let go.
create function take_back(p_queue int, p_mails mail[], p_v bigint, p_now bigint) returns void
language plpgsql volatile as $$
declare
  tenants text[];
  counts bigint[];
  m mail;
  r governed;
  touched governed[] := '{}';
begin
  select array_agg(x.tenant order by x.place), array_agg(x.count order by x.place) into tenants, counts
  from (
    select n.tenant, sum(n.last - n.first + 1)::bigint as count, min(n.ordinality) as place
    from unnest(p_mails) with ordinality n where n.kind = 2 group by n.tenant
  ) x;
  if tenants is not null then
    perform release_plain(p_queue, tenants, counts, p_v, p_now);
  end if;
  for m in select * from unnest(p_mails) n where n.kind = 3 loop
    r := release_governed(
      m.first, m.verdict, m.pause_until, m.due, m.cleared, coalesce(m.ended_at, p_now), p_v, p_now);
    if r.id is not null then
      touched := touched || r;
    end if;
  end loop;
  if cardinality(touched) > 0 then
    perform refresh_governed(p_queue, touched, array(select x.tenant from unnest(touched) x), p_v, p_now);
  end if;
end $$;

-- Whether there is more that time has brought from p_from on than was taken in at once.
create function is_behind(p_queue int, p_from bigint, p_now bigint) returns boolean language plpgsql stable as $$
begin
  return exists (select from lane l where l.queue = p_queue and l.due_at >= p_from and l.due_at <= p_now)
    or exists (
      select from lane l where l.queue = p_queue and l.governed_due_at >= p_from and l.governed_due_at <= p_now)
    or exists (select from gate g where g.queue = p_queue and g.wake_at >= p_from and g.wake_at <= p_now);
end $$;

-- Brings the dispatcher's tables up to date; the tick as it is then, which the caller is to write.
create function take_in(p_tick tick, p_now bigint) returns tick language plpgsql volatile as $$
#variable_conflict use_column
declare
  q int := p_tick.queue;
  read record;
  t tick;
  reached bigint := p_tick.reached;
  behind boolean;
  mails mail[];
  come mail[];
  governed_come mail[] := '{}';
begin
  behind := is_behind(q, reached, p_now);
  if behind then
    perform wake_gates(q, p_tick.v, reached, p_now);
    perform promote(q, p_tick.v, reached, p_now);
    behind := is_behind(q, reached, p_now);
  end if;
  if not behind then
    reached := p_now;
  end if;
  select r.t, r.mails into read from read_mail(q, p_tick) r;
  t := read.t;
  mails := read.mails;
  if cardinality(mails) = 0 and p_tick.upto is null then
    -- A snapshot that shows nothing new need not be written down.
    t := p_tick;
  end if;
  t.reached := reached;
  if cardinality(mails) = 0 then
    return t;
  end if;
  come := array(select m from unnest(mails) m where kind = 1);
  if cardinality(come) < cardinality(mails) then
    governed_come := array(select m from unnest(mails) m where kind = 4);
    if cardinality(governed_come) > 0 then
      perform take_up_governed(q, governed_come, t.v, p_now);
    end if;
  end if;
  if cardinality(come) > 0 then
    perform take_up_plain(q, come, t.v, p_now);
  end if;
  if cardinality(come) + cardinality(governed_come) < cardinality(mails) then
    perform take_back(q, mails, t.v, p_now);
  end if;
  return t;
end $$;

-- Writes down what has become of the state of the dispatcher, if anything has.
create function write_tick(p_before tick, p_after tick) returns void language plpgsql volatile as $$
begin
  if (p_before.v, p_before.act) <> (p_after.v, p_after.act)
    or (p_before.snap::text, p_before.upto::text, p_before.at_seq)
      is distinct from (p_after.snap::text, p_after.upto::text, p_after.at_seq)
    -- The clock went back: what will be put off from now on may be due before what it had reached.
    or p_after.reached < p_before.reached
  then
    insert into tick values (
      p_after.queue, p_before.seq + 1, p_after.v, p_after.act, p_after.snap, p_after.upto, p_after.at_xid, p_after.at_seq,
      p_after.reached);
  end if;
end $$;

-- Brings the dispatcher's tables up to date, for those who are about to change what may be claimed. What this
-- transaction itself has written into the mail stays for those who come after it.
create function admit(p_queue int, p_now bigint) returns void language plpgsql volatile as $$
declare
  before tick := newest_tick(p_queue);
begin
  perform write_tick(before, take_in(before, p_now));
end $$;

-- Takes a waiting job out of what governs it, for it has ended, or is to be another. Of a job that nothing governs
-- but its lane nothing need be told: its range says nothing of a job that is gone, or of another turn.
create function withdraw(p_queue int, p_id bigint, p_now bigint) returns void language plpgsql volatile as $$
declare
  v bigint;
  m mail;
  r governed;
begin
  delete from governed x where x.id = p_id and x.state < 2 returning * into r;
  if not found then
    -- Let go by this transaction itself, whose mail nobody has read: it is read now.
    delete from mail x
    where x.queue = p_queue and x.xid = pg_current_xact_id_if_assigned() and x.kind = 3 and x.first = p_id
    returning * into m;
    if not found then
      return;
    end if;
    v := (newest_tick(p_queue)).v;
    r := release_governed(
      p_id, m.verdict, m.pause_until, null, m.cleared, coalesce(m.ended_at, p_now), v, p_now);
  end if;
  if r.id is not null then
    perform refresh_governed(
      p_queue, array[r], array[r.tenant], coalesce(v, (newest_tick(p_queue)).v), p_now);
  end if;
end $$;

-- What mail of kind 3 does, at once.
create function let_go(
  p_queue int, p_id bigint, p_verdict smallint, p_pause_until bigint, p_due bigint, p_cleared boolean, p_now bigint
) returns void language plpgsql volatile as $$
declare
  v bigint := (newest_tick(p_queue)).v;
  r governed := release_governed(p_id, p_verdict, p_pause_until, p_due, p_cleared, p_now, v, p_now);
begin
  if r.id is not null then
    perform refresh_governed(p_queue, array[r], array[r.tenant], v, p_now);
  end if;
end $$;

-- What mail of kind 2 does, at once.
create function let_go_plain(p_queue int, p_tenant text, p_count bigint, p_now bigint) returns void
language plpgsql volatile as $$
begin
  perform release_plain(p_queue, array[p_tenant], array[p_count], (newest_tick(p_queue)).v, p_now);
end $$;

-- The worker of a leased job was lost: it waits at once, as a suspect.
create function suspect(p_queue int, p_id bigint, p_now bigint) returns void language plpgsql volatile as $$
declare
  v bigint := (newest_tick(p_queue)).v;
  j job;
  r governed;
begin
  select * into r from governed x where x.id = p_id;
  if not found then
    select * into j from job x where x.id = p_id;
    perform release_plain(p_queue, array[j.tenant], array[1::bigint], v, p_now);
    insert into governed values (
      p_id, p_queue, j.tenant, 1, true, true, ~j.priority, coalesce(j.place, j.id), coalesce(j.place, j.id), p_now,
      '', '', null)
    returning * into r;
    update lane x set has_governed = true, ver = ver + 1
    where x.queue = p_queue and x.tenant = j.tenant and x.ver = (find_lane(p_queue, j.tenant)).ver
      and not x.has_governed;
  else
    r := release_governed(p_id, 0::smallint, null, p_now, false, p_now, v, p_now);
    update governed x set suspect = true where x.id = p_id;
  end if;
  perform refresh_governed(p_queue, array[r], array[r.tenant], v, p_now);
end $$;
