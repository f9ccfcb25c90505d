import { lua } from './lua.ts'

/**
 * The ended jobs of one queue that no worker holds: a shelf for each way to end, by the end. A member is
 * the serial, a number and the tenant: plain jobs that follow one another and ended together are one, with
 * their number; any other has 0. Those that were completed on a sheet are one as well: the claim, and the first place and
 * the number instead of the tenant. Of these and of a run those count that still have that end. A call puts and takes
 * down what it has at its end.
 */
export const history: string = lua`
local SHELVES = { COMPLETED, FAILED, CANCELLED }

local function shelfKey(standing)
  return C.base .. 'history:' .. standing
end

local MEMBER = '>I6I4'

local function runMember(first, count, tenant)
  return struct.pack(MEMBER, first, count) .. tenant
end

-- What a member that names places of a sheet has as number.
local ON_SHEET = 4294967295

local function sheetMember(claim, from, count)
  return struct.pack('>I6I4I4I4', claim, ON_SHEET, from, count)
end

local function memberOf(job)
  return runMember(job.serial, 0, job.tenant)
end

-- The first serial, the tenant and the number.
local function parse(member)
  local first, count = struct.unpack(MEMBER, member)
  return first, string.sub(member, 11), count
end

local function sizes()
  return C.queue.history
end

local function shelve(standing, endedAt, member, count)
  local list = C.shelved[standing]
  if not list then
    list = {}
    C.shelved[standing] = list
  end
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

-- Keeps jobs of a sheet that were completed now.
function History.shelveSheet(claim, from, count)
  shelve(COMPLETED, C.now, sheetMember(claim, from, count), count)
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
  local firsts, counts, tenants, deleted, plain = {}, {}, {}, 0, 0
  for index = 1, #members / 2 do
    firsts[index], tenants[index], counts[index] = parse(members[2 * index - 1])
  end
  Marks.preload(firsts, counts)
  for index, first in ipairs(firsts) do
    local endedAt, tenant, count = tonumber(members[2 * index]), tenants[index], counts[index]
    if deleted >= most then
      shelve(standing, endedAt, members[2 * index - 1], 0)
    elseif count == ON_SHEET then
      local from, size = struct.unpack('>I4I4', tenant)
      local looked = math.min(size, most - deleted)
      local gone = PlainJobs.forgetOnSheet(first, from, looked, endedAt)
      plain = plain + gone
      deleted = deleted + gone
      if looked < size then shelve(standing, endedAt, sheetMember(first, from + looked, size - looked), 0) end
    elseif count > 0 then
      local gone, looked = PlainJobs.forget(first, count, endedAt, most - deleted)
      PlainTally.add(tenant, 0, -gone)
      plain = plain + gone
      deleted = deleted + gone
      if looked < count then shelve(standing, endedAt, runMember(first + looked, count - looked, tenant), 0) end
    else
      deleted = deleted + 1
      sizes()[standing] = sizes()[standing] - 1
      local job = Jobs.load(first)
      job.state.h = ''
      Transitions.forget(job)
    end
  end
  sizes()[standing] = sizes()[standing] - plain
  C.queue.tally[COMPLETED] = C.queue.tally[COMPLETED] - plain
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
    local first, rest, count = parse(member)
    if count == ON_SHEET then
      local from, size = struct.unpack('>I4I4', rest)
      local onSheet = Claims.find(first) and Sheets.serials(first) or {}
      for place = from, from + size - 1 do serials[#serials + 1] = onSheet[place] end
    else
      for serial = first, first + math.max(count, 1) - 1 do serials[#serials + 1] = serial end
    end
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
