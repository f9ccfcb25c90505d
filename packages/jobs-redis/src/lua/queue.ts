import { lua } from './lua.ts'

/** One queue: where each of its jobs waits or rests, and how many there are of each standing. */
export const queue: string = lua`
-- Makes ready what has come due. To be called before anything that depends on it; once a call will do.
function Queue.promote()
  if C.isPromoted then return end
  C.isPromoted = true
  Openings.wake()
  Delays.promote()
end

function Queue.takeSerial()
  C.queue.serial = C.queue.serial + 1
  return C.queue.serial
end

local function count(lane, standing, by)
  lane.tally[standing] = lane.tally[standing] + by
  C.queue.tally[standing] = C.queue.tally[standing] + by
end

-- Takes up jobs that were just made in a lane, all pending.
function Queue.add(lane, number)
  lane.size = lane.size + number
  count(lane, PENDING, number)
  Lane.touch(lane)
end

-- Gives a job another standing.
function Queue.stand(job, standing)
  local lane, state = Lane.of(job.tenant), job.state
  Jobs.touch(job)
  if state.st == standing then return end
  count(lane, state.st, -1)
  count(lane, standing, 1)
  state.st = standing
  Lane.touch(lane)
end

-- Deletes a job, wherever it is.
function Queue.forget(job)
  local lane = Lane.of(job.tenant)
  Queue.withdraw(job)
  local id = Jobs.chosenId(job)
  if id then
    call('HDEL', C.base .. 'named', pair(job.tenant, id))
    if Jobs.serialIn(id) then C.queue.guessed = C.queue.guessed - 1 end
  end
  lane.size = lane.size - 1
  count(lane, job.state.st, -1)
  Lane.touch(lane)
  Jobs.delete(job)
end

-- Keeps an ended job as long as the window of its unique key lasts.
function Queue.retain(job, until_)
  job.state.h = 'w'
  Jobs.touch(job)
  call('ZADD', C.base .. 'retained', digits(until_), digits(job.serial))
end

-- When the first of those windows ends; infinite for never.
function Queue.nextReleaseAt()
  local first = call('ZRANGE', C.base .. 'retained', 0, 0, 'WITHSCORES')
  return first[2] and tonumber(first[2]) or INFINITY
end

-- Gives up a job whose key is held no longer.
function Queue.takeRetained()
  if Queue.nextReleaseAt() > C.now then return end
  local job = Jobs.load(tonumber(call('ZPOPMIN', C.base .. 'retained')[1]))
  job.state.h = ''
  return job
end

-- A job's time has come. Whether something may be claimed now that could not be before.
function Queue.arrive(job)
  local state = job.state
  Queue.stand(job, state.at > 0 and RETRYING or PENDING)
  if state.ad == 0 then
    -- Nothing was made or admitted since: the serial will do.
    state.ad = job.isNew and job.serial == C.queue.serial and job.serial or Queue.takeSerial()
  end
  if UniqueHolds.isSuccessor(job) then return false end
  local gate = Gate.of(job)
  if gate then return Gate.offer(gate, job) end
  Dispatch.expose(job)
  return true
end

-- Lets a job wait until it is due. Claimers hear of it if it may be claimed at once, or is due before
-- all that they know of.
function Queue.wait(job)
  if job.state.ru <= C.now then
    local isOffered = Queue.arrive(job)
    Hints.ready(isOffered and Dispatch.offers(Lane.of(job.tenant)))
    return
  end
  Queue.stand(job, job.state.at > 0 and RETRYING or SCHEDULED)
  Delays.add(job)
  Hints.ready(false)
end

-- Takes a job out of whatever it waits or rests in.
function Queue.withdraw(job)
  Dispatch.takeOut(job)
  local gate = Gate.of(job)
  if gate then
    Hints.ready(Gate.withdrawn(gate, job) and Dispatch.offers(Lane.of(job.tenant)))
  end
end

-- A job was claimed.
function Queue.granted(job)
  local lane = Lane.of(job.tenant)
  Dispatch.granted(job, lane)
  Lane.touch(lane)
  local gate = Gate.of(job)
  if not gate then return end
  Gate.granted(gate, job)
  local scope = Gate.scope(gate)
  if scope then KeyScope.reconsider(scope) end
end

-- The lease of a job has ended.
function Queue.released(job)
  local lane = Lane.of(job.tenant)
  local opened = Dispatch.released(job, lane)
  local gate = Gate.of(job)
  local letThrough = gate and Gate.released(gate)
  Hints.ready(opened or (letThrough and Dispatch.offers(lane)))
end

-- When time may let a job start that may not now; infinite for never.
function Queue.nextDueAt()
  local allowance = C.queue.allowance
  if allowance.paused then return INFINITY end
  local first = math.min(Delays.nextDueAt(), Dispatch.nextOpeningAt())
  return math.max(first, Allowance.clearsAt(allowance))
end

-- Lets everything in a lane keep to what its limits say now.
function Queue.applyTo(lane)
  local effective = Limits.effective(lane.tenant, '')
  lane.weight = effective.weight ~= 1 and effective.weight or nil
  lane.backlog = effective.backlog
  Allowance.apply(lane.allowance, effective)
  Lane.countPlain(lane)
  Dispatch.refresh(lane)
  Hints.ready(Dispatch.offers(lane))
end

-- Lets a limiter of a lane keep to what its limits say now.
function Queue.applyToLimiter(lane, limiter)
  local bucket = Bucket.find(lane, limiter)
  if not bucket then return end
  Allowance.apply(bucket.allowance, Limits.effective(lane.tenant, 'l' .. limiter))
  Dispatch.refreshBucket(bucket)
  Hints.ready(Dispatch.offers(lane))
end

-- Lets a key of a lane keep to what its limits say now.
function Queue.applyToKey(lane, key)
  if not KeyScope.find(lane, key) and #Gate.ofKey(lane, key) == 0 then return end
  local scope = KeyScope.of(lane, key)
  if not scope then return end
  Allowance.apply(scope.allowance, Limits.effective(lane.tenant, 'k' .. key))
  KeyScope.reconsider(scope)
  Hints.ready(Dispatch.offers(lane))
end

-- Lets go of tenants without jobs, so that those who never come back take no room.
function Queue.dropEmptyLanes(most)
  local key = C.base .. 'emptied'
  for _, tenant in ipairs(call('SRANDMEMBER', key, most)) do
    local lane = Lane.find(tenant)
    if not lane or lane.size > 0 or not PlainTally.isEmpty(tenant) then
      call('SREM', key, tenant)
    elseif Dispatch.mayForget(lane) then
      call('SREM', key, tenant)
      Lane.drop(lane)
    end
  end
end
`
