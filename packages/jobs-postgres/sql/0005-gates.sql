-- What a gate lets start, and what is noted of those who wait for it. Everything here runs under the queue's
-- lock, except that the functions of a gate alone change nothing.

-- Only the end of a lease lets another start.
create function gate_is_full(g gate) returns boolean language sql immutable parallel safe
return coalesce((g).leased >= (g).concurrency, false) or ((g).tripped and (g).leased > 0);

-- From when on a job may start as far as time goes.
create function gate_clears_at(g gate) returns bigint language sql immutable parallel safe
return greatest(
  case when (g).interval_us > 0
    then (greatest((g).next_turn_us - (g).tolerance_us, 0) + 999) / 1000 else 0 end,
  (g).paused_until, (g).tripped_until);

-- From when on a job may start; null where time alone does not bring it.
create function gate_opens_at(g gate) returns bigint language sql immutable parallel safe
return case when not (g).paused and not gate_is_full(g) then gate_clears_at(g) end;

create function gate_is_open(g gate, p_now bigint) returns boolean language sql immutable parallel safe
return not (g).paused and not gate_is_full(g) and gate_clears_at(g) <= p_now;

-- Whether a concurrency or a rate applies, or a limiter is what this is of.
create function gate_is_limited(g gate) returns boolean language sql immutable parallel safe
return (g).concurrency is not null or (g).interval_us > 0 or (g).breaker_failures is not null;

-- How many may start at that instant; null for any number.
create function gate_room(g gate, p_now bigint) returns bigint language sql immutable parallel safe
return case
  when not gate_is_open(g, p_now) then 0
  else least(
    (g).concurrency - (g).leased,
    case when (g).tripped then 1 end,
    -- GCRA: how often the next turn can be moved on before it lies further ahead than may be borrowed.
    case when (g).interval_us > 0
      then (p_now * 1000 + (g).tolerance_us - greatest((g).next_turn_us, p_now * 1000)) / (g).interval_us + 1 end)
end;

-- When time opens it for something that waits.
create function gate_wakes_at(g gate, p_has_work boolean, p_now bigint) returns bigint
language sql immutable parallel safe
return case when p_has_work and gate_opens_at(g) > p_now then gate_opens_at(g) end;

-- Whether something waits that only the end of a lease lets start.
create function gate_is_used_up(g gate, p_has_work boolean) returns boolean language sql immutable parallel safe
return p_has_work and not (g).paused and gate_is_full(g);

create function find_gate(p_queue int, p_level int, p_tenant text, p_limiter text, p_key text) returns gate
language plpgsql stable as $$
declare
  g gate;
begin
  select * into g from gate x
  where x.queue = p_queue and x.level = p_level and x.tenant = p_tenant and x.limiter = p_limiter and x.key = p_key;
  return g;
end $$;

-- Whether the end of a lease may let another job start. A full queue does not note what waits for it.
create function awaits_ends(p_queue int) returns boolean language plpgsql stable as $$
begin
  return exists (select from gate g where g.queue = p_queue and g.used_up)
    or exists (select from gate g where g.queue = p_queue and g.level = 0 and gate_is_full(g));
end $$;

-- Jobs of the scope were claimed.
create function gate_take(
  p_queue int, p_level int, p_tenant text, p_limiter text, p_key text, p_count bigint, p_now bigint
) returns void language plpgsql volatile as $$
begin
  update gate set
    leased = leased + p_count,
    next_turn_us = case when interval_us > 0
      then greatest(next_turn_us, p_now * 1000) + p_count * interval_us else next_turn_us end
  where queue = p_queue and level = p_level and tenant = p_tenant and limiter = p_limiter and key = p_key;
end $$;

-- Leases of the scope have ended; whether there is such a gate.
create function gate_release(p_queue int, p_level int, p_tenant text, p_limiter text, p_key text, p_count bigint)
returns boolean language plpgsql volatile as $$
begin
  update gate set leased = leased - p_count
  where queue = p_queue and level = p_level and tenant = p_tenant and limiter = p_limiter and key = p_key;
  return found;
end $$;

-- What the end of an attempt tells of what is behind its limiter: 1 it answers, -1 it fails; and until when it
-- asks to wait.
create function gate_hear(
  p_queue int, p_tenant text, p_limiter text, p_verdict smallint, p_pause_until bigint, p_ended_at bigint
) returns void language plpgsql volatile as $$
begin
  if p_verdict = 1 then
    update gate set failures = 0, tripped = false, tripped_until = 0
    where queue = p_queue and level = 1 and tenant = p_tenant and limiter = p_limiter and key = '';
  elsif p_verdict = -1 then
    update gate set
      failures = failures + 1,
      tripped = tripped or failures + 1 >= breaker_failures,
      tripped_until = case when tripped or failures + 1 >= breaker_failures
        then p_ended_at + breaker_cooldown_ms else tripped_until end
    where queue = p_queue and level = 1 and tenant = p_tenant and limiter = p_limiter and key = ''
      and breaker_failures is not null;
  end if;
  if p_pause_until is not null then
    update gate set paused_until = greatest(paused_until, p_pause_until)
    where queue = p_queue and level = 1 and tenant = p_tenant and limiter = p_limiter and key = '';
  end if;
end $$;

-- Makes the gate of a scope in a tenant's lane if it is to have one and has none: each limiter, and what
-- something was said about. Whether there is one afterwards.
create function ensure_gate(p_queue int, p_tenant text, p_limiter text, p_key text, p_now bigint) returns boolean
language plpgsql volatile as $$
declare
  e record;
begin
  if exists (
    select from gate g
    where g.queue = p_queue and g.level = 1 and g.tenant = p_tenant and g.limiter = p_limiter and g.key = p_key)
  then
    return true;
  end if;
  if p_limiter = '' and not exists (
    select from said s
    where s.queue = p_queue and s.level = 1 and s.tenant in (p_tenant, '*') and s.limiter = '' and s.key = p_key)
  then
    return false;
  end if;
  select * into e from effective_limits(p_queue, 1::smallint, p_tenant, p_limiter, p_key);
  -- A weight or a quota needs no gate.
  if p_limiter = '' and p_key = '' and not e.paused and e.concurrency is null and e.interval_us = 0 then
    return false;
  end if;
  insert into gate (
    queue, level, tenant, limiter, key, leased, paused, concurrency, interval_us, tolerance_us,
    breaker_failures, breaker_cooldown_ms)
  values (
    p_queue, 1, p_tenant, p_limiter, p_key,
    case when p_key = '' then 0 else (
      select count(*) from governed r
      where r.queue = p_queue and r.tenant = p_tenant and r.key in ('o' || p_key, 'c' || p_key) and r.key <> ''
        and r.state = 2)
    end,
    e.paused, e.concurrency, e.interval_us, e.tolerance_us, e.breaker_failures, e.breaker_cooldown_ms);
  return true;
end $$;
