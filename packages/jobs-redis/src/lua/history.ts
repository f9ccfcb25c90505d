import { lua } from './lua.ts'

/** The ended jobs of one queue that no worker holds: a shelf for each way to end, by the end. */
export const history: string = lua`
local SHELVES = { COMPLETED, FAILED, CANCELLED }

local function shelfKey(standing)
  return C.base .. 'history:' .. standing
end

local function shelfMember(job)
  return string.format('%015.0f', job.serial)
end

local function sizes()
  C.queue.history = C.queue.history or { [COMPLETED] = 0, [FAILED] = 0, [CANCELLED] = 0 }
  return C.queue.history
end

local function pop(standing)
  local member = call('ZPOPMIN', shelfKey(standing))[1]
  sizes()[standing] = sizes()[standing] - 1
  local job = Jobs.load(tonumber(member))
  job.state.h = ''
  return job
end

-- Keeps a job, and answers with the one that is too many for it, which may be the same.
function History.add(job)
  local standing = job.state.st
  job.state.h = 'e'
  Jobs.touch(job)
  call('ZADD', shelfKey(standing), digits(job.state.en), shelfMember(job))
  sizes()[standing] = sizes()[standing] + 1
  if sizes()[standing] > C.maxCounts[standing] then return pop(standing) end
end

function History.remove(job)
  local standing = job.state.st
  call('ZREM', shelfKey(standing), shelfMember(job))
  sizes()[standing] = sizes()[standing] - 1
end

local function nextExpiryOf(standing, maxAges)
  local first = call('ZRANGE', shelfKey(standing), 0, 0, 'WITHSCORES')
  return first[2] and tonumber(first[2]) + maxAges[standing] or INFINITY
end

-- Gives up a job that is past its age.
function History.takeExpired(maxAges)
  for _, standing in ipairs(SHELVES) do
    if nextExpiryOf(standing, maxAges) <= C.now then return pop(standing) end
  end
end

-- When a job will be past its age; infinite for never.
function History.nextExpiryAt(maxAges)
  local at = INFINITY
  for _, standing in ipairs(SHELVES) do at = math.min(at, nextExpiryOf(standing, maxAges)) end
  return at
end
`
