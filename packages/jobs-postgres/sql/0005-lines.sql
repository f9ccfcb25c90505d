-- Which of the jobs that share an ordering or a concurrency key, or a limiter, claimers are offered. What is not
-- is in no index that a claim looks at. Everything here runs under the queue's lock.

-- Whether something of a line waits that its key itself would let start.
create function line_wants(p_queue int, p_tenant text, p_key text) returns boolean language plpgsql stable as $$
declare
  head governed;
  held bigint;
begin
  select count(*) into held from governed r
  where r.queue = p_queue and r.tenant = p_tenant and r.key = p_key and r.state = 2 and r.key <> '';
  if starts_with(p_key, 'o') then
    select * into head from governed r
    where r.queue = p_queue and r.tenant = p_tenant and r.key = p_key and r.key <> ''
    order by r.place limit 1;
    return held = 0 and found and not (head.state = 0 and head.due >= never());
  end if;
  for head in
    select f.* from (values (false), (true)) c (suspect) cross join lateral (
      select * from governed r
      where r.queue = p_queue and r.tenant = p_tenant and r.key = p_key and r.suspect = c.suspect
        and r.state = 1 and r.key <> ''
      order by r.rank, r.admission limit 1
    ) f
  loop
    if held < head.key_limit then
      return true;
    end if;
  end loop;
  return false;
end $$;

-- Of the jobs of an ordering key the first alone may be claimed, and only while none is held. Returns the
-- limiters of which others are offered now.
create function open_ordering(p_queue int, p_tenant text, p_key text, p_gate_lets boolean) returns text[]
language plpgsql volatile as $$
declare
  head governed;
  moved text[];
begin
  select * into head from governed r
  where r.queue = p_queue and r.tenant = p_tenant and r.key = p_key and r.key <> ''
  order by r.place limit 1;
  if not found or not p_gate_lets or (head.state = 0 and head.due >= never()) or exists (
    select from governed r
    where r.queue = p_queue and r.tenant = p_tenant and r.key = p_key and r.state = 2 and r.key <> '')
  then
    head.id := null;
  end if;
  with shut as (
    update governed r set open = false
    where r.queue = p_queue and r.tenant = p_tenant and r.key = p_key and r.open and r.key <> ''
      and r.id is distinct from head.id
    returning r.limiter
  ), opened as (
    update governed r set open = true where r.id = head.id and not r.open
    returning r.limiter
  )
  select array_agg(m.limiter) into moved from (select limiter from shut union select limiter from opened) m;
  return moved;
end $$;

-- Of the due jobs of a concurrency key the next by priority and admission decides by its own limit whether one
-- may be claimed. Each limiter has a next of its own, so that one which is closed keeps back none but its own
-- jobs; and so have suspects, which are claimed by themselves. Returns the limiters of which others are offered
-- now.
create function open_concurrency(p_queue int, p_tenant text, p_key text, p_gate_lets boolean) returns text[]
language plpgsql volatile as $$
declare
  held bigint;
  head governed;
  next governed;
  moved text[] := '{}';
  class boolean;
  from_limiter text;
  at_limiter text;
begin
  select count(*) into held from governed r
  where r.queue = p_queue and r.tenant = p_tenant and r.key = p_key and r.state = 2 and r.key <> '';
  foreach class in array array[false, true] loop
    select * into head from governed r
    where r.queue = p_queue and r.tenant = p_tenant and r.key = p_key and r.suspect = class
      and r.state = 1 and r.key <> ''
    order by r.rank, r.admission limit 1;
    continue when not found;
    from_limiter := '';
    loop
      select * into next from governed r
      where r.queue = p_queue and r.tenant = p_tenant and r.key = p_key and r.suspect = class
        and r.limiter >= from_limiter and r.state = 1 and r.key <> ''
      order by r.limiter, r.rank, r.admission limit 1;
      exit when not found;
      at_limiter := next.limiter;
      -- Nothing lies between the two.
      from_limiter := at_limiter || chr(1);
      if not p_gate_lets or held >= head.key_limit or held >= next.key_limit then
        next.id := null;
      end if;
      with shut as (
        update governed r set open = false
        where r.queue = p_queue and r.tenant = p_tenant and r.key = p_key and r.open and r.key <> ''
          and r.state = 1 and r.suspect = class and r.limiter = at_limiter and r.id is distinct from next.id
        returning r.limiter
      ), opened as (
        update governed r set open = true where r.id = next.id and not r.open
        returning r.limiter
      )
      select moved || array_agg(m.limiter) into moved
      from (select limiter from shut union select limiter from opened) m;
    end loop;
  end loop;
  return moved;
end $$;

-- Looks again who of a key may be claimed; what depends on its gate, where it has one, is both its lines.
-- Returns the limiters of which others are offered now.
create function refresh_line(p_queue int, p_tenant text, p_key text, p_now bigint) returns text[]
language plpgsql volatile as $$
declare
  g gate := find_gate(p_queue, 1, p_tenant, '', substr(p_key, 2));
  ordering text := 'o' || substr(p_key, 2);
  concurrency text := 'c' || substr(p_key, 2);
  lets boolean := true;
  wants boolean;
begin
  if g.queue is null then
    if starts_with(p_key, 'o') then
      return open_ordering(p_queue, p_tenant, p_key, true);
    end if;
    return open_concurrency(p_queue, p_tenant, p_key, true);
  end if;
  lets := gate_is_open(g, p_now);
  wants := line_wants(p_queue, p_tenant, ordering) or line_wants(p_queue, p_tenant, concurrency);
  update gate set wake_at = gate_wakes_at(g, wants, p_now), used_up = gate_is_used_up(g, wants)
  where queue = p_queue and level = 1 and tenant = p_tenant and limiter = '' and key = g.key
    and (wake_at is distinct from gate_wakes_at(g, wants, p_now) or used_up <> gate_is_used_up(g, wants));
  return open_ordering(p_queue, p_tenant, ordering, lets) || open_concurrency(p_queue, p_tenant, concurrency, lets);
end $$;

-- Looks again what of a limiter may be claimed, and notes what keeps it back.
create function refresh_limiter(p_queue int, p_tenant text, p_limiter text, p_now bigint) returns void
language plpgsql volatile as $$
declare
  has_work boolean;
begin
  if p_limiter = '' then
    return;
  end if;
  has_work := exists (
    select from governed r
    where r.queue = p_queue and r.tenant = p_tenant and r.limiter = p_limiter and r.state = 1 and r.open);
  update gate g set
    wake_at = gate_wakes_at(g, has_work, p_now),
    used_up = gate_is_used_up(g, has_work),
    open = has_work and gate_is_open(g, p_now)
  where g.queue = p_queue and g.level = 1 and g.tenant = p_tenant and g.limiter = p_limiter and g.key = ''
    and (g.wake_at is distinct from gate_wakes_at(g, has_work, p_now)
      or g.used_up <> gate_is_used_up(g, has_work)
      or g.open <> (has_work and gate_is_open(g, p_now)));
end $$;

-- Looks again at what governs a job beside its lane.
create function refresh_bounds(p_queue int, p_tenant text, p_limiter text, p_key text, p_now bigint) returns void
language plpgsql volatile as $$
declare
  each text;
begin
  if p_key = '' then
    perform refresh_limiter(p_queue, p_tenant, p_limiter, p_now);
    return;
  end if;
  for each in
    select unnest(refresh_line(p_queue, p_tenant, p_key, p_now)) union select p_limiter
  loop
    perform refresh_limiter(p_queue, p_tenant, each, p_now);
  end loop;
end $$;
