import { lua } from './lua.ts'

/**
 * What claims of one queue are offered, and in which order.
 *
 * A lane is in the fair order only while a job of it may start: one that is paused or at its limit is in
 * nothing that a claim looks at, so that it costs claims nothing, however many there are. It comes back
 * by itself: by an alarm where time brings it, else with the release, the resume or the change of limits
 * that makes room.
 *
 * Where a job waits or rests, its state says: r ready in its lane, u a suspect in its lane, b and v the
 * same in a bucket, d delayed, z dormant, p parked by its ordering key, c due at its concurrency key,
 * l leased, e in history, w retained by its unique key.
 */
export const dispatch: string = lua`
local function hasCandidates()
  return not FairOrder.isEmpty() or C.queue.alone > 0
end

local function isQueueOpen()
  return Openings.isOpen(C.queue.allowance)
end

Dispatch.isOpen = isQueueOpen

local function isCandidate(lane)
  return lane.fair or lane.isAlone or false
end

function Dispatch.hasReady()
  return isQueueOpen() and not FairOrder.isEmpty()
end

function Dispatch.hasSuspects()
  return isQueueOpen() and C.queue.alone > 0
end

-- Whether a job waits that only the end of a lease can let start.
function Dispatch.awaitsRelease()
  return C.queue.usedUp > 0 or (Allowance.isUsedUp(C.queue.allowance) and hasCandidates())
end

-- When time lets a job start that is due and may not now; infinite for never.
function Dispatch.nextOpeningAt()
  if not isQueueOpen() and hasCandidates() then return Allowance.opensAt(C.queue.allowance) end
  return Openings.nextAt()
end

-- Whether something of the lane may be claimed now.
function Dispatch.offers(lane)
  return isCandidate(lane) and isQueueOpen()
end

-- Takes up to 'count' jobs whose turn it is, and calls 'grant' with each as it is taken, or 'grantRun'
-- with the serials of some that nothing governs and those of each lane, or the tenants.
function Dispatch.takeReady(count, grant, grantRun)
  while count > 0 and isQueueOpen() do
    local isFree = Allowance.isFree(C.queue.allowance)
    local job, serials, ofLanes, tenants = FairOrder.take(isFree and count or 1, isFree)
    if job then
      grant(job)
      count = count - 1
    elseif not serials then
      return
    else
      Jobs.preload(serials)
      if isFree then
        grantRun(serials, ofLanes, tenants)
      else
        grant(Jobs.load(serials[1]))
      end
      count = count - #serials
    end
  end
end

-- Takes jobs that neither a limit nor a key governs, in their turn.
function Dispatch.takeUngoverned(count, grantRun)
  if Allowance.isLimited(C.queue.allowance) or not isQueueOpen() then return end
  local serials, ofLanes, tenants = FairOrder.takeUngoverned(count)
  Jobs.preload(serials)
  grantRun(serials, ofLanes, tenants)
end

-- The lanes of which a suspect may be claimed take turns.
local function standAlone(lane)
  C.queue.activation = C.queue.activation + 1
  C.queue.alone = C.queue.alone + 1
  call('ZADD', C.base .. 'alone', digits(C.queue.activation), lane.tenant)
end

-- Takes the next suspect, the tenants taking turns.
function Dispatch.takeSuspect()
  if not Dispatch.hasSuspects() then return end
  C.queue.alone = C.queue.alone - 1
  local lane = Lane.find(call('ZPOPMIN', C.base .. 'alone')[1])
  local job = Lane.takeSuspect(lane)
  lane.isAlone = Lane.hasSuspects(lane) or nil
  if lane.isAlone then standAlone(lane) end
  job.state.h = ''
  return job
end

-- The bucket of a job; nothing where neither a key nor a limiter governs when it is offered.
local function bucketOfJob(lane, job)
  local extras = job.extras
  local hasGate = extras.o or extras.c
  if not extras.l and (job.state.su or not hasGate) then return end
  return Bucket.of(lane, extras.l or '')
end

-- Offers a job to claimers.
function Dispatch.expose(job)
  local lane, state = Lane.of(job.tenant), job.state
  local bucket = bucketOfJob(lane, job)
  Jobs.touch(job)
  if bucket then
    state.h = state.su and 'v' or 'b'
    Bucket.push(bucket, state.su and 'suspects' or 'jobs', job)
    Dispatch.refreshBucket(bucket)
    return
  end
  Lane.touch(lane)
  if state.su then
    state.h = 'u'
    Line.push(Lane.suspectsKey(lane), job)
    lane.suspects = (lane.suspects or 0) + 1
    Dispatch.refresh(lane)
  else
    state.h = 'r'
    Ready.push(lane, job)
    if not lane.fair then Dispatch.refresh(lane) end
  end
end

-- Takes a job out of whatever it waits or rests in.
function Dispatch.takeOut(job)
  local state = job.state
  local home = state.h
  if home == '' then return end
  local lane = Lane.of(job.tenant)
  state.h = ''
  Jobs.touch(job)
  if home == 'r' then
    Ready.remove(lane, job)
    Lane.touch(lane)
    if lane.ready == 0 then Dispatch.refresh(lane) end
  elseif home == 'u' then
    Line.remove(Lane.suspectsKey(lane), job)
    lane.suspects = lane.suspects - 1
    Lane.touch(lane)
    Dispatch.refresh(lane)
  elseif home == 'b' or home == 'v' then
    local bucket = Bucket.find(lane, job.extras.l or '')
    Bucket.remove(bucket, home == 'b' and 'jobs' or 'suspects', job)
    Dispatch.refreshBucket(bucket)
  elseif home == 'd' or home == 'z' then
    Delays.remove(job, home)
  elseif home == 'c' then
    ConcurrencyGate.removeDue(job)
  elseif home == 'e' then
    History.remove(job)
  elseif home == 'w' then
    call('ZREM', C.base .. 'retained', digits(job.serial))
  end
end

-- Whether claimers are offered the job, as far as it lies with its key.
function Dispatch.isExposed(job)
  local home = job.state.h
  return home == 'r' or home == 'u' or home == 'b' or home == 'v'
end

-- Closes the bucket of keys when its last job was claimed.
local function tidy(lane)
  local bucket = Bucket.find(lane, '')
  if bucket and bucket.isOpen and Bucket.isEmpty(bucket) then Dispatch.refreshBucket(bucket) end
end

-- A job was claimed.
function Dispatch.granted(job, lane)
  Allowance.take(C.queue.allowance)
  Allowance.take(lane.allowance)
  if not Allowance.isFree(lane.allowance) then Dispatch.refresh(lane) end
  local extras = job.extras
  if extras.l then
    local bucket = Bucket.find(lane, extras.l)
    Allowance.take(bucket.allowance)
    Bucket.touch(bucket)
    Dispatch.refreshBucket(bucket)
  elseif lane.open and #lane.open > 0 then
    tidy(lane)
  end
  local scope = KeyScope.ofJob(job)
  if scope then
    Allowance.take(scope.allowance)
    KeyScope.touch(scope)
  end
end

-- The lease of a job has ended; whether something may be claimed that could not be before.
function Dispatch.released(job, lane)
  local queue = C.queue
  local wasOpen = isQueueOpen()
  Allowance.giveBack(queue.allowance)
  Allowance.giveBack(lane.allowance)
  Lane.touch(lane)
  local opened = not wasOpen and isQueueOpen() and hasCandidates()
  if not Allowance.isFree(lane.allowance) then opened = Dispatch.refresh(lane) or opened end
  if job.extras.l then
    local bucket = Bucket.find(lane, job.extras.l)
    Allowance.giveBack(bucket.allowance)
    Bucket.touch(bucket)
    opened = Dispatch.refreshBucket(bucket) or opened
  end
  local scope = KeyScope.ofJob(job)
  if scope then
    Allowance.giveBack(scope.allowance)
    KeyScope.touch(scope)
    opened = KeyScope.reconsider(scope) or opened
  end
  return opened and isQueueOpen()
end

-- The limiter of a job that is leased, if it has one.
function Dispatch.limiterOf(job)
  if not job.extras.l then return end
  local bucket = Bucket.find(Lane.of(job.tenant), job.extras.l)
  Bucket.touch(bucket)
  return bucket.allowance
end

-- Whether one of the scopes of a job is paused.
function Dispatch.isPaused(job)
  local lane = Lane.of(job.tenant)
  if C.queue.allowance.paused or lane.allowance.paused then return true end
  if job.extras.l and Bucket.find(lane, job.extras.l).allowance.paused then return true end
  local scope = KeyScope.ofJob(job)
  return scope ~= nil and scope.allowance.paused == true
end

-- Puts a lane where it belongs; whether something of it may be claimed that could not be before.
function Dispatch.refresh(lane)
  local hasReady, hasSuspects = Lane.hasReady(lane), Lane.hasSuspects(lane)
  local couldBefore = isCandidate(lane)
  local can = Openings.admits(lane.allowance, 't' .. lane.tenant, hasReady or hasSuspects)
  Lane.touch(lane)
  if can and hasReady then FairOrder.enter(lane) else FairOrder.leave(lane) end
  if can and hasSuspects then
    if not lane.isAlone then standAlone(lane) end
    lane.isAlone = true
  elseif lane.isAlone then
    C.queue.alone = C.queue.alone - 1
    call('ZREM', C.base .. 'alone', lane.tenant)
    lane.isAlone = nil
  end
  return can and not couldBefore
end

-- Opens or closes a bucket of a lane; whether something may be claimed that could not be before.
function Dispatch.refreshBucket(bucket)
  local lane, isEmpty = Lane.of(bucket.tenant), Bucket.isEmpty(bucket)
  local isOpen = not isEmpty
  if bucket.allowance then
    isOpen = Openings.admits(bucket.allowance, 'b' .. pair(bucket.tenant, bucket.limiter), not isEmpty)
  end
  local opened = isOpen and not bucket.isOpen
  if opened then
    lane.open = lane.open or {}
    lane.open[#lane.open + 1] = bucket.limiter
  elseif bucket.isOpen and not isOpen then
    without(lane.open, bucket.limiter)
  end
  bucket.isOpen = isOpen or nil
  Bucket.touch(bucket)
  Lane.touch(lane)
  -- A lane that could be claimed from before may now give more than it could.
  return Dispatch.refresh(lane) or (opened and isCandidate(lane))
end

-- The limits of the queue as a whole have changed.
function Dispatch.reconsider()
  return isQueueOpen() and hasCandidates()
end

function Dispatch.mayForget(lane)
  return Lane.mayForget(lane) and FairOrder.mayForget(lane)
end
`
