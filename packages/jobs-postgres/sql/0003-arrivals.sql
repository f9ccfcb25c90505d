-- How jobs come in.

-- The number of a queue, made if there is none.
create function queue_id(p_name text) returns int language plpgsql volatile as $$
declare
  found_id int;
begin
  loop
    select q.id into found_id from queue q where q.name = p_name;
    if found then
      return found_id;
    end if;
    -- Of two calls that make it at once the second waits here, and then finds it.
    insert into queue (name) values (p_name) on conflict do nothing;
  end loop;
end $$;

-- The first of 4096 ids that nobody else is given.
create function new_block() returns bigint language sql volatile as $$
  select nextval('job_block') * 4096
$$;

-- What kind of mail tells of a job that waits.
create function arrival_kind(p_limiter text, p_ordering_key text, p_concurrency_key text) returns smallint
language sql immutable parallel safe
return case when coalesce(p_limiter, p_ordering_key, p_concurrency_key) is null then 1 else 4 end;

-- Tells the dispatcher of the jobs of a call, first..last, which were just stored: a row for each run of neighbours
-- that it may take up together.
create function announce(p_first bigint, p_last bigint, p_now bigint) returns void
language plpgsql volatile as $$
begin
  insert into mail (queue, tenant, kind, priority, first, last, due)
  select alike.queue, alike.tenant, alike.kind, alike.priority, min(alike.id), max(alike.id), alike.due
  from (
    select stored.*, stored.id
      - row_number() over (partition by queue, tenant, priority, due, kind order by stored.id) as run
    from (
      select j.id, j.queue, j.tenant, j.priority,
        -- What was due before it came is admitted when it comes.
        greatest(j.run_at, p_now) as due,
        arrival_kind(j.limiter, j.ordering_key, j.concurrency_key) as kind
      from job j where j.id between p_first and p_last
    ) stored
  ) alike
  group by alike.run, alike.queue, alike.tenant, alike.priority, alike.due, alike.kind
  order by min(alike.id);
end $$;

-- The way of a job that comes alone, with neither an id of its own nor a unique key. Where refused is not null nothing
-- was stored: see full_backlog. p_joins: in a transaction of the caller's, which may last: nobody waits for its end.
-- Each setting, statement and expression costs every call some 1 µs.
create function enqueue_one(
  p_queue text, p_tenant text, p_name text, p_payload text, p_priority int, p_delay bigint default null,
  p_run_at bigint default null, p_metadata text default null, p_headers text default null,
  p_max_attempts bigint default null, p_retry_delay bigint default null, p_timeout bigint default null,
  p_ordering_key text default null, p_concurrency_key text default null, p_concurrency_limit bigint default null,
  p_limiter text default null, p_joins boolean default false,
  out id bigint, out created_at bigint, out refused jsonb
) language plpgsql volatile
set search_path from current as $$
#variable_conflict use_variable
declare
  queue_number int;
  has_quotas boolean;
  due bigint;
begin
  select q.id, q.has_quotas into queue_number, has_quotas from queue q where q.name = p_queue;
  if queue_number is null then
    queue_number := queue_id(p_queue);
  elsif has_quotas then
    refused := full_backlog(queue_number, array[p_tenant], p_joins);
    if refused is not null then
      return;
    end if;
  end if;
  id := new_block();
  created_at := now_ms();
  due := coalesce(p_run_at, created_at + coalesce(p_delay, 0));
  insert into job (
    id, queue, tenant, name, payload, priority, created_at, updated_at, run_at, metadata, headers,
    max_attempts, retry_delay_ms, timeout_ms, ordering_key, concurrency_key, concurrency_limit, limiter)
  values (
    id, queue_number, p_tenant, p_name, p_payload, p_priority, created_at, created_at, due, p_metadata, p_headers,
    p_max_attempts, p_retry_delay, p_timeout, p_ordering_key, p_concurrency_key, p_concurrency_limit, p_limiter);
  if is_bulky(p_payload, p_metadata) then
    perform note_bulky(queue_number);
  end if;
  insert into mail (queue, tenant, kind, priority, first, last, due)
  values (
    queue_number, p_tenant, arrival_kind(p_limiter, p_ordering_key, p_concurrency_key), p_priority, id, id,
    greatest(due, created_at));
end $$;

-- The way of most jobs that come alone: of those that enqueue_one would give no option. Answers '<id> <created_at>', or why
-- it was refused, in JSON. It costs seven eighths of enqueue_one: an answer of several columns is a table, and each column
-- of an insert that is not a constant an expression.
create function enqueue_bare(
  p_queue text, p_tenant text, p_name text, p_payload text, p_priority int, p_joins boolean default false
) returns text language plpgsql volatile
set search_path from current as $$
declare
  queue_number int;
  id bigint;
  now bigint;
begin
  select q.id, new_block(), now_ms() into queue_number, id, now
  from queue q where q.name = p_queue and not q.has_quotas;
  if queue_number is null then
    return (
      select coalesce(e.refused::text, e.id || ' ' || e.created_at)
      from enqueue_one(p_queue, p_tenant, p_name, p_payload, p_priority, p_joins => p_joins) e);
  end if;
  insert into job (id, queue, tenant, name, payload, priority, created_at, updated_at, run_at)
  values (id, queue_number, p_tenant, p_name, p_payload, p_priority, now, now, now);
  if is_bulky(p_payload, null) then
    perform note_bulky(queue_number);
  end if;
  insert into mail (queue, tenant, kind, priority, first, last, due)
  values (queue_number, p_tenant, 1, p_priority, id, id, now);
  return id || ' ' || now;
end $$;

-- The way of most others: of one queue, none with an id of its own or a unique key. An array has one element for
-- each job, or one for all, or is null; p_payloads says how many jobs there are. Job n of the call, from 0, has the
-- id blocks[1 + n / 4096] + n % 4096. p_may_be_bulky is false where the caller knows that none is (see is_bulky).
-- refused and p_joins are those of enqueue_one.
create function enqueue_plain(
  p_queue text, p_tenants text[], p_names text[], p_payloads text[], p_priorities int[],
  p_delays bigint[], p_run_at bigint[], p_metadata text[], p_headers text[],
  p_max_attempts bigint[], p_retry_delays bigint[], p_timeouts bigint[],
  p_ordering_keys text[], p_concurrency_keys text[], p_concurrency_limits bigint[], p_limiters text[],
  p_joins boolean, p_may_be_bulky boolean,
  out blocks bigint[], out created_at bigint, out refused jsonb
) language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  queue_number int := queue_id(p_queue);
  total int := cardinality(p_payloads);
  are_alike boolean;
  block bigint;
begin
  if has_quotas(queue_number) then
    refused := full_backlog(queue_number, array(
      select coalesce(g.tenant, p_tenants[1]) from unnest(p_tenants, p_payloads) as g (tenant, payload)), p_joins);
    if refused is not null then
      return;
    end if;
  end if;
  created_at := now_ms();
  blocks := array(select new_block() from generate_series(1, total, 4096));
  -- Most are alike but for their payloads: what is the same need not be unpacked for each.
  are_alike := cardinality(p_tenants) = 1 and cardinality(p_names) = 1 and cardinality(p_priorities) = 1
    and coalesce(p_delays, p_run_at, p_max_attempts, p_retry_delays, p_timeouts, p_concurrency_limits) is null
    and coalesce(p_metadata, p_headers, p_ordering_keys, p_concurrency_keys, p_limiters) is null;
  if are_alike then
    insert into job (id, queue, tenant, name, payload, priority, created_at, updated_at, run_at)
    select
      blocks[1 + (g.place - 1) / 4096] + (g.place - 1) % 4096, queue_number, p_tenants[1], p_names[1], g.payload,
      p_priorities[1], enqueue_plain.created_at, enqueue_plain.created_at, enqueue_plain.created_at
    from (select unnest(p_payloads) as payload, generate_subscripts(p_payloads, 1) as place) g;
  else
    insert into job (
      id, queue, tenant, name, payload, priority, created_at, updated_at, run_at, metadata, headers,
      max_attempts, retry_delay_ms, timeout_ms, ordering_key, concurrency_key, concurrency_limit, limiter)
    select
      blocks[1 + (g.place - 1) / 4096] + (g.place - 1) % 4096,
      queue_number,
      coalesce(g.tenant, p_tenants[1]),
      coalesce(g.name, p_names[1]),
      g.payload,
      coalesce(g.priority, p_priorities[1]),
      enqueue_plain.created_at,
      enqueue_plain.created_at,
      coalesce(g.run_at, enqueue_plain.created_at + coalesce(g.delay, 0)),
      g.metadata, g.headers, g.max_attempts, g.retry_delay, g.timeout,
      g.ordering_key, g.concurrency_key, g.concurrency_limit, g.limiter
    from unnest(
      p_tenants, p_names, p_payloads, p_priorities, p_delays, p_run_at, p_metadata, p_headers,
      p_max_attempts, p_retry_delays, p_timeouts, p_ordering_keys, p_concurrency_keys, p_concurrency_limits, p_limiters
    ) with ordinality as g (
      tenant, name, payload, priority, delay, run_at, metadata, headers,
      max_attempts, retry_delay, timeout, ordering_key, concurrency_key, concurrency_limit, limiter, place);
  end if;
  if p_may_be_bulky
    and exists (select from unnest(p_payloads, p_metadata) as g (payload, metadata) where is_bulky(g.payload, g.metadata))
  then
    perform note_bulky(queue_number);
  end if;
  -- Those that are alike in all that counts need not be looked at again.
  if cardinality(p_tenants) = 1 and cardinality(p_priorities) = 1
    and coalesce(p_delays, p_run_at) is null and coalesce(p_ordering_keys, p_concurrency_keys, p_limiters) is null
  then
    insert into mail (queue, tenant, kind, priority, first, last, due)
    select queue_number, p_tenants[1], 1, p_priorities[1],
      b.block, b.block + least(4096, total - 4096 * (b.place - 1)) - 1, enqueue_plain.created_at
    from unnest(blocks) with ordinality as b (block, place);
    return;
  end if;
  foreach block in array blocks loop
    perform announce(block, block + 4095, enqueue_plain.created_at);
  end loop;
end $$;

-- The row of a job in the form of src/json-job.ts.
create function job_of(
  p_id bigint, p_queue int, p_job jsonb, p_run_at bigint, p_now bigint, p_member_of text, p_callback_of text
) returns job language plpgsql stable as $$
declare
  made job;
begin
  -- One by one is several times as fast as jsonb_populate_record.
  made.id := p_id;
  made.queue := p_queue;
  made.turn := 0;
  made.tenant := coalesce(p_job ->> 'tenantId', '');
  made.name := p_job ->> 'name';
  made.payload := p_job ->> 'payload';
  made.priority := p_job -> 'priority';
  made.attempts := 0;
  made.releases := 0;
  made.lost_leases := 0;
  made.generation := 1;
  made.created_at := p_now;
  made.updated_at := p_now;
  made.run_at := p_run_at;
  made.job_id := p_job ->> 'jobId';
  made.metadata := p_job ->> 'metadata';
  made.headers := p_job ->> 'headers';
  made.max_attempts := p_job -> 'maxAttempts';
  made.retry_delay_ms := p_job -> 'retryDelayMs';
  made.timeout_ms := p_job -> 'timeoutMs';
  made.unique_key := p_job -> 'unique' ->> 'key';
  made.ordering_key := p_job ->> 'orderingKey';
  made.concurrency_key := p_job ->> 'concurrencyKey';
  made.concurrency_limit := p_job -> 'concurrencyLimit';
  made.limiter := p_job ->> 'limiter';
  made.schedule := p_job -> 'schedule';
  made.member_of := p_member_of;
  made.callback_of := p_callback_of;
  return made;
end $$;

create function run_at_of(p_job jsonb, p_now bigint) returns bigint language sql immutable
return coalesce((p_job ->> 'runAt')::bigint, p_now + coalesce((p_job ->> 'delayMs')::bigint, 0));

-- Stores a job and lets it wait, whatever its jobId and unique key: who calls has seen to them.
create function add_job(
  p_queue int, p_job jsonb, p_now bigint, p_member_of text default null, p_callback_of text default null
) returns bigint language plpgsql volatile as $$
declare
  made job := job_of(new_block(), p_queue, p_job, run_at_of(p_job, p_now), p_now, p_member_of, p_callback_of);
begin
  perform store_job(made, p_now);
  return made.id;
end $$;

create function store_job(p_job job, p_now bigint) returns void language plpgsql volatile as $$
begin
  perform insert_job(p_job);
  perform announce_job(p_job, p_now);
end $$;

create function insert_job(p_job job) returns void language plpgsql volatile as $$
begin
  insert into job select p_job.*;
  if is_bulky(p_job.payload, p_job.metadata) then
    perform note_bulky(p_job.queue);
  end if;
end $$;

-- The job waits, from its time on.
create function announce_job(p_job job, p_now bigint) returns void language plpgsql volatile as $$
begin
  insert into mail (queue, tenant, kind, priority, turn, first, last, due, place)
  values (
    p_job.queue, p_job.tenant, arrival_kind(p_job.limiter, p_job.ordering_key, p_job.concurrency_key),
    p_job.priority, p_job.turn, p_job.id, p_job.id, greatest(p_job.run_at, p_now), p_job.place);
end $$;

-- The jobs of a call, each with the id of its row, should it be stored. Of queues that are there.
create function given_jobs(p_jobs jsonb, p_blocks bigint[])
returns table (place int, id bigint, queue int, tenant text, job_id text, job jsonb) language plpgsql stable as $$
begin
  return query
  select e.place::int, p_blocks[1 + (e.place - 1) / 4096] + (e.place - 1) % 4096,
    (select q.id from queue q where q.name = e.job ->> 'queue'),
    coalesce(e.job ->> 'tenantId', ''), e.job ->> 'jobId', e.job
  from jsonb_array_elements(p_jobs) with ordinality as e (job, place);
end $$;

-- Takes the ids that jobs of a call have of their own, and says, by place in the call, which row has each: for the
-- first use of a free one the job's own, null for a job without.
-- Raises CGK01, so that nothing stays, where a job's id belongs to another: {index, holderName}, the first of them.
create function take_job_ids(p_jobs jsonb, p_blocks bigint[]) returns bigint[] language plpgsql volatile as $$
declare
  holders bigint[];
  has_vanished boolean;
  conflict jsonb;
begin
  loop
    -- In order, so that two calls with the same ids do not wait for each other. A second use of an id waits here
    -- for the first transaction.
    insert into named (queue, tenant, kind, key, holder)
    select g.queue, g.tenant, 1, g.job_id, min(g.id)
    from given_jobs(p_jobs, p_blocks) g
    where g.job_id is not null and find_made(g.queue, g.tenant, g.job) is null
    group by g.queue, g.tenant, g.job_id
    order by g.queue, g.tenant, g.job_id
    on conflict do nothing;
    -- One statement, so that an id and its job are seen together, though the job may be deleted at any time.
    -- Subqueries rather than joins, which plans made for small tables would turn into walks over all of them.
    with given as materialized (
      select g.*,
        case when g.job_id is not null then coalesce(find_made(g.queue, g.tenant, g.job), (
          select n.holder from named n
          where n.queue = g.queue and n.tenant = g.tenant and n.kind = 1 and n.key = g.job_id)) end as holder,
        first_value(g.id) over same_id as first_id, first_value(g.job) over same_id as first_job
      from given_jobs(p_jobs, p_blocks) g
      window same_id as (partition by g.queue, g.tenant, g.job_id order by g.place)
    ), found as materialized (
      select g.place, g.holder, g.job_id, g.job, case when g.holder = g.first_id
        then jsonb_build_object('name', g.first_job -> 'name', 'payload', g.first_job -> 'payload')
        else coalesce(
          (select jsonb_build_object('name', j.name, 'payload', j.payload) from job j where j.id = g.holder),
          (select jsonb_build_object('name', e.name, 'payload', e.payload) from history e where e.id = g.holder))
        end as held_by
      from given g
    )
    select array_agg(f.holder order by f.place), bool_or(f.job_id is not null and f.held_by is null),
      (array_agg(jsonb_build_object('index', f.place - 1, 'holderName', f.held_by -> 'name') order by f.place)
        filter (where f.held_by ->> 'name' <> f.job ->> 'name' or f.held_by ->> 'payload' <> f.job ->> 'payload'))[1]
    into holders, has_vanished, conflict
    from found f;
    exit when not has_vanished;
    perform forget_vanished(p_jobs, p_blocks);
  end loop;
  if conflict is not null then
    raise exception 'a job id belongs to another job' using errcode = 'CGK01', detail = conflict::text;
  end if;
  return holders;
end $$;

-- Frees the ids and unique keys of these jobs that belong to jobs which are nowhere, as after a restore of some tables
-- without the others: who looks for the holder again and again would never find it. p_blocks are the ids of jobs that
-- are yet to be stored.
create function forget_vanished(p_jobs jsonb, p_blocks bigint[] default '{}') returns void
language plpgsql volatile as $$
declare
  vanished named;
begin
  for vanished in
    select n.* from jsonb_array_elements(p_jobs) e (job)
    cross join lateral (values (1, e.job ->> 'jobId'), (2, e.job -> 'unique' ->> 'key')) k (kind, key)
    cross join lateral (
      select x.* from named x
      where x.queue = (select q.id from queue q where q.name = e.job ->> 'queue')
        and x.tenant = coalesce(e.job ->> 'tenantId', '') and x.kind = k.kind and x.key = k.key offset 0
    ) n
    where n.holder / 4096 * 4096 <> all(p_blocks)
      and not exists (select from job j where j.id = n.holder)
      and not exists (select from ended e where e.id = n.holder)
  loop
    if vanished.kind = 2 then
      perform free_unique_key(vanished.queue, vanished.tenant, vanished.key, vanished.holder, now_ms(), true);
    else
      delete from named n
      where n.queue = vanished.queue and n.tenant = vanished.tenant and n.kind = 1 and n.key = vanished.key
        and n.holder = vanished.holder;
    end if;
  end loop;
end $$;

-- The row of the job whose id, which the store made, a producer chose for another.
create function find_made(p_queue int, p_tenant text, p_job jsonb) returns bigint language plpgsql stable as $$
begin
  if p_job ? 'made' then
    return find_job(p_queue, p_tenant, null, (p_job -> 'made' ->> 'id')::bigint, (p_job -> 'made' ->> 'createdAt')::bigint);
  end if;
  return null;
end $$;

-- Takes in jobs of any kind, all or none, and answers in their order: {status: enqueued, id, jobId, createdAt, runAt}
-- or {status: existing | replaced, id}, with the job's record at that moment where wanted; or, having stored
-- nothing, {conflict: {index, holderName}}. Who calls holds the locks of the queues in which a job has a unique key.
-- With p_joins nobody holds them, and those keys are kept (see keep_unique).
create function add_jobs(
  p_jobs jsonb, p_now bigint, p_with_records boolean default false, p_joins boolean default false
) returns jsonb language plpgsql volatile as $$
declare
  given record;
  has_unique boolean := false;
  has_job_id boolean := false;
  blocks bigint[];
  block bigint;
  holders bigint[];
  detail text;
  results jsonb;
begin
  for given in
    select job ->> 'queue' as name, bool_or(job ? 'unique') as has_unique, bool_or(job ? 'jobId') as has_job_id
    from jsonb_array_elements(p_jobs) job group by name order by name
  loop
    perform queue_id(given.name);
    has_unique := has_unique or given.has_unique;
    has_job_id := has_job_id or given.has_job_id;
  end loop;
  blocks := array(select new_block() from generate_series(1, jsonb_array_length(p_jobs), 4096));
  if has_job_id then
    holders := take_job_ids(p_jobs, blocks);
  end if;
  if has_unique then
    return add_jobs_one_by_one(p_jobs, blocks, holders, p_now, p_with_records, p_joins);
  end if;
  insert into job
  select j.* from given_jobs(p_jobs, blocks) g
  cross join lateral job_of(g.id, g.queue, g.job, run_at_of(g.job, p_now), p_now, null, null) j
  where g.job_id is null or holders[g.place] = g.id;
  perform note_bulky(b.queue) from (
    select distinct g.queue from given_jobs(p_jobs, blocks) g where is_bulky(g.job ->> 'payload', g.job ->> 'metadata')
  ) b;
  foreach block in array blocks loop
    perform announce(block, block + 4095, p_now);
  end loop;
  select jsonb_agg(
    case when g.job_id is null or holders[g.place] = g.id
      then enqueued_result(g.id, g.job_id, p_now, run_at_of(g.job, p_now))
      else existing_result('existing', holders[g.place], p_with_records) end
    order by g.place)
  into results from given_jobs(p_jobs, blocks) g;
  return coalesce(results, '[]');
exception when sqlstate 'CGK01' then
  get stacked diagnostics detail = pg_exception_detail;
  return jsonb_build_object('conflict', detail::jsonb);
end $$;

create function enqueued_result(p_id bigint, p_job_id text, p_now bigint, p_run_at bigint) returns jsonb
language sql stable
return jsonb_build_object(
  'status', 'enqueued', 'id', p_id::text, 'jobId', p_job_id, 'createdAt', p_now, 'runAt', p_run_at);

-- Raises CGK05 where the job is there no more: who asked for its record begins anew.
create function existing_result(p_status text, p_id bigint, p_with_record boolean) returns jsonb
language plpgsql stable as $$
declare
  found_record jsonb;
begin
  if not p_with_record then
    return jsonb_build_object('status', p_status, 'id', p_id::text);
  end if;
  select r.record into found_record from records(array[p_id], false) r;
  if found_record is null then
    raise exception 'the job was deleted just now' using errcode = 'CGK05';
  end if;
  return jsonb_build_object('status', p_status, 'id', p_id::text, 'record', found_record);
end $$;

-- Enqueues jobs of any kind, of any queues. Answers the results of add_jobs with records, or, having stored nothing,
-- {conflict: {index, holderName}} or {full: …}, see full_backlog. p_joins is that of enqueue_one, and prepare_join
-- was called before.
create function enqueue_jobs(p_jobs jsonb, p_joins boolean default false) returns jsonb language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  queue_number int;
  now_at bigint;
  results jsonb;
  refused text;
begin
  perform queue_id(name) from (
    select distinct job ->> 'queue' as name from jsonb_array_elements(p_jobs) job order by name
  ) named;
  for queue_number in
    select distinct q.id from jsonb_array_elements(p_jobs) job join queue q on q.name = job ->> 'queue'
    where job ? 'unique' and not p_joins order by q.id
  loop
    perform lock_queue(queue_number);
  end loop;
  if found then
    perform wait_briefly();
  end if;
  loop
    begin
      perform lock_backlogs(array_agg(q.id), array_agg(coalesce(job ->> 'tenantId', '')))
      from jsonb_array_elements(p_jobs) job join queue q on q.name = job ->> 'queue'
      where has_quotas(q.id) and not p_joins;
      now_at := now_ms();
      results := add_jobs(p_jobs, now_at, true, p_joins);
      if not results ? 'conflict' then
        perform refuse_full_backlogs(p_jobs, results);
      end if;
      return results;
    exception
      when sqlstate 'CGK05' then
        perform forget_vanished(p_jobs); -- and again
      when sqlstate 'CGK04' then
        get stacked diagnostics refused = pg_exception_detail;
        return jsonb_build_object('full', refused::jsonb);
    end;
  end loop;
end $$;

-- Before jobs are enqueued in a transaction of a caller's, by another that ends at once: makes their queue, which
-- would be everybody's to wait for, and frees unique keys whose window is over, whose rows others may need.
create function prepare_join(p_queue text, p_tenants text[], p_keys text[]) returns void language plpgsql volatile
set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  queue_number int := queue_id(p_queue);
begin
  if exists (
    select from unnest(p_tenants, p_keys) as g (tenant, key) cross join lateral (
      select from named n
      where n.queue = queue_number and n.tenant = g.tenant and n.kind = 2 and n.key = g.key
        and n.held_until <= now_ms() and n.successor is null offset 0) over)
  then
    perform lock_queue(queue_number);
    perform find_unique_key(queue_number, g.tenant, g.key, now_ms())
    from (select distinct u.tenant, u.key from unnest(p_tenants, p_keys) as u (tenant, key)) g;
  end if;
end $$;
