-- How attempts end. Nothing here waits for claims, except where a follow-up has a unique key.
--
-- A token names the row of its lease, the job and its turn, and is proven by that row. Whoever ends leases
-- locks their rows first, those of one transaction in the order of (token, part), and holds share_leases, so
-- that no row is divided meanwhile. While the row of its lease is locked, a job that has the turn is held, and
-- all that may still happen to it is that somebody cancels it.

-- Ends attempts of one queue, in one transaction.
--
-- What is a plain completion comes as elements of arrays, all else in p_others: {place, lease, turn, id, tenant,
-- jobId, createdAt, type, result, error, delayMs, pauseLimiterMs, followUps, discard, headers}. lease, turn and id are
-- those of the token, lease being the place of its claim in p_tokens; createdAt is what is in the job's id where the
-- store made it, else there is a jobId. Where all have the same tenant, it is p_tenants' only one.
--
-- answers has only what is not 'settled': [{place, answer}], an answer being 'lost', 'cancelled' or {index,
-- holderName}; wakes tells whether more may be claimed than before.
create function settle(
  p_queue text, p_tokens uuid[],
  p_places int[], p_leases int[], p_turns int[], p_ids bigint[], p_tenants text[], p_job_ids text[],
  p_created_at bigint[], p_results text[],
  p_others jsonb
) returns table (answers jsonb, wakes boolean)
language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  queue_number int := (select q.id from queue q where q.name = p_queue);
  now_at bigint := now_ms();
  counts_leases boolean;
  done_places int[];
  freed_rows tid[];
  others jsonb := coalesce(p_others, '[]');
  other_said jsonb[];
  other_ids bigint[];
  one record;
begin
  answers := '[]';
  wakes := false;
  if queue_number is null then
    -- Nobody was ever given a lease of it.
    answers := (
      select coalesce(jsonb_agg(jsonb_build_object('place', s.place, 'answer', 'lost')), '[]')
      from (
        select unnest(p_places) as place
        union all select (o ->> 'place')::int from jsonb_array_elements(others) o
      ) s);
    return next;
    return;
  end if;
  if jsonb_path_exists(others, '$[*].followUps[*].unique') then
    -- What a unique key may replace is the dispatcher's, whose lock comes before all others.
    perform lock_queue(queue_number);
    perform wait_briefly();
    now_at := now_ms();
    perform admit(queue_number, now_at);
  end if;
  perform share_leases(queue_number);
  perform 1 from lease l where l.token = any(p_tokens) order by l.token, l.part for update;
  -- From here on nobody begins a gate without having seen what is let go here.
  counts_leases := exists (select from gate g where g.queue = queue_number);

  if cardinality(p_places) > 0 then
    select p.places, p.rows, p.frees_keys into done_places, freed_rows, wakes
    from settle_plain(
      queue_number, p_tokens, p_places, p_leases, p_turns, p_ids, p_tenants, p_job_ids, p_created_at, p_results,
      others = '[]', counts_leases, now_at) p;
  end if;

  if coalesce(cardinality(done_places), 0) < cardinality(p_places) then
    -- What is no plain completion after all: stale, repeated, cancelled, or with something that hangs on its end.
    others := others || (
      select coalesce(jsonb_agg(jsonb_build_object(
        'place', s.place, 'lease', s.lease, 'turn', s.turn, 'id', s.id,
        'tenant', coalesce(s.tenant, p_tenants[1]), 'jobId', s.job_id, 'createdAt', s.created_at, 'type', 'complete', 'result', s.result)), '[]')
      from unnest(p_places, p_leases, p_turns, p_ids, p_tenants, p_job_ids, p_created_at, p_results)
        as s (place, lease, turn, id, tenant, job_id, created_at, result)
      where array_position(done_places, s.place) is null);
  end if;
  if others <> '[]' then
    select array_agg(e.said order by (e.said ->> 'place')::int), array_agg((e.said ->> 'id')::bigint)
    into other_said, other_ids
    from jsonb_array_elements(others) as e (said);
    perform 1 from job j where j.id = any(other_ids) order by j.id for update;
    perform lock_ends(other_ids);
    for nth in 1 .. cardinality(other_said) loop
      one := settle_one(queue_number, p_tokens[(other_said[nth] ->> 'lease')::int], other_said[nth], now_at);
      if one.answer is not null then
        answers := answers || jsonb_build_object('place', other_said[nth] -> 'place', 'answer', one.answer);
      end if;
      if one.freed is not null then
        freed_rows := freed_rows || one.freed;
      end if;
      wakes := wakes or one.wakes;
    end loop;
  end if;
  perform shrink_leases(freed_rows);
  wakes := wakes or counts_leases and freed_rows is not null and awaits_ends(queue_number);
  return next;
end $$;

-- Completes one attempt, of those that p_others of settle may tell of, in the transaction of what its handler wrote.
-- answer is as in settle, null for 'settled', and 'lost' also where the token was settled before: whatever else is in
-- that transaction would happen twice.
create function complete_attempt(p_queue text, p_token uuid, p_said jsonb)
returns table (answer jsonb, wakes boolean) language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  queue_number int := (select q.id from queue q where q.name = p_queue);
  said_id bigint := (p_said ->> 'id')::bigint;
  now_at bigint;
  one record;
begin
  if jsonb_path_exists(p_said, '$.followUps[*].unique') then
    perform lock_queue(queue_number);
    perform wait_briefly();
    perform admit(queue_number, now_ms());
  end if;
  perform share_leases(queue_number);
  perform 1 from lease l where l.token = p_token order by l.token, l.part for update;
  perform 1 from job j where j.id = said_id for update;
  perform lock_ends(array[said_id]);
  now_at := now_ms();
  one := settle_one(queue_number, p_token, p_said, now_at);
  if one.freed is not null then
    perform shrink_leases(array[one.freed]);
  end if;
  answer := case when one.freed is null then coalesce(one.answer, '"lost"') else one.answer end;
  wakes := one.wakes or awaits_ends(queue_number);
  return next;
end $$;

-- Whether complete_attempt with these arguments was committed. Waits for its transaction, if that is still open.
create function is_completed(p_queue text, p_token uuid, p_said jsonb) returns boolean language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
begin
  perform 1 from lease l where l.token = p_token order by l.part for share;
  return exists (
    select from ended e
    where e.id = (p_said ->> 'id')::bigint and e.settled_token = p_token and e.state = 1
      and is_said(p_said, (select q.id from queue q where q.name = p_queue), e.queue, e.tenant, e.job_id, e.created_at));
end $$;

-- The completions among these upon whose end nothing else hangs, all at once; the rows of leases are locked.
-- Says which they were, and for each the row of its lease. Where p_alone is not set other settlements follow:
-- outcomes count for a limiter in their order, so that none of these is taken out of it.
--
-- Plans are made once, when tables may be empty, and have to be good for all sizes: what is held is looked up in a
-- hashed subquery, which IS TRUE keeps from becoming a join; and job can be looked up by its id alone, because no
-- other condition is one that an index or another kind of join knows.
create function settle_plain(
  p_queue int, p_tokens uuid[],
  p_places int[], p_leases int[], p_turns int[], p_ids bigint[], p_tenants text[], p_job_ids text[],
  p_created_at bigint[], p_results text[],
  p_alone boolean, p_counts_leases boolean, p_now bigint,
  out places int[], out rows tid[], out frees_keys boolean
) language plpgsql volatile as $$
declare
  -- By their places in p_tokens; null for what there is none of.
  lease_rows tid[];
  workers text[];
  starts bigint[];
  -- As a suspect is, which has a row in governed without any key.
  are_alone boolean[];
  is_divided boolean;
  part_now smallint := (select r.part from done_ring r);
begin
  select array_agg(l.row order by t.place), array_agg(l.worker order by t.place),
    array_agg(l.started_at order by t.place), array_agg(l.is_alone order by t.place), coalesce(bool_or(l.part > 0), false)
  into lease_rows, workers, starts, are_alone, is_divided
  from unnest(p_tokens) with ordinality as t (token, place) left join lateral (
    select x.ctid as row, x.part, x.worker, x.started_at, x.has_governed and cardinality(x.ids) = 1 as is_alone
    from lease x where x.token = t.token
    order by x.part desc limit 1
  ) l on true;
  if is_divided then
    -- One by one it is found out which part of it each is in.
    frees_keys := false;
    return;
  end if;
  with plain as materialized (
    select s.nth, s.lease, s.turn, s.id, coalesce(s.tenant, p_tenants[1]) as tenant, s.job_id, s.created_at, s.result
    from unnest(p_places, p_leases, p_turns, p_ids, p_tenants, p_job_ids, p_created_at, p_results)
      as s (nth, lease, turn, id, tenant, job_id, created_at, result)
    where ((s.lease, s.turn, s.id) in (
      select array_position(p_tokens, l.token), u.turn, u.id
      from lease l, unnest(l.ids, l.turns) as u (id, turn) where l.token = any(p_tokens))) is true
    -- Like all who lock rows of jobs.
    order by s.id
  ), gone as (
    delete from job j using plain p
    where j.id = any(array[p.id])
      and case
        when j.turn <> p.turn or j.tenant <> p.tenant or j.queue <> p_queue then false
        when j.job_id is null then j.created_at = p.created_at else j.job_id = p.job_id end
      and j.ended_at is null and j.unique_key is null and j.member_of is null and j.callback_of is null
      and j.schedule is null and (p_alone or j.limiter is null)
    returning
      -- What is read several times comes first: who reads a column unpacks all before it.
      p.nth, p.lease,
      j.limiter is not null or j.ordering_key is not null or j.concurrency_key is not null
        or are_alone[p.lease] and exists (select from governed r where r.id = j.id) as is_governed,
      j.id, j.tenant, j.ordering_key, j.concurrency_key,
      j.queue, j.turn, j.priority, j.attempts, j.releases, j.lost_leases, j.generation, j.created_at, j.run_at,
      j.name, j.payload, j.job_id, j.metadata, j.headers, j.max_attempts, j.retry_delay_ms, j.timeout_ms,
      j.concurrency_limit, j.limiter, j.progress, j.log, j.failures, j.effects, p.result
  ), kept as (
    insert into done (
      id, created_at, started_at, ended_at, run_at, queue, turn, priority, releases, lost_leases, attempts, generation,
      part, tenant, name, payload, worker, settled_token, result, metadata, headers, max_attempts, retry_delay_ms,
      timeout_ms, ordering_key, concurrency_key, concurrency_limit, limiter, progress, log, failures, effects)
    select
      g.id, g.created_at, starts[g.lease], p_now, nullif(g.run_at, g.created_at), g.queue, nullif(g.turn, 0),
      nullif(g.priority, 0), nullif(g.releases, 0), nullif(g.lost_leases, 0), nullif(g.attempts + 1, 1),
      nullif(g.generation, 1), part_now, g.tenant, g.name, g.payload, workers[g.lease], p_tokens[g.lease], g.result,
      g.metadata, g.headers, g.max_attempts, g.retry_delay_ms, g.timeout_ms, g.ordering_key, g.concurrency_key,
      g.concurrency_limit, g.limiter, g.progress, g.log, g.failures, g.effects
    from gone g where g.job_id is null
  ), kept_for_id as (
    insert into ended (
      id, queue, turn, priority, attempts, releases, lost_leases, generation, created_at, updated_at, run_at,
      started_at, ended_at, tenant, name, payload, job_id, metadata, headers, max_attempts, retry_delay_ms,
      timeout_ms, ordering_key, concurrency_key, concurrency_limit, limiter, worker, progress, log, failures,
      effects, settled_token, state, result, settled_as)
    select
      g.id, g.queue, g.turn, g.priority, g.attempts + 1, g.releases, g.lost_leases, g.generation, g.created_at,
      p_now, g.run_at,
      starts[g.lease], p_now, g.tenant, g.name, g.payload, g.job_id, g.metadata, g.headers, g.max_attempts,
      g.retry_delay_ms,
      g.timeout_ms, g.ordering_key, g.concurrency_key, g.concurrency_limit, g.limiter, workers[g.lease], g.progress,
      g.log, g.failures,
      g.effects, p_tokens[g.lease], 1, g.result, 1
    from gone g where g.job_id is not null
  ), told as (
    insert into mail (queue, tenant, kind, first, last, verdict, cleared, ended_at)
    select p_queue, g.tenant, 3, g.id, g.id, 1, true, p_now from gone g where g.is_governed
    union all
    select p_queue, g.tenant, 2, 1, count(*), 0, false, null from gone g
    where p_counts_leases and not g.is_governed
    group by g.tenant having has_gate(p_queue, g.tenant)
  )
  select array_agg(g.nth), array_agg(lease_rows[g.lease]),
    coalesce(bool_or(
      g.is_governed and frees_key(p_queue, g.tenant, g.ordering_key, g.concurrency_key, g.id)), false)
  into places, rows, frees_keys
  from gone g;
end $$;

-- One lease of each of these rows, which are locked, has ended; a row may be named several times.
create function shrink_leases(p_rows tid[]) returns void language plpgsql volatile as $$
declare
  found_rows tid[];
  counts int[];
begin
  select array_agg(f.row), array_agg(f.leases) into found_rows, counts
  from (select r.row, count(*)::int as leases from unnest(p_rows) as r (row) group by r.row) f;
  delete from lease l
  where l.ctid = any(found_rows) and l.live <= counts[array_position(found_rows, l.ctid)];
  update lease l set live = l.live - counts[array_position(found_rows, l.ctid)]
  where l.ctid = any(found_rows);
end $$;

-- Whether leases of the tenant count, because something is limited or paused.
create function has_gate(p_queue int, p_tenant text) returns boolean language plpgsql stable as $$
begin
  return exists (select from gate g where g.queue = p_queue and g.level = 0)
    or exists (
      select from gate g
      where g.queue = p_queue and g.level = 1 and g.tenant = p_tenant and g.limiter = '' and g.key = '');
end $$;

-- Whether the end of its lease may let another job of its ordering or concurrency key start.
create function frees_key(
  p_queue int, p_tenant text, p_ordering_key text, p_concurrency_key text, p_id bigint
) returns boolean language plpgsql stable as $$
begin
  return (p_ordering_key is not null or p_concurrency_key is not null) and exists (
    select from governed r
    where r.queue = p_queue and r.tenant = p_tenant and r.key <> ''
      and r.key = coalesce('o' || p_ordering_key, 'c' || p_concurrency_key) and r.id <> p_id);
end $$;

-- Settles one attempt of a job whose row is locked, like that of the lease. answer is null for 'settled'; freed is the
-- row of the lease that has ended.
create function settle_one(
  p_queue int, p_token uuid, p_said jsonb, p_now bigint,
  out answer jsonb, out freed tid, out wakes boolean
) language plpgsql volatile as $$
declare
  said_id bigint := (p_said ->> 'id')::bigint;
  said_turn int := (p_said ->> 'turn')::int;
  held lease;
  j job;
  added jsonb;
begin
  wakes := false;
  select l.* into held from lease l
  where l.token = p_token and l.turns[array_position(l.ids, said_id)] = said_turn;
  if found then
    select x.* into j from job x
    where x.id = said_id and x.turn = said_turn and is_said(p_said, p_queue, x.queue, x.tenant, x.job_id, x.created_at);
  end if;
  if j.id is null then
    answer := answer_again(p_queue, p_token, p_said);
    return;
  end if;
  j := attempt_of(j, held);
  if j.ended_at is not null then
    perform let_cancelled_go(j, p_token, p_now);
    answer := '"cancelled"';
  elsif jsonb_array_length(p_said -> 'followUps') > 0 then
    begin
      perform end_attempt(j, p_token, p_said, p_now);
      added := add_jobs(p_said -> 'followUps', p_now);
      if jsonb_typeof(added) = 'object' then
        raise exception 'a follow-up has the id of another job' using errcode = 'CGK01';
      end if;
    exception when sqlstate 'CGK01' then
      answer := added -> 'conflict';
      return;
    end;
  else
    perform end_attempt(j, p_token, p_said, p_now);
  end if;
  freed := (select l.ctid from lease l where l.token = held.token and l.part = held.part);
  -- A successor may have its key now, and the last member of a group has made a job.
  wakes := added is not null or answer is null and p_said ->> 'type' in ('retry', 'release')
    or j.unique_key is not null or j.member_of is not null
    or frees_key(p_queue, j.tenant, j.ordering_key, j.concurrency_key, j.id);
end $$;

-- What is said of a lease that is not current: what was said when it was settled, as long as that is known and
-- the job has not been claimed since.
create function answer_again(p_queue int, p_token uuid, p_said jsonb) returns jsonb language plpgsql stable as $$
declare
  said_id bigint := (p_said ->> 'id')::bigint;
  said_turn int := (p_said ->> 'turn')::int;
  settled_before smallint;
begin
  select e.settled_as into settled_before from history e
  where e.id = said_id and e.settled_token = p_token and e.turn >= said_turn
    and is_said(p_said, p_queue, e.queue, e.tenant, e.job_id, e.created_at);
  if not found and exists (
    select from job j
    where j.id = said_id and j.settled_token = p_token and j.turn > said_turn
      and is_said(p_said, p_queue, j.queue, j.tenant, j.job_id, j.created_at)
      and not exists (select from leased(p_queue, array[said_id]) l where l.id = said_id and l.turn = j.turn))
  then
    settled_before := 1;
  end if;
  return case settled_before when 1 then null when 2 then '"cancelled"' else '"lost"' end::jsonb;
end $$;

-- Whether a job is the one that is named beside its token.
create function is_said(
  p_said jsonb, p_said_queue int, p_queue int, p_tenant text, p_job_id text, p_created_at bigint
) returns boolean language sql immutable
return p_queue = p_said_queue and p_tenant = p_said ->> 'tenant'
  and case
    when p_job_id is null then p_created_at is not distinct from (p_said ->> 'createdAt')::bigint
    else p_job_id is not distinct from p_said ->> 'jobId' end;

-- The job as it is in the attempt that the lease is for: a claim writes none of it into the job's row.
create function attempt_of(p_job job, p_lease lease) returns job language plpgsql stable as $$
begin
  p_job.attempts := p_job.attempts + 1;
  p_job.started_at := p_lease.started_at;
  p_job.worker := p_lease.worker;
  return p_job;
end $$;

-- The lease of a cancelled job has ended: that is the last of it. p_token is null where nobody settled.
create function let_cancelled_go(p_job job, p_token uuid, p_now bigint) returns void
language plpgsql volatile as $$
begin
  p_job.settled_token := p_token;
  perform keep_ended(
    p_job, 3::smallint, null, case when p_token is not null then 2 end::smallint, false, p_now);
  perform mail_release(p_job, null, 0::smallint, null, false, p_now);
end $$;

-- Ends an attempt of a job that is held; p_job is the job in that attempt.
create function end_attempt(p_job job, p_token uuid, p_said jsonb, p_now bigint) returns void
language plpgsql volatile as $$
declare
  j job := p_job;
  outcome text := p_said ->> 'type';
  reason jsonb := p_said -> 'error';
begin
  j.updated_at := p_now;
  j.settled_token := p_token;
  j.headers := coalesce(p_said ->> 'headers', j.headers);
  j.error := case outcome when 'complete' then null when 'release' then j.error else reason end;
  if reason is not null then
    j.failures := noted_failures(j, reason, p_now);
  end if;
  if outcome in ('complete', 'fail') then
    j.ended_at := p_now;
    perform end_job(
      j, case outcome when 'complete' then 1 else 2 end::smallint, p_said ->> 'result',
      coalesce((p_said ->> 'discard')::boolean, false), p_now);
    perform mail_release(
      j, null,
      case when outcome = 'complete' then 1 when (reason ->> 'retryable')::boolean then -1 else 0 end::smallint,
      null, true, p_now);
    return;
  end if;
  if outcome = 'release' then
    j.attempts := j.attempts - 1;
    j.releases := j.releases + 1;
  end if;
  j.run_at := p_now + ceil((p_said ->> 'delayMs')::float8)::bigint;
  j := wait_again(j);
  perform mail_release(
    j, j.run_at, case outcome when 'retry' then -1 else 0 end::smallint,
    p_now + ceil((p_said ->> 'pauseLimiterMs')::float8)::bigint, outcome = 'retry', p_now);
end $$;

-- Stores what became of a job in an attempt after which it waits again, and fences that attempt.
create function wait_again(p_job job) returns job language plpgsql volatile as $$
begin
  p_job.turn := p_job.turn + 1;
  update job set
    turn = p_job.turn, attempts = p_job.attempts, releases = p_job.releases, lost_leases = p_job.lost_leases,
    updated_at = p_job.updated_at, run_at = p_job.run_at, started_at = p_job.started_at, worker = p_job.worker,
    error = p_job.error, failures = p_job.failures, headers = p_job.headers, settled_token = p_job.settled_token
  where id = p_job.id;
  return p_job;
end $$;

-- Tells the dispatcher that the lease of a job has ended, and that the job waits from p_due on, if it does.
create function mail_release(
  p_job job, p_due bigint, p_verdict smallint, p_pause_until bigint, p_cleared boolean, p_now bigint
) returns void language plpgsql volatile as $$
begin
  -- The row in governed of a job that is leased stays until this mail is read.
  if coalesce(p_job.limiter, p_job.ordering_key, p_job.concurrency_key) is not null
    or exists (select from governed r where r.id = p_job.id)
  then
    insert into mail (
      queue, tenant, kind, priority, turn, first, last, due, verdict, pause_until, cleared, ended_at)
    values (
      p_job.queue, p_job.tenant, 3, p_job.priority, p_job.turn, p_job.id, p_job.id, p_due, p_verdict,
      p_pause_until, p_cleared, p_now);
    return;
  end if;
  if has_gate(p_job.queue, p_job.tenant) then
    insert into mail (queue, tenant, kind, first, last) values (p_job.queue, p_job.tenant, 2, 1, 1);
  end if;
  if p_due is not null then
    insert into mail (queue, tenant, kind, priority, turn, first, last, due, place)
    values (
      p_job.queue, p_job.tenant, 1, p_job.priority, p_job.turn, p_job.id, p_job.id, p_due, p_job.place);
  end if;
end $$;
