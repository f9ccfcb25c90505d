import { lua } from './lua.ts'

/**
 * The ended jobs of one queue that no worker holds: a shelf for each way to end, by the end. A member is
 * the serial, of plain jobs that follow one another and ended together p and how many they are, of any
 * other b, and the tenant. Of a run those count that still have the mark of that end. A call puts and
 * takes down what it has at its end.
 */
export const history: string = lua`
local SHELVES = { COMPLETED, FAILED, CANCELLED }

local function shelfKey(standing)
  return C.base .. 'history:' .. standing
end

local function memberOf(job)
  return string.format('%015.0f', job.serial) .. 'b' .. job.tenant
end

local function runMember(first, count, tenant)
  return string.format('%015.0fp%d:', first, count) .. tenant
end

-- The first serial and the tenant; how many follow it where they are plain.
local function parse(member)
  local first = tonumber(string.sub(member, 1, 15))
  if string.sub(member, 16, 16) == 'b' then return first, string.sub(member, 17) end
  local count, tenant = string.match(member, '^(%d+):(.*)$', 17)
  return first, tenant, tonumber(count)
end

local function sizes()
  C.queue.history = C.queue.history or { [COMPLETED] = 0, [FAILED] = 0, [CANCELLED] = 0 }
  return C.queue.history
end

local function shelve(standing, endedAt, member, count)
  C.shelved[standing] = C.shelved[standing] or {}
  local list = C.shelved[standing]
  list[#list + 1] = digits(endedAt)
  list[#list + 1] = member
  sizes()[standing] = sizes()[standing] + count
end

local function putDown()
  for standing, list in pairs(C.shelved) do callWith('ZADD', shelfKey(standing), list) end
  C.shelved = {}
end

-- Keeps plain jobs that follow one another and were completed now.
function History.shelveRun(first, count, tenant)
  shelve(COMPLETED, C.now, runMember(first, count, tenant), count)
end

-- Keeps an ended job.
function History.add(job)
  job.state.h = 'e'
  Jobs.touch(job)
  shelve(job.state.st, job.state.en, memberOf(job), 1)
end

function History.remove(job)
  putDown()
  local standing = job.state.st
  -- A plain one is missed in its run.
  if not job.claim then call('ZREM', shelfKey(standing), memberOf(job)) end
  sizes()[standing] = sizes()[standing] - 1
end

-- Deletes up to 'most' jobs of members with their ends, which were taken down; how many. What is left of a
-- run is put back.
local function forget(standing, members, most)
  local firsts, counts, lanes, deleted = {}, {}, {}, 0
  for index = 1, #members, 2 do
    local first, tenant, count = parse(members[index])
    if count then firsts[#firsts + 1], counts[#counts + 1], lanes[#lanes + 1] = first, count, tenant end
  end
  Marks.preload(firsts, counts)
  Lane.preload(lanes)
  for index = 1, #members, 2 do
    local endedAt = tonumber(members[index + 1])
    local first, tenant, count = parse(members[index])
    if deleted >= most then
      shelve(standing, endedAt, members[index], 0)
    elseif count then
      local gone, looked = PlainJobs.forget(first, count, Lane.of(tenant), endedAt, most - deleted)
      deleted = deleted + gone
      sizes()[standing] = sizes()[standing] - gone
      if looked < count then shelve(standing, endedAt, runMember(first + looked, count - looked, tenant), 0) end
    else
      deleted = deleted + 1
      sizes()[standing] = sizes()[standing] - 1
      local job = Jobs.load(first)
      job.state.h = ''
      Transitions.forget(job)
    end
  end
  return deleted
end

-- About as many of a shelf as hold so many jobs.
local function membersFor(standing, jobs)
  local key = shelfKey(standing)
  return math.max(1, math.floor(call('ZCARD', key) * jobs / sizes()[standing]))
end

-- Keeps to the bounds of each shelf, and answers how many jobs that deleted. The end of a job may end a
-- group, which ends others: so until nothing is left.
function History.settle()
  local deleted = 0
  while next(C.shelved) do
    putDown()
    for _, standing in ipairs(SHELVES) do
      local surplus = sizes()[standing] - C.maxCounts[standing]
      while surplus > 0 do
        putDown()
        local members = call('ZPOPMIN', shelfKey(standing), membersFor(standing, surplus))
        deleted = deleted + forget(standing, members, surplus)
        surplus = sizes()[standing] - C.maxCounts[standing]
      end
    end
  end
  return deleted
end

-- Deletes up to 'most' jobs that are past their age; how many.
function History.prune(most, maxAges)
  local deleted = 0
  for _, standing in ipairs(SHELVES) do
    local latest = C.now - maxAges[standing]
    if deleted < most and latest > -INFINITY then
      putDown()
      local key = shelfKey(standing)
      local members = call('ZRANGEBYSCORE', key, '-inf', digits(latest), 'WITHSCORES', 'LIMIT', 0, most - deleted)
      if #members > 0 then
        call('ZREMRANGEBYRANK', key, 0, #members / 2 - 1)
        deleted = deleted + forget(standing, members, most - deleted)
      end
    end
  end
  putDown()
  return deleted
end

-- The serials of the jobs on a shelf, and of some that are there no more.
function History.serials(standing)
  local serials = {}
  for _, member in ipairs(call('ZRANGE', shelfKey(standing), 0, -1)) do
    local first, _, count = parse(member)
    for serial = first, first + (count or 1) - 1 do serials[#serials + 1] = serial end
  end
  return serials
end

local function nextExpiryOf(standing, maxAges)
  local first = call('ZRANGE', shelfKey(standing), 0, 0, 'WITHSCORES')
  return first[2] and tonumber(first[2]) + maxAges[standing] or INFINITY
end

-- When a job will be past its age; infinite for never.
function History.nextExpiryAt(maxAges)
  local at = INFINITY
  for _, standing in ipairs(SHELVES) do at = math.min(at, nextExpiryOf(standing, maxAges)) end
  return at
end
`
