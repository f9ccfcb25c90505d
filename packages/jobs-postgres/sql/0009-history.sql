-- Where jobs stay that have ended. Most complete, and nothing hangs on their end: those go into a ring of parts, of
-- which one is written to. What is past the bounds of history there is put out of sight at once, all that is older
-- than a floor; a part of which nothing is in sight is truncated. The others are in ended, and are deleted one by one.

-- Of the columns of ended those in which jobs differ that are here, and the part. What most have alike is null.
create table done (
  id bigint not null,
  created_at bigint not null,
  started_at bigint not null,
  ended_at bigint not null,
  run_at bigint,                     -- null for created_at
  queue int not null,
  turn int,                          -- null for 0, like the next three
  priority int,
  releases int,
  lost_leases int,
  attempts int,                      -- null for 1, like the next
  generation int,
  part smallint not null,
  tenant text collate "C" not null,
  name text collate "C" not null,
  payload text not null,
  worker text not null,
  settled_token uuid not null,
  result text,
  metadata text,
  headers text,
  max_attempts bigint,
  retry_delay_ms bigint,
  timeout_ms bigint,
  ordering_key text collate "C",
  concurrency_key text collate "C",
  concurrency_limit bigint,
  limiter text collate "C",
  progress text,
  log text[],
  failures jsonb,
  effects jsonb
) partition by list (part);
create index done_id on done (id);
do $$
begin
  for part in 0 .. 5 loop
    execute format('create table done_%s partition of done for values in (%s)', part, part);
  end loop;
end $$;

-- One row.
create table done_ring (
  part smallint not null,            -- the part that is written to
  counted bigint not null,           -- its size, in bytes, when the floors were last raised
  oldest_at bigint                   -- nothing in sight ended before that, as far as was known then
);
insert into done_ring values (0, 0, null);

-- What ended up to then is history of a queue no more. A table of its own, because who looks up a queue would meet its
-- dead versions.
create table history_floor (
  queue int primary key,
  ended_at bigint not null
);

-- All that has ended. What no job of done has is said outright, so that who looks for it looks elsewhere.
create view history with (security_invoker = true) as
  select * from ended
  union all
  select
    id, queue, coalesce(turn, 0) as turn, coalesce(priority, 0) as priority, coalesce(attempts, 1) as attempts,
    coalesce(releases, 0) as releases, coalesce(lost_leases, 0) as lost_leases, coalesce(generation, 1) as generation,
    created_at, ended_at as updated_at, coalesce(run_at, created_at) as run_at, started_at,
    ended_at, tenant, name, payload, null as place, null as job_id, metadata, headers, max_attempts, retry_delay_ms,
    timeout_ms, null as unique_key, ordering_key, concurrency_key, concurrency_limit, limiter, null as member_of,
    null as callback_of, null as schedule, worker, null as error, progress, log, failures, effects, settled_token,
    1::smallint as state, result, 1::smallint as settled_as, false as pinned, false as discard
  from done d
  where ended_at > coalesce((select f.ended_at from history_floor f where f.queue = d.queue), 0);

create function size_of_part(p_part int) returns bigint language plpgsql volatile as $$
begin
  return pg_table_size(('done_' || p_part)::regclass);
end $$;

-- Raises the floors, when it is worth a look at the whole ring: where the part that is written to has become a good
-- part of it, or what is oldest has outstayed its age by a quarter. Puts out of sight what has reached p_max_age, and
-- the oldest of what a queue has more than p_max_count completed jobs, in done and ended together; jobs that ended in
-- the same millisecond stay or go together. null is no bound. Who calls holds the lock of prune.
create function raise_floors(
  p_max_age bigint, p_max_count bigint, p_now bigint, out forgotten int, out next_at bigint
) language plpgsql volatile
set enable_seqscan = on set enable_hashjoin = on as $$
declare
  -- A ring no larger is looked at each time.
  small constant bigint := 1048576;
  ring done_ring;
  sizes bigint[] := array(select size_of_part(p.part) from generate_series(0, 5) as p (part) order by p.part);
  size bigint := (select sum(s) from unnest(sizes) s);
  patience bigint := p_max_age + p_max_age / 4;
  kept_parts smallint[];
begin
  select * into ring from done_ring;
  forgotten := 0;
  if size <= small or ring.oldest_at + patience <= p_now
    or sizes[ring.part + 1] > ring.counted and sizes[ring.part + 1] * 4 >= size
  then
    with ends as materialized (
      select d.part, d.queue, d.ended_at, count(*) as jobs
      from done d left join history_floor f on f.queue = d.queue
      where d.ended_at > coalesce(f.ended_at, 0)
      group by d.part, d.queue, d.ended_at
    ), judged as materialized (
      select e.*,
        coalesce(e.ended_at <= p_now - p_max_age, false)
          or coalesce(sum(e.jobs) over newer >= p_max_count, p_max_count = 0, false) as is_past
      from (
        select * from ends
        union all
        select null, x.queue, x.ended_at, count(*) from ended x
        where not x.pinned and x.state = 1 and x.queue in (select s.queue from ends s)
        group by x.queue, x.ended_at
      ) e
      window newer as (
        partition by e.queue order by e.ended_at desc range between unbounded preceding and 1 preceding)
    ), raised as (
      insert into history_floor as f select j.queue, max(j.ended_at) from judged j where j.is_past group by j.queue
      on conflict (queue) do update set ended_at = excluded.ended_at where f.ended_at < excluded.ended_at
    )
    select coalesce(sum(p.past), 0), min(p.oldest_at),
      -- Of a part with less than a job in sight a page these are moved on.
      coalesce(array_agg(p.part) filter (where p.kept * 8192 >= sizes[p.part + 1]), '{}')
    into forgotten, ring.oldest_at, kept_parts
    from (
      select j.part, sum(j.jobs) filter (where j.is_past) as past, sum(j.jobs) filter (where not j.is_past) as kept,
        min(j.ended_at) filter (where not j.is_past) as oldest_at
      from judged j where j.part is not null group by j.part
    ) p;
    perform truncate_part(p.part, ring.part)
    from generate_series(0, 5) as p (part)
    where p.part <> ring.part and p.part <> all(kept_parts) and is_part_used(p.part);
    if sizes[ring.part + 1] > small then
      ring.part := next_part(ring.part);
    end if;
    ring.counted := size_of_part(ring.part);
    update done_ring x set part = ring.part, counted = ring.counted, oldest_at = ring.oldest_at
    where (x.part, x.counted, x.oldest_at) is distinct from (ring.part, ring.counted, ring.oldest_at);
  end if;
  next_at := ring.oldest_at + patience;
end $$;

create function is_part_used(p_part int) returns boolean language plpgsql volatile as $$
declare
  is_used boolean;
begin
  execute format('select exists (select from done_%s)', p_part) into is_used;
  return is_used;
end $$;

-- Truncates a part, once what of it is in sight has moved to the part p_heir: who began to write before the ring went
-- on may have come late. Whether it was done: somebody may be reading it, and nobody is kept waiting.
create function truncate_part(p_part int, p_heir int) returns boolean language plpgsql volatile as $$
begin
  execute format('lock table done_%s in access exclusive mode nowait', p_part);
  update done d set part = p_heir
  where d.part = p_part and d.ctid = any(array(
    select x.ctid from done x left join history_floor f on f.queue = x.queue
    where x.part = p_part and x.ended_at > coalesce(f.ended_at, 0)));
  execute format('truncate done_%s', p_part);
  return true;
exception when lock_not_available then
  return false;
end $$;

-- The part to write to after p_part: an empty one, else one that is emptied, which is the smallest; else the same.
create function next_part(p_part int) returns int language plpgsql volatile as $$
declare
  found_part int;
begin
  found_part := (
    select p.part from generate_series(0, 5) as p (part)
    where p.part <> p_part and not is_part_used(p.part) order by p.part limit 1);
  if found_part is not null then
    return found_part;
  end if;
  for found_part in
    select p.part from generate_series(0, 5) as p (part) where p.part <> p_part order by size_of_part(p.part)
  loop
    if truncate_part(found_part, p_part) then
      return found_part;
    end if;
  end loop;
  return p_part;
end $$;
