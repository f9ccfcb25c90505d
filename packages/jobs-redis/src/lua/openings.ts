import { lua } from './lua.ts'

/**
 * What allowances that keep something back wait for: an instant, or the end of a lease. Who waits for
 * anything else, a resume or other limits, is told when it comes.
 *
 * An owner is named by a letter and its record: t a lane, b a bucket, k a key.
 */
export const openings: string = lua`
-- How many alarms one call attends to; the rest are for the next.
local MOST_ALARMS = 1000

local function setAlarm(allowance, owner, at)
  if allowance.wakeAt == at then return end
  local queue = C.queue
  if at then
    call('ZADD', C.base .. 'alarms', digits(at), owner)
    if not allowance.wakeAt then queue.alarms = queue.alarms + 1 end
  else
    call('ZREM', C.base .. 'alarms', owner)
    queue.alarms = queue.alarms - 1
  end
  allowance.wakeAt = at
end

local function setUsedUp(allowance, isUsedUp)
  if (allowance.usedUp or false) == isUsedUp then return end
  allowance.usedUp = isUsedUp or nil
  C.queue.usedUp = C.queue.usedUp + (isUsedUp and 1 or -1)
end

-- The owner has no alarm any more. Returns how it looks again; nothing where it is gone.
local function roused(owner)
  local kind, name = string.sub(owner, 1, 1), string.sub(owner, 2)
  if kind == 't' then
    local lane = Lane.find(name)
    if not lane then return end
    lane.allowance.wakeAt = nil
    Lane.touch(lane)
    return function() Dispatch.refresh(lane) end
  elseif kind == 'b' then
    local bucket = Records.find('limiters', name)
    if not bucket then return end
    bucket.allowance.wakeAt = nil
    Records.touch('limiters', name)
    return function() Dispatch.refreshBucket(bucket) end
  end
  local scope = Records.find('scopes', name)
  if not scope then return end
  scope.allowance.wakeAt = nil
  return function() KeyScope.reconsider(scope) end
end

-- Lets the owners of what time has opened look again.
function Openings.wake()
  local queue = C.queue
  if queue.alarms == 0 then return end
  local owners = call('ZRANGEBYSCORE', C.base .. 'alarms', '-inf', digits(C.now), 'LIMIT', 0, MOST_ALARMS)
  if #owners == 0 then return end
  callWith('ZREM', C.base .. 'alarms', owners)
  queue.alarms = queue.alarms - #owners
  -- One that looks again may look at another, which must not think that its alarm is still set.
  local looks = {}
  for _, owner in ipairs(owners) do looks[#looks + 1] = roused(owner) end
  for _, look in ipairs(looks) do look() end
end

-- When the next alarm goes off; infinite for never.
function Openings.nextAt()
  if C.queue.alarms == 0 then return INFINITY end
  return tonumber(call('ZRANGE', C.base .. 'alarms', 0, 0, 'WITHSCORES')[2])
end

function Openings.isOpen(allowance)
  return Allowance.isFree(allowance) or Allowance.opensAt(allowance) <= C.now
end

-- Whether a job may start as far as the allowance goes; takes note of what it waits for.
function Openings.admits(allowance, owner, hasWork)
  if Allowance.isFree(allowance) and not allowance.wakeAt then
    setUsedUp(allowance, false)
    return hasWork
  end
  local opensAt = Allowance.opensAt(allowance)
  setUsedUp(allowance, hasWork and Allowance.isUsedUp(allowance))
  local isAwaited = hasWork and opensAt > C.now and opensAt < INFINITY
  setAlarm(allowance, owner, isAwaited and opensAt or nil)
  return hasWork and opensAt <= C.now
end

-- Nothing waits for the allowance any more, as far as is known; it may be none.
function Openings.rest(allowance, owner)
  if not allowance then return end
  setUsedUp(allowance, false)
  setAlarm(allowance, owner, nil)
end
`
