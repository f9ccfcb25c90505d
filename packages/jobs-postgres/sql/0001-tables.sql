-- What a queue is kept in. Instants are epoch milliseconds of the server's clock (see now_ms), durations
-- milliseconds, rates microseconds. The tenant of jobs without one is ''. Texts compare by their bytes.

-- Sorts as the texts' UTF-16 units do; code points would put U+E000 to U+FFFF before what is beyond them.
create function utf16_order(p_text text) returns int[] language sql immutable strict parallel safe
return array(
  select code + case when code between 57344 and 65535 then 2097152 else 0 end
  from unnest(string_to_array(p_text, null)) with ordinality as x (letter, place), ascii(letter) as code
  order by place);

create table queue (
  id int generated always as identity primary key,
  name text collate "C" not null unique,
  has_quotas boolean not null default false   -- something that was said of it (see said) is a quota
);

-- A block of ids for each enqueue call: id = block * 4096 + place. Blocks are taken in the order of the calls,
-- so that ids are in order of creation, and the ids of one call stand side by side.
create sequence job_block;

-- Jobs that live. Inserted once, deleted at the end; a claim writes nothing here.
create table job (
  id bigint primary key,
  queue int not null,
  -- How often the job has come (back) to wait. It fences leases: whoever was told another turn may not
  -- change the job. What waits in a span or a delay counts only with the turn it was put there with.
  turn int not null default 0,
  priority int not null,
  attempts int not null default 0,
  releases int not null default 0,
  lost_leases int not null default 0,
  generation int not null default 1,
  created_at bigint not null,
  updated_at bigint not null,
  run_at bigint not null,
  -- Of the last attempt, once its lease has ended; of a current one the lease says it.
  started_at bigint,
  -- Set for a job that was cancelled while a worker holds it.
  ended_at bigint,
  tenant text collate "C" not null,
  name text collate "C" not null,
  payload text not null,
  -- From here on null for most jobs.
  -- Its place among its equals and in the line of its ordering key, in the numbers of ids; null for the id
  -- itself. An operator's retry sets it, to a block of its own: the job comes anew.
  place bigint,
  job_id text collate "C",
  metadata text,
  headers text,
  max_attempts bigint,
  retry_delay_ms bigint,
  timeout_ms bigint,
  unique_key text collate "C",
  ordering_key text collate "C",
  concurrency_key text collate "C",
  concurrency_limit bigint,
  limiter text collate "C",
  member_of text collate "C",
  callback_of text collate "C",
  schedule jsonb,
  worker text,
  error jsonb,
  progress text,
  log text[],
  failures jsonb,
  effects jsonb,
  -- The token of the last lease that was settled, for settlements that are repeated.
  settled_token uuid
);
-- Of the id plus nothing: a planner that was told of an empty table by a vacuum thinks as little of reading all of
-- an index as of a look into another, and would search an index that has the id itself, but not first, for each id.
create index job_tenant on job (queue, tenant, (id + 0)) where tenant <> '';
-- Jobs without a tenant are listed among all: where there are such they are all, or most. To be counted they are known
-- by a number alone, for this takes half the time.
create index job_untenanted on job (queue) where tenant = '';

-- Jobs that have ended, and that no worker holds. The columns of job, and these.
create table ended (
  like job including defaults,
  state smallint not null,      -- 1 completed, 2 failed, 3 cancelled
  result text,
  -- What that token is answered when it is repeated: 1 settled, 2 cancelled; null for none.
  settled_as smallint,
  -- Kept beside its history: because of the window of its unique key, or by its group.
  pinned boolean not null default false,
  discard boolean not null default false,
  primary key (id)
);
alter table ended alter column ended_at set not null;
-- Jobs without a tenant are found among all.
create index ended_tenant on ended (queue, tenant, (id + 0)) where tenant <> '';
create index ended_age on ended (queue, state, ended_at, id) where not pinned;

-- Ids that producers chose (kind 1) and unique keys (kind 2), taken in the transaction that stores the job.
create table named (
  queue int not null,
  tenant text collate "C" not null,
  kind smallint not null,
  key text collate "C" not null,
  holder bigint not null,
  successor bigint,
  burst_at bigint,              -- when the burst of duplicates began that a debounce counts from
  held_until bigint,            -- the end of a window; null where the key is held until its holder ends
  primary key (queue, tenant, kind, key)
);
create index named_window on named (held_until) where held_until is not null;

-- News for the dispatcher of a queue, in the order of (xid, seq). Whoever changes what may be claimed and
-- does not hold the queue's lock writes it here, in the transaction that changes it. A claim reads what its
-- snapshot shows and the one before did not; see tick.
create table mail (
  xid xid8 not null default pg_current_xact_id(),
  seq bigint generated always as identity,
  queue int not null,
  tenant text collate "C" not null,
  -- 1: jobs first..last, all of priority and none of them with a limiter or a key, wait from due on, which
  -- is not before they came. 2: so many (last - first + 1) leased jobs that nothing governs were let go.
  -- 3: job first, which has a row in governed, was let go, and waits from due on, or has ended (due null).
  -- 4: as 1, of jobs that all have a limiter or a key; due never for one that only has its place in the
  -- line of its ordering key, until another such row tells when it is due.
  kind smallint not null,
  priority int not null default 0,
  turn int not null default 0,
  first bigint not null,
  last bigint not null,
  due bigint,
  -- Of kind 1 or 4, where the job has one.
  place bigint,
  -- Of kind 3: when the attempt ended, if it tells something.
  ended_at bigint,
  -- Of kind 3, what the end of the attempt tells of what is behind its limiter: 1 it answers, -1 it fails,
  -- 0 nothing; and until when it asks to wait.
  verdict smallint not null default 0,
  pause_until bigint,
  -- Of kind 3: the attempt has shown that the job is no suspect.
  cleared boolean not null default false
);
create index mail_order on mail (queue, xid, seq);

-- The state of a queue's dispatcher: a ledger, read newest first, so that no row is hot.
create table tick (
  queue int not null,
  seq bigint not null,
  -- The present: the virtual time of the lane served last, and its place among those of the same. Lanes that are ready
  -- stand behind it.
  v bigint not null,
  act bigint not null,
  snap pg_snapshot not null,    -- mail that it shows has been read
  -- Where there was too much to read at once: what upto shows is being read, and has been up to there.
  upto pg_snapshot,
  at_xid xid8,
  at_seq bigint,
  -- All that was due before then has been promoted and woken: a look for more begins here, and not among what is
  -- left of that.
  reached bigint not null default 0,
  primary key (queue, seq)
);

-- The order in which lanes became ready, and in which those with suspects have their turns.
create sequence activation;

create sequence lane_number;

-- One lane a tenant. ver is part of the key so that under an old snapshot a lookup, newest first, meets no
-- dead versions.
create table lane (
  queue int not null,
  tenant text collate "C" not null,
  ver bigint not null default 1,
  number bigint not null default nextval('lane_number'), -- its name in span, and the same in all versions
  vt bigint not null,
  act bigint not null default 0,          -- order among lanes of equal vt
  stride bigint not null default 232792560, -- what one claim adds to vt: this over the weight
  ready boolean not null default false,   -- something of it may be claimed now, in fair order
  suspect_turn bigint,                    -- its turn among those of which a suspect may be claimed now
  waiting bigint not null default 0,      -- at most so many jobs stand in it
  -- Few jobs that wait, all of head_rank and due when they came, stand in the lane itself: ranges {first, last} of
  -- ids in their order. Null where they stand in spans.
  near bigint[] default '{}',
  -- What stands before this place has been claimed: a look at the spans begins here, and not among what is
  -- left of those before. Of the span at the head, the ids before head_id.
  head_rank int not null default 0,
  head_admission bigint not null default 0,
  head_id bigint not null default 0,
  due_at bigint,                          -- no range in delayed is due before
  governed_due_at bigint,                 -- no row in governed that waits for its time is due before
  has_gate boolean not null default false,    -- there is a gate of the tenant
  has_governed boolean not null default false -- it has rows in governed
) with (fillfactor = 50); -- so that what comes is written down beside the version before, without new index entries
create unique index lane_key on lane (queue, tenant, ver);
create index lane_turn on lane (queue, vt, act) where ready;
create index lane_suspects on lane (queue, suspect_turn) where suspect_turn is not null;
create index lane_due on lane (queue, due_at) where due_at is not null;
create index lane_governed_due on lane (queue, governed_due_at) where governed_due_at is not null;

-- Jobs that may be claimed and that nothing governs but their lane: those of first..last with that turn. What a
-- range covers may be gone by then.
create table span (
  lane bigint not null,
  rank int not null,            -- ~priority: the lower the earlier
  -- The first id of jobs that were due when they came; of others a number between ids.
  admission bigint not null,
  turn int not null,
  first bigint not null,
  last bigint not null
);
create index span_order on span (lane, rank, admission, last);

-- Jobs that wait for their time, and that nothing else governs.
create table delayed (
  queue int not null,
  tenant text collate "C" not null,
  due bigint not null,
  rank int not null,
  turn int not null,
  first bigint not null,
  last bigint not null,
  place bigint                  -- of a job that was admitted before
);
create index delayed_due on delayed (queue, tenant, due, first);

-- Every live job with a limiter, an ordering or a concurrency key, and every suspect, from admission to end.
create table governed (
  id bigint primary key,
  queue int not null,
  tenant text collate "C" not null,
  state smallint not null,      -- 0 waits for its time, 1 waits, 2 leased
  -- Nothing but limits (state 1) or its time (state 0) keeps it back: claimers are offered it, or told when.
  open boolean not null,
  suspect boolean not null,
  rank int not null,
  admission bigint,             -- null until it was first due
  place bigint not null,        -- in the line of its ordering key
  due bigint not null,
  limiter text collate "C" not null,   -- '' for none
  key text collate "C" not null,       -- 'o' or 'c' before an ordering or a concurrency key; '' for none
  key_limit bigint
);
create index governed_tenant on governed (queue, tenant);
create index governed_due on governed (queue, tenant, due) where state = 0;
create index governed_told on governed (queue, due) where state = 0 and open;
create index governed_next on governed (queue, tenant, limiter, suspect, rank, admission) where state = 1 and open;
-- By their key: all in the order of their places; who is held; who waits, of each limiter; whom it lets.
create index governed_line on governed (queue, tenant, key, place) where key <> '';
create index governed_held on governed (queue, tenant, key) where state = 2 and key <> '';
create index governed_waiting on governed (queue, tenant, key, suspect, limiter, rank, admission)
  where state = 1 and key <> '';
create index governed_first on governed (queue, tenant, key, suspect, rank, admission)
  where state = 1 and key <> '';
create index governed_open on governed (queue, tenant, key) where open and key <> '';

-- What was said about a scope. level 0: the queue (tenant ''), 1: a tenant ('*' for each), or in it a limiter
-- or a key ('' for neither).
create table said (
  queue int not null,
  level smallint not null,
  tenant text collate "C" not null,
  limiter text collate "C" not null,
  key text collate "C" not null,
  operator jsonb not null default '{}',
  directory jsonb not null default '{}',
  primary key (queue, level, tenant, limiter, key)
);

-- The limits of one scope and what of them is used; scopes are named as in said. There is a row for what
-- something applies to that was said, and for each limiter that has been used.
create table gate (
  queue int not null,
  level smallint not null,
  tenant text collate "C" not null,
  limiter text collate "C" not null,
  key text collate "C" not null,
  leased bigint not null default 0,
  paused boolean not null default false,
  concurrency bigint,
  interval_us bigint not null default 0,
  tolerance_us bigint not null default 0,
  next_turn_us bigint not null default 0,
  paused_until bigint not null default 0,
  breaker_failures bigint,
  breaker_cooldown_ms bigint,
  failures bigint not null default 0,
  tripped boolean not null default false,
  tripped_until bigint not null default 0,
  wake_at bigint,               -- when time opens it for something that waits for it
  used_up boolean not null default false, -- something waits that only the end of a lease lets start
  open boolean not null default false,    -- of a limiter: it lets something start that waits
  primary key (queue, level, tenant, limiter, key)
);
create index gate_wake on gate (queue, wake_at) where wake_at is not null;
create index gate_used_up on gate (queue) where used_up;
create index gate_open on gate (queue, tenant) where open;

-- One row a claim, or a part of it where some of its leases were renewed and others were not.
create table lease (
  token uuid not null,
  part int not null default 0,
  queue int not null,
  worker text not null,
  started_at bigint not null,
  expires_at bigint not null,
  live int not null,            -- how many of them are still held
  has_governed boolean not null,
  ids bigint[] not null,
  turns int[] not null,
  primary key (token, part)
);
-- Compressing them, and reading them again, takes longer than all else that a claim writes.
alter table lease alter column ids set storage external;
create index lease_expiry on lease (expires_at);

create table job_group (
  queue int not null,
  tenant text collate "C" not null,
  id text collate "C" not null,
  parent text collate "C",
  root text collate "C" not null,
  total int not null,
  completed int not null default 0,
  failed int not null default 0,
  cancelled int not null default 0,
  created_at bigint not null,
  ended_at bigint,
  callback bigint,              -- the job made at its end, when it ended
  is_over boolean not null default false,
  on_complete jsonb,
  on_any_failed jsonb,
  primary key (queue, tenant, id)
);
create index job_member on job (queue, tenant, member_of) where member_of is not null;
create index ended_member on ended (queue, tenant, member_of) where member_of is not null;
create index ended_callback on ended (queue, tenant, callback_of) where callback_of is not null;
create index job_group_parent on job_group (queue, tenant, parent) where parent is not null;

create table schedule (
  queue int not null,
  tenant text collate "C" not null,
  id text collate "C" not null,
  spec text not null,
  revision bigint not null,
  paused boolean not null,
  next_at bigint,
  created_at bigint not null,
  updated_at bigint not null,
  last_fire jsonb,
  last_end jsonb,
  primary key (queue, tenant, id)
);
create index schedule_order on schedule (queue, utf16_order(tenant), utf16_order(id));
create index schedule_due on schedule (queue, next_at) where not paused and next_at is not null;
