-- The claims that most are of a queue whose workers keep up with it: all that has come is taken at once, and stands in
-- no lane between. It runs under the queue's lock.

-- Whether nothing but their lanes governs jobs that have come, all of them due, and one claim may carry them.
create function may_take_at_once(p_queue int, p_mails mail[], p_count int, p_now bigint) returns boolean
language plpgsql stable as $$
#variable_conflict use_column
begin
  return cardinality(p_mails) <= p_count
    and (
      select bool_and(m.kind = 1 and m.due <= p_now)
        and sum(m.last - m.first + 1) <= p_count
      from unnest(p_mails) m)
    -- One job is never too much.
    and (cardinality(p_mails) = 1 and p_mails[1].first = p_mails[1].last
      or not exists (select from bulky b where b.queue = p_queue));
end $$;

-- Until when a queue is at rest: no lane is ready and nothing is bounded, so that nothing but what comes may be claimed
-- before the first that was put off is due, or ever. Null where it is not.
create function rest_of(t tick) returns bigint language plpgsql stable as $$
begin
  return (
    select least(
      (select min(l.due_at) from lane l where l.queue = t.queue and l.due_at >= t.reached),
      (select min(l.governed_due_at) from lane l where l.queue = t.queue and l.governed_due_at >= t.reached),
      never())
    where t.v <= most_present() and t.upto is null
      and not exists (select from lane l where l.queue = t.queue and l.ready and (l.vt, l.act) > (t.v, t.act))
      and not exists (select from lane l where l.queue = t.queue and l.suspect_turn is not null)
      and not exists (select from gate g where g.queue = t.queue)
      -- Of a tenant that has no lane yet.
      and not exists (select from said s where s.queue = t.queue));
end $$;

-- Claims all that has come to a queue at rest, until p_next_at, if it is within p_count and none of it is governed;
-- else is_made is false, and nothing was done. What was taken moves lanes and present as if it had stood in its lanes
-- and been taken from there. p_count is less than most_mail(): then what is within it was read to its end.
create function claim_arrivals(
  p_before tick, p_count int, p_lease_ms bigint, p_worker text, p_token uuid, p_now bigint, p_next_at bigint,
  out is_made boolean, out ids text, out turns text, out next_due_in_ms bigint
) language plpgsql volatile as $$
#variable_conflict use_column
declare
  q int := p_before.queue;
  news record;
begin
  is_made := false;
  news := read_mail(q, p_before);
  if cardinality(news.mails) > 0 then
    if not may_take_at_once(q, news.mails, p_count, p_now) then
      return;
    end if;
    with lanes as materialized (
      select c.tenant, c.jobs, c.ids, c.turns, l.row, greatest(l.vt, p_before.v) as vt,
        coalesce(l.stride, 232792560) as stride, nextval('activation') as act
      from (
        select m.tenant, count(*) as jobs,
          array_agg(j.id order by ~m.priority, coalesce(m.place, m.first), j.id) as ids,
          array_agg(m.turn order by ~m.priority, coalesce(m.place, m.first), j.id) as turns
        from unnest((news.mails)::mail[]) with ordinality m cross join lateral (
          select id from job where id >= m.first and id <= m.last and turn = m.turn
        ) j
        group by m.tenant order by min(m.ordinality)
      ) c
      left join lateral (
        select ctid as row, vt, stride from lane where queue = q and tenant = c.tenant order by ver desc limit 1
      ) l on true
    ), moved as (
      update lane set ver = ver + 1, vt = l.vt + l.jobs * l.stride, act = l.act from lanes l where lane.ctid = l.row
    ), made as (
      insert into lane (queue, tenant, vt, act)
      select q, tenant, vt + jobs * stride, act from lanes where row is null
    ), taken as materialized (
      select array_agg(id order by tag, act) as ids, array_agg(turn order by tag, act) as turns, count(*) as count,
        max(array[tag, act]) as last
      from (
        select j.id, j.turn, l.act, l.vt + (j.place - 1) * l.stride as tag
        from lanes l cross join lateral unnest(l.ids, l.turns) with ordinality as j (id, turn, place)
      ) turns
    ), leased as (
      insert into lease
      select p_token, 0, q, p_worker, p_now, p_now + p_lease_ms, count, false, ids, turns from taken where count > 0
    ), ticked as (
      insert into tick (queue, seq, v, act, snap, reached)
      select q, p_before.seq + 1, coalesce(last[1], p_before.v), coalesce(last[2], p_before.act), (news.t).snap, p_now
      from taken
    )
    select array_to_string(t.ids, ','),
      nullif(array_to_string(t.turns, ','), repeat('0,', t.count::int - 1) || '0')
    into ids, turns from taken t;
  end if;
  is_made := true;
  if p_next_at < never() then
    next_due_in_ms := next_due(q, p_now) - p_now;
  end if;
end $$;
