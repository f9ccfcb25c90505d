import { lua } from './lua.ts'

/**
 * The limits of one scope, and what of them is used. Says nothing about what waits for it.
 *
 * Fields: leased, plain (more that are leased, where PlainTally counts them), paused, concurrency, interval and
 * tolerance of the rate and nextTurn (GCRA's theoretical arrival time) in microseconds, pausedUntil, breaker and
 * cooldown, failures in a row, trippedUntil while the breaker is tripped; wakeAt while an alarm is set, usedUp
 * while a release is awaited.
 */
export const allowance: string = lua`
-- Whether a concurrency or a rate applies, or a limiter is what this is of.
function Allowance.isLimited(allowance)
  return allowance.concurrency ~= nil or allowance.interval ~= nil or allowance.breaker ~= nil
end

-- Whether nothing but a lease counts here: then a claim need not look any closer.
function Allowance.isFree(allowance)
  return not allowance.paused and (allowance.pausedUntil or 0) <= C.now
    and not Allowance.isLimited(allowance)
end

function Allowance.leased(allowance)
  return (allowance.leased or 0) + (allowance.plain or 0)
end

local function isFull(allowance)
  local leased = Allowance.leased(allowance)
  return leased >= (allowance.concurrency or INFINITY) or (allowance.trippedUntil ~= nil and leased > 0)
end

-- Only the end of a lease can let another start.
function Allowance.isUsedUp(allowance)
  return not allowance.paused and isFull(allowance)
end

-- From when on a job may start as far as time goes.
function Allowance.clearsAt(allowance)
  local inTurn = 0
  if allowance.interval then
    inTurn = math.ceil(((allowance.nextTurn or 0) - allowance.tolerance) / 1000)
  end
  return math.max(inTurn, allowance.pausedUntil or 0, allowance.trippedUntil or 0)
end

-- From when on a job may start; infinite where time alone does not bring it.
function Allowance.opensAt(allowance)
  if allowance.paused or isFull(allowance) then return INFINITY end
  return Allowance.clearsAt(allowance)
end

-- From when on nothing is remembered that matters; infinite while failures in a row are counted.
function Allowance.restsAt(allowance)
  if (allowance.failures or 0) > 0 or Allowance.leased(allowance) > 0 then return INFINITY end
  return math.max((allowance.nextTurn or 0) / 1000, allowance.pausedUntil or 0, allowance.trippedUntil or 0)
end

local function close(allowance)
  allowance.failures, allowance.trippedUntil = nil, nil
end

-- Takes over other limits. A new rate begins with what the one before has left of it.
function Allowance.apply(allowance, effective)
  allowance.paused = effective.paused or nil
  allowance.concurrency = effective.concurrency
  local rate = effective.rate
  local interval = rate and math.ceil(rate.periodMs * 1000 / rate.limit)
  local tolerance = rate and (rate.burst - 1) * interval
  allowance.interval, allowance.tolerance = interval, tolerance
  if allowance.nextTurn then
    local latest = C.now * 1000 + (tolerance or 0) + (interval or 0)
    allowance.nextTurn = math.min(allowance.nextTurn, latest)
  end
  local breaker = effective.breaker
  allowance.breaker = breaker and breaker.failures
  allowance.cooldown = breaker and breaker.cooldownMs
  if not breaker then close(allowance) end
end

function Allowance.take(allowance, count)
  allowance.leased = (allowance.leased or 0) + (count or 1)
  if allowance.interval then
    allowance.nextTurn = math.max(allowance.nextTurn or 0, C.now * 1000) + allowance.interval
  end
end

function Allowance.giveBack(allowance, count)
  allowance.leased = allowance.leased - (count or 1)
end

-- Nothing starts before that instant.
function Allowance.pauseUntil(allowance, instant)
  allowance.pausedUntil = math.max(allowance.pausedUntil or 0, instant)
end

-- An attempt has succeeded: what is behind the limiter answers.
Allowance.succeeded = close

-- An attempt has failed in a way that may be the fault of what is behind the limiter.
function Allowance.failed(allowance)
  if not allowance.breaker then return end
  allowance.failures = (allowance.failures or 0) + 1
  if not allowance.trippedUntil and allowance.failures < allowance.breaker then return end
  allowance.trippedUntil = C.now + allowance.cooldown
end

function Allowance.breakerState(allowance)
  if not allowance.trippedUntil then return 'closed' end
  return allowance.trippedUntil > C.now and 'open' or 'probing'
end
`
