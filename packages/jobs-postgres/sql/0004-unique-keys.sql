-- Unique keys: rows of named of kind 2. They change under the lock of the queue, but for the end of a holder, which
-- needs no more than the holder's row of job. So whoever holds both locks sees a key as it is. In a transaction of a
-- caller's a free key is taken without the queue's lock: whoever else wants it waits for that transaction at its row,
-- but not for long while it keeps claims waiting (see wait_briefly).

-- Jobs of a call of which some have a unique key, in order; see add_jobs. Who calls holds the queues' locks, unless
-- p_joins.
create function add_jobs_one_by_one(
  p_jobs jsonb, p_blocks bigint[], p_holders bigint[], p_now bigint, p_with_records boolean, p_joins boolean
) returns jsonb language plpgsql volatile as $$
declare
  given record;
  own_id bigint;
  holder_id bigint;
  holder_ids bigint[];
  results jsonb[] := '{}';
begin
  holder_ids := array(
    select h.holder from given_jobs(p_jobs, p_blocks) g cross join lateral (
      select n.holder from named n
      where n.queue = g.queue and n.tenant = g.tenant and n.kind = 2 and n.key = g.job -> 'unique' ->> 'key' offset 0
    ) h);
  if cardinality(holder_ids) > 0 and not p_joins then
    -- From here on none of them ends, and what the attempts of those that wait again have used is free.
    perform from job j where j.id = any(holder_ids) order by j.id for update;
    for given in select distinct g.queue from given_jobs(p_jobs, p_blocks) g where g.job ? 'unique' order by g.queue loop
      perform admit(given.queue, p_now);
    end loop;
  end if;

  for given in select * from given_jobs(p_jobs, p_blocks) g order by g.place loop
    own_id := given.id;
    if given.job_id is not null then
      holder_id := p_holders[given.place];
      if holder_id <> own_id and not is_reserved(holder_id, p_blocks) then
        results := array_append(results, existing_result('existing', holder_id, p_with_records));
        continue;
      end if;
      -- Of several uses of an id in the call it is the first that is stored.
      own_id := holder_id;
    end if;
    if given.job ? 'unique' and p_joins then
      results := array_append(
        results, keep_unique(own_id, given.queue, given.tenant, given.job, p_now, p_with_records));
    elsif given.job ? 'unique' then
      results := array_append(
        results, add_unique(own_id, given.queue, given.tenant, given.job, p_now, p_with_records));
    else
      perform store_job(
        job_of(own_id, given.queue, given.job, run_at_of(given.job, p_now), p_now, null, null), p_now);
      results := array_append(
        results, enqueued_result(own_id, given.job_id, p_now, run_at_of(given.job, p_now)));
    end if;
  end loop;
  -- Ids of jobs that were kept out by their unique key.
  for given in select * from given_jobs(p_jobs, p_blocks) g where g.job_id is not null loop
    delete from named n
    where n.queue = given.queue and n.tenant = given.tenant and n.kind = 1 and n.key = given.job_id
      and is_reserved(n.holder, p_blocks);
  end loop;
  return to_jsonb(results);
end $$;

-- Whether an id of the call was taken for a job that is not stored (yet).
create function is_reserved(p_id bigint, p_blocks bigint[]) returns boolean language plpgsql stable as $$
begin
  return p_id / 4096 * 4096 = any(p_blocks) and not exists (select from job j where j.id = p_id);
end $$;

create function add_unique(
  p_id bigint, p_queue int, p_tenant text, p_job jsonb, p_now bigint, p_with_record boolean
) returns jsonb language plpgsql volatile as $$
declare
  if_taken text := p_job -> 'unique' ->> 'ifTaken';
  hold named;
  holder_job job;
begin
  hold := find_unique_key(p_queue, p_tenant, p_job -> 'unique' ->> 'key', p_now);
  if hold.holder is null then
    return take_unique_key(p_id, p_queue, p_tenant, p_job, p_now);
  end if;
  if if_taken = 'keep' then
    return existing_result('existing', hold.holder, p_with_record);
  end if;
  if hold.successor is not null then
    return replace_job(hold, hold.successor, p_job, p_now, p_with_record);
  end if;
  select j.* into holder_job from job j where j.id = hold.holder and j.ended_at is null;
  if not found then
    -- What is left of the key is its window.
    perform release_unique_key(hold);
    return take_unique_key(p_id, p_queue, p_tenant, p_job, p_now);
  end if;
  if not exists (select from leased(p_queue) l where l.id = holder_job.id and l.turn = holder_job.turn) then
    return replace_job(hold, hold.holder, p_job, p_now, p_with_record);
  end if;
  update named n set successor = p_id, burst_at = p_now
  where n.queue = p_queue and n.tenant = p_tenant and n.kind = 2 and n.key = hold.key;
  return add_successor(p_id, p_queue, p_job, p_now);
end $$;

-- In a transaction of a caller's, where no lock of the queue is held: takes the key if it is free, else whoever holds
-- it stays. It is as held as it was when prepare_join looked, or later.
create function keep_unique(
  p_id bigint, p_queue int, p_tenant text, p_job jsonb, p_now bigint, p_with_record boolean
) returns jsonb language plpgsql volatile as $$
declare
  held_by bigint;
  made job := job_of(p_id, p_queue, p_job, run_at_of(p_job, p_now), p_now, null, null);
begin
  loop
    -- A second use of the key waits here for the first transaction, and for that of an end that frees it.
    insert into named (queue, tenant, kind, key, holder, burst_at, held_until)
    values (
      p_queue, p_tenant, 2, made.unique_key, p_id, p_now, p_now + (p_job -> 'unique' ->> 'windowMs')::bigint)
    on conflict do nothing;
    if found then
      perform store_job(made, p_now);
      return enqueued_result(p_id, made.job_id, p_now, made.run_at);
    end if;
    select n.holder into held_by from named n
    where n.queue = p_queue and n.tenant = p_tenant and n.kind = 2 and n.key = made.unique_key;
    if found then
      return existing_result('existing', held_by, p_with_record);
    end if;
  end loop;
end $$;

-- Who holds a key; all null for nobody. A window that is over holds nothing, unless somebody waits to succeed.
create function find_unique_key(p_queue int, p_tenant text, p_key text, p_now bigint) returns named
language plpgsql volatile as $$
declare
  hold named;
begin
  select n.* into hold from named n
  where n.queue = p_queue and n.tenant = p_tenant and n.kind = 2 and n.key = p_key;
  if hold.held_until <= p_now and hold.successor is null then
    perform release_unique_key(hold);
    return null;
  end if;
  return hold;
end $$;

-- The window of a key is over, or another takes it: its holder, if it has ended, is history like any other.
create function release_unique_key(p_hold named) returns void language plpgsql volatile as $$
begin
  delete from named n
  where n.queue = p_hold.queue and n.tenant = p_hold.tenant and n.kind = 2 and n.key = p_hold.key
    and n.holder = p_hold.holder;
  update ended e set pinned = false where e.id = p_hold.holder and e.pinned;
  if exists (select from ended e where e.id = p_hold.holder and e.discard) then
    perform forget_ended(array[p_hold.holder]);
  end if;
end $$;

create function take_unique_key(p_id bigint, p_queue int, p_tenant text, p_job jsonb, p_now bigint) returns jsonb
language plpgsql volatile as $$
declare
  made job := job_of(p_id, p_queue, p_job, unique_run_at(p_job, p_now, p_now), p_now, null, null);
begin
  perform hold_unique_key(
    p_queue, p_tenant, made.unique_key, p_id, p_now, p_now + (p_job -> 'unique' ->> 'windowMs')::bigint);
  perform store_job(made, p_now);
  return enqueued_result(p_id, made.job_id, p_now, made.run_at);
end $$;

-- Makes somebody the holder of a key that was free a moment ago. Where the transaction of a caller has just committed
-- that took it meanwhile, the whole call begins anew.
create function hold_unique_key(
  p_queue int, p_tenant text, p_key text, p_holder bigint, p_now bigint, p_held_until bigint
) returns void language plpgsql volatile as $$
begin
  insert into named (queue, tenant, kind, key, holder, burst_at, held_until)
  values (p_queue, p_tenant, 2, p_key, p_holder, p_now, p_held_until)
  on conflict do nothing;
  if not found then
    raise exception 'somebody has just taken the unique key' using errcode = '40001';
  end if;
end $$;

create function add_successor(p_id bigint, p_queue int, p_job jsonb, p_now bigint) returns jsonb
language plpgsql volatile as $$
declare
  made job := job_of(p_id, p_queue, p_job, unique_run_at(p_job, p_now, p_now), p_now, null, null);
begin
  perform insert_job(made);
  perform announce_successor(made);
  return enqueued_result(p_id, made.job_id, p_now, made.run_at);
end $$;

-- The dispatcher hears of a successor when its key is free, and before that (due at the end of time) only where it
-- stands in the line of an ordering key.
create function announce_successor(p_job job) returns void language plpgsql volatile as $$
begin
  if p_job.ordering_key is not null then
    insert into mail (queue, tenant, kind, priority, turn, first, last, due, place)
    values (p_job.queue, p_job.tenant, 4, p_job.priority, p_job.turn, p_job.id, p_job.id, never(), p_job.place);
  end if;
end $$;

create function unique_run_at(p_job jsonb, p_now bigint, p_burst_at bigint) returns bigint language sql immutable
return case when p_job -> 'unique' ->> 'ifTaken' = 'debounce'
  -- Without maxWaitMs the sum is null, which least passes over.
  then least(
    p_now + coalesce((p_job ->> 'delayMs')::bigint, 0), p_burst_at + (p_job -> 'unique' ->> 'maxWaitMs')::bigint)
  else run_at_of(p_job, p_now) end;

-- Makes a waiting job, the holder of the key or its successor, another; its id, its creation and its place stay.
create function replace_job(p_hold named, p_id bigint, p_job jsonb, p_now bigint, p_with_record boolean) returns jsonb
language plpgsql volatile as $$
declare
  old_job job;
  new_job job;
  burst_began bigint;
  succeeds boolean := p_id is not distinct from p_hold.successor;
  was_governed boolean;
begin
  select j.* into strict old_job from job j where j.id = p_id;
  -- Once an attempt has begun the duplicates are another burst.
  burst_began := case when old_job.started_at is null then p_hold.burst_at else p_now end;
  update named n set burst_at = burst_began, held_until = case when succeeds then n.held_until end
  where n.queue = p_hold.queue and n.tenant = p_hold.tenant and n.kind = 2 and n.key = p_hold.key;

  new_job := job_of(
    p_id, old_job.queue, p_job, unique_run_at(p_job, p_now, burst_began), old_job.created_at, null, null);
  new_job.updated_at := p_now;
  new_job.job_id := old_job.job_id;
  new_job.generation := old_job.generation;
  new_job.place := old_job.place;
  new_job.settled_token := old_job.settled_token;
  new_job.turn := old_job.turn;
  was_governed := exists (select from governed g where g.id = p_id);

  if was_governed or succeeds or new_job.priority <> old_job.priority
    or coalesce(new_job.limiter, new_job.ordering_key, new_job.concurrency_key) is not null
    -- The mail that says so may not have been read.
    or coalesce(old_job.limiter, old_job.ordering_key, old_job.concurrency_key) is not null
    or old_job.run_at > p_now or new_job.run_at > p_now
  then
    -- What says anything of the turn before means nothing from here on.
    new_job.turn := old_job.turn + 1;
    if was_governed then
      perform withdraw(old_job.queue, p_id, p_now);
    end if;
    perform overwrite_job(new_job);
    if succeeds then
      perform announce_successor(new_job);
    else
      perform announce_job(new_job, p_now);
    end if;
  else
    -- It stands where it is to stand.
    perform overwrite_job(new_job);
  end if;
  return existing_result('replaced', p_id, p_with_record);
end $$;

create function overwrite_job(p_job job) returns void language plpgsql volatile as $$
begin
  delete from job j where j.id = p_job.id;
  perform insert_job(p_job);
end $$;

-- A job with a unique key has ended, or is to be deleted (p_is_deleted), which ends windows too. Whoever waits to
-- succeed has the key at once. Whether the job still holds it, for the rest of a window: then it is kept.
create function free_unique_key(
  p_queue int, p_tenant text, p_key text, p_job bigint, p_now bigint, p_is_deleted boolean default false
) returns boolean language plpgsql volatile as $$
declare
  hold named;
  next_job job;
begin
  -- Locked, because a successor may be coming at this moment.
  select n.* into hold from named n
  where n.queue = p_queue and n.tenant = p_tenant and n.kind = 2 and n.key = p_key for update;
  if hold.successor = p_job then
    update named n set successor = null
    where n.queue = p_queue and n.tenant = p_tenant and n.kind = 2 and n.key = p_key;
    return false;
  end if;
  if hold.holder is distinct from p_job then
    return false;
  end if;
  if hold.successor is null then
    if hold.held_until > p_now and not p_is_deleted then
      return true;
    end if;
    delete from named n where n.queue = p_queue and n.tenant = p_tenant and n.kind = 2 and n.key = p_key;
    return false;
  end if;
  update named n set holder = n.successor, successor = null, held_until = null
  where n.queue = p_queue and n.tenant = p_tenant and n.kind = 2 and n.key = p_key;
  update job j set turn = j.turn + 1 where j.id = hold.successor returning j.* into strict next_job;
  perform announce_job(next_job, p_now);
  return false;
end $$;

-- A job that had ended is to run again and claims its key, under the queue's lock: null, or who holds it.
create function retake_unique_key(p_queue int, p_tenant text, p_key text, p_job bigint, p_now bigint) returns bigint
language plpgsql volatile as $$
declare
  hold named := find_unique_key(p_queue, p_tenant, p_key, p_now);
begin
  if hold.holder is null then
    perform hold_unique_key(p_queue, p_tenant, p_key, p_job, p_now, null);
  elsif hold.holder <> p_job then
    return hold.holder;
  else
    update named n set burst_at = p_now
    where n.queue = p_queue and n.tenant = p_tenant and n.kind = 2 and n.key = p_key;
  end if;
  return null;
end $$;
