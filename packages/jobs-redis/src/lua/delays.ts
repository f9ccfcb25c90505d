import { lua } from './lua.ts'

/**
 * The jobs of one queue that wait for their time. Those that a key keeps back whatever the time are apart:
 * claimers need not look when it comes.
 */
export const delays: string = lua`
-- How many jobs one call makes ready; the rest are for the next.
local MOST_PROMOTED = 1000

local SETS = { d = 'delayed', z = 'dormant' }

local function delayKey(home)
  return C.base .. SETS[home]
end

-- Among those of one instant the older is first.
local function delayMember(job)
  return string.format('%015.0f', job.serial)
end

local function push(job, home)
  job.state.h = home
  Jobs.touch(job)
  C.queue.delays = C.queue.delays + 1
  call('ZADD', delayKey(home), digits(job.state.ru), delayMember(job))
end

-- Whether nothing but its time keeps a waiting job back, as things stand.
local function mayRunInTime(job)
  if UniqueHolds.isSuccessor(job) then return false end
  local gate = Gate.of(job)
  return not gate or Gate.admits(gate, job)
end

function Delays.add(job)
  push(job, mayRunInTime(job) and 'd' or 'z')
end

function Delays.remove(job, home)
  C.queue.delays = C.queue.delays - 1
  call('ZREM', delayKey(home), delayMember(job))
end

-- Claimers are to look when the job's time comes.
function Delays.rouse(job)
  if job.state.h ~= 'z' or not mayRunInTime(job) then return end
  Delays.remove(job, 'z')
  push(job, 'd')
end

-- Claimers are not to look when the job's time comes.
function Delays.lull(job)
  if job.state.h ~= 'd' then return end
  Delays.remove(job, 'd')
  push(job, 'z')
end

local function firstOfDelays(home)
  if C.queue.delays == 0 then return '', INFINITY end
  local first = call('ZRANGE', delayKey(home), 0, 0, 'WITHSCORES')
  if first[1] then return first[1], tonumber(first[2]) end
  return '', INFINITY
end

-- When the first job comes due for which claimers are to look; infinite for never.
function Delays.nextDueAt()
  local _, at = firstOfDelays('d')
  return at
end

-- Gives up the next job whose time has come.
local function takeDue()
  local home, member, at = 'd', firstOfDelays('d')
  local dormant, dormantAt = firstOfDelays('z')
  if dormantAt < at or (dormantAt == at and dormant < member) then
    home, member, at = 'z', dormant, dormantAt
  end
  if at > C.now then return end
  C.queue.delays = C.queue.delays - 1
  call('ZREM', delayKey(home), member)
  local job = Jobs.load(tonumber(member))
  job.state.h = ''
  return job
end

-- Makes ready what has come due.
function Delays.promote()
  if C.queue.delays == 0 then return end
  for _ = 1, MOST_PROMOTED do
    local job = takeDue()
    if not job then return end
    Queue.arrive(job)
  end
end
`
