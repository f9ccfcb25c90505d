-- Who may see and do what, and what people look at.

create function base36(p_number bigint) returns text language plpgsql immutable as $$
declare
  digits text := '';
  rest bigint := p_number;
begin
  loop
    digits := substr('0123456789abcdefghijklmnopqrstuvwxyz', (rest % 36)::int + 1, 1) || digits;
    rest := rest / 36;
    exit when rest = 0;
  end loop;
  return digits;
end $$;

-- Of the tenant that the transaction acts for: what workers hold. For who may not read lease, which names the jobs of
-- all tenants.
create function held_by_tenant()
returns table (id bigint, turn int, worker text, started_at bigint) language plpgsql stable
set search_path from current as $$
#variable_conflict use_column
begin
  return query
  select held.id, held.turn, lease.worker, lease.started_at
  from lease, unnest(lease.ids, lease.turns) as held (id, turn)
  join job on job.id = held.id and job.turn = held.turn
  where job.tenant = nullif(current_setting('cgk.tenant', true), '');
end $$;

-- Jobs as the queue shows them. Texts of JSON stay texts, because one that nobody can read must not hide the others.
create view job_status with (security_invoker = true) as
select
  coalesce(j.job_id, 'job_' || base36(j.created_at) || '_' || lpad(to_hex(j.id), 16, '0')) as id,
  queue.name as queue,
  nullif(j.tenant, '') as tenant_id,
  j.name,
  status_of(j.state, j.attempts, j.run_at, held.id is not null, now_ms()) as status,
  j.priority,
  j.payload,
  j.metadata,
  j.headers,
  j.attempts + (held.id is not null)::int as attempts,
  j.max_attempts,
  j.releases,
  j.lost_leases,
  j.generation,
  to_timestamp(j.created_at / 1000.0) as created_at,
  to_timestamp(greatest(j.updated_at, held.started_at) / 1000.0) as updated_at,
  to_timestamp(j.run_at / 1000.0) as run_at,
  to_timestamp(coalesce(held.started_at, j.started_at) / 1000.0) as started_at,
  to_timestamp(j.ended_at / 1000.0) as ended_at,
  coalesce(held.worker, j.worker) as worker,
  j.result,
  j.error,
  j.progress,
  j.unique_key,
  j.ordering_key,
  j.concurrency_key,
  j.limiter,
  j.member_of as group_id,
  j.schedule ->> 'id' as schedule_id
from (
  select id, queue, turn, tenant, job_id, name, priority, payload, metadata, headers, attempts, max_attempts, releases,
    lost_leases, generation, created_at, updated_at, run_at, started_at, ended_at, worker, null as result, error,
    progress, unique_key, ordering_key, concurrency_key, limiter, member_of, schedule,
    case when ended_at is not null then 3::smallint end as state, true as is_live
  from job
  union all
  select id, queue, turn, tenant, job_id, name, priority, payload, metadata, headers, attempts, max_attempts, releases,
    lost_leases, generation, created_at, updated_at, run_at, started_at, ended_at, worker, result, error,
    progress, unique_key, ordering_key, concurrency_key, limiter, member_of, schedule,
    state, false
  from history
) j
join queue on queue.id = j.queue
left join (
  select held.id, held.turn, lease.worker, lease.started_at
  from lease, unnest(lease.ids, lease.turns) as held (id, turn)
  union
  select * from held_by_tenant()
) held on held.id = j.id and held.turn = j.turn and j.is_live;

-- Whoever is let read these sees what is of the tenant that the transaction acts for, and without one nothing; owners
-- see all. Of leases nobody else sees anything.
alter table job enable row level security;
alter table ended enable row level security;
alter table done enable row level security;
alter table lease enable row level security;
-- That it is not '' is said for the planner, which knows by it that the index of tenants will do.
create policy own_tenant on job for select
  using (tenant = nullif(current_setting('cgk.tenant', true), '') and tenant <> '');
create policy own_tenant on ended for select
  using (tenant = nullif(current_setting('cgk.tenant', true), '') and tenant <> '');
create policy own_tenant on done for select using (tenant = nullif(current_setting('cgk.tenant', true), ''));

-- What the store calls (see the search_path of those functions) acts with the rights of the owner, so that nobody else
-- needs rights on tables, and only for those who were granted the function.
do $$
declare
  found record;
begin
  for found in
    select p.oid::regprocedure as name, p.proconfig::text like '%search_path=%' as is_called
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = current_schema()
  loop
    execute format('revoke execute on function %s from public', found.name);
    if found.is_called then
      execute format('alter function %s security definer', found.name);
    end if;
  end loop;
end $$;
