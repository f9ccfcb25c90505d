import { lua } from './lua.ts'

/**
 * The ended jobs of one queue that no worker holds: a shelf for each way to end, by the end. A member is
 * the serial, whether nothing binds the job (p, else b), and its tenant. A call puts and takes down what
 * it has at its end.
 */
export const history: string = lua`
local SHELVES = { COMPLETED, FAILED, CANCELLED }

local function shelfKey(standing)
  return C.base .. 'history:' .. standing
end

local function shelfMember(serial, tenant, isUnbound)
  return string.format('%015.0f', serial) .. (isUnbound and 'p' or 'b') .. tenant
end

local function memberOf(job)
  local isUnbound = not (Jobs.hasTies(job) or Jobs.chosenId(job) or job.state.x)
  return shelfMember(job.serial, job.tenant, isUnbound)
end

local function sizes()
  C.queue.history = C.queue.history or { [COMPLETED] = 0, [FAILED] = 0, [CANCELLED] = 0 }
  return C.queue.history
end

local function shelve(standing, endedAt, member)
  C.shelved[standing] = C.shelved[standing] or {}
  local list = C.shelved[standing]
  list[#list + 1] = digits(endedAt)
  list[#list + 1] = member
  sizes()[standing] = sizes()[standing] + 1
end

local function putDown()
  for standing, list in pairs(C.shelved) do callWith('ZADD', shelfKey(standing), list) end
  C.shelved = {}
end

-- Keeps a job by its names alone.
function History.shelve(standing, serial, endedAt, tenant, isUnbound)
  shelve(standing, endedAt, shelfMember(serial, tenant, isUnbound))
end

-- Keeps an ended job.
function History.add(job)
  job.state.h = 'e'
  Jobs.touch(job)
  shelve(job.state.st, job.state.en, memberOf(job))
end

function History.remove(job)
  putDown()
  local standing = job.state.st
  call('ZREM', shelfKey(standing), memberOf(job))
  sizes()[standing] = sizes()[standing] - 1
end

-- Deletes the job of a member that was taken down.
local function forget(standing, member)
  local serial, tenant = tonumber(string.sub(member, 1, 15)), string.sub(member, 17)
  sizes()[standing] = sizes()[standing] - 1
  if string.sub(member, 16, 16) == 'p' and not C.jobs[serial] then
    PlainJobs.forget(serial, tenant, standing)
    return
  end
  local job = Jobs.load(serial)
  job.state.h = ''
  Transitions.forget(job)
end

-- Keeps to the bounds of each shelf, and answers how many jobs that deleted. The end of a job may end a
-- group, which ends others: so until nothing is left.
function History.settle()
  local deleted = 0
  while next(C.shelved) do
    putDown()
    for _, standing in ipairs(SHELVES) do
      local surplus = sizes()[standing] - C.maxCounts[standing]
      if surplus > 0 then
        local members = call('ZPOPMIN', shelfKey(standing), surplus)
        for index = 1, #members, 2 do
          forget(standing, members[index])
          deleted = deleted + 1
        end
      end
    end
  end
  return deleted
end

-- Deletes up to 'most' jobs that are past their age; how many.
function History.prune(most, maxAges)
  putDown()
  local deleted = 0
  for _, standing in ipairs(SHELVES) do
    local latest = C.now - maxAges[standing]
    if deleted < most and latest > -INFINITY then
      local members = call('ZRANGEBYSCORE', shelfKey(standing), '-inf', digits(latest), 'LIMIT', 0, most - deleted)
      callWith('ZREM', shelfKey(standing), members)
      for _, member in ipairs(members) do forget(standing, member) end
      deleted = deleted + #members
    end
  end
  return deleted
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
