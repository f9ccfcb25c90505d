-- How much a claim may carry: 8 MiB of payloads and metadata, or one job.

-- Of queues that had no job of more than 4 KiB a claim of so many is within its bounds, and nobody looks.
create function most_unweighed() returns int language sql immutable parallel safe return 2048;

-- Queues that had a job of more than 4 KiB.
-- Several rows of a queue do no harm; were there to be one alone, a producer would wait for another's transaction.
create table bulky (queue int not null);
create index bulky_queue on bulky (queue);

create function is_bulky(p_payload text, p_metadata text) returns boolean language sql immutable parallel safe
return octet_length(p_payload) + coalesce(octet_length(p_metadata), 0) > 4096;

-- Called by whoever inserts such a job. A trigger with a condition, which the server reads anew from its text for each
-- statement, took every job that comes alone 7 µs.
create function note_bulky(p_queue int) returns void language plpgsql volatile as $$
begin
  if not exists (select from bulky b where b.queue = p_queue) then
    insert into bulky values (p_queue);
  end if;
end $$;

-- How many of the jobs of a claim, from the first on, are within its bounds; null for all.
create function within_bytes(p_token uuid) returns int language plpgsql stable as $$
#variable_conflict use_column
begin
  return (
    select nullif(count(*) filter (where place = 1 or bytes <= 8388608), count(*)) from (
      select c.place, sum(j.bytes) over (order by c.place) as bytes
      from lease l cross join unnest(l.ids) with ordinality as c (id, place)
      -- What is stored out of line is not fetched for it.
      cross join lateral (
        select octet_length(payload) + coalesce(octet_length(metadata), 0) as bytes from job where id = c.id offset 0
      ) j
      where l.token = p_token
    ) jobs);
end $$;

-- Claims, and where that is too much, undoes it and claims as many as are not: fewer turns are the first of more.
create function claim_within_bytes(
  p_queue text, p_slots int, p_prefetch int, p_lease_ms bigint, p_worker text, p_token uuid,
  out ids text, out turns text, out started_at bigint, out next_due_in_ms bigint, out awaits_release boolean,
  out has_suspects boolean
) language plpgsql volatile as $$
declare
  most int := p_slots + p_prefetch;
begin
  loop
    begin
      select c.* into ids, turns, started_at, next_due_in_ms, awaits_release, has_suspects
      from claim(
        p_queue, least(p_slots, most), least(p_prefetch, greatest(0, most - p_slots)), p_lease_ms, p_worker, false,
        p_token, false) c;
      most := within_bytes(p_token);
      if most is null then
        return;
      end if;
      raise exception using errcode = 'CGK06';
    exception when sqlstate 'CGK06' then -- and again
    end;
  end loop;
end $$;
