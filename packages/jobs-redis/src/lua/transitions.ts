import { lua } from './lua.ts'

/**
 * How jobs end, wait again and come back: the steps of which every call is made. Whatever hangs on the
 * end of a job (keys, groups, schedules) happens in Transitions.finish and nowhere else.
 */
export const transitions: string = lua`
-- The holder lets go of its key; who waits to succeed has it at once.
local function freeKey(hold)
  local successor = hold.successor
  if not successor then
    UniqueHolds.drop(hold)
    return
  end
  hold.holder, hold.successor, hold.endsAt = successor, nil, nil
  UniqueHolds.touch(hold)
  local job = Jobs.load(successor)
  Queue.withdraw(job)
  Queue.wait(job)
end

local function ended(job, standing)
  local hold = UniqueHolds.of(job)
  if hold then
    if hold.successor == job.serial then
      hold.successor = nil
      UniqueHolds.touch(hold)
    elseif not hold.endsAt or hold.endsAt <= C.now or hold.successor then
      freeKey(hold)
    end
  end
  Groups.ended(job, standing)
end

-- Ends a job that no worker holds, and which waits nowhere.
function Transitions.finish(job, standing, discard)
  local state = job.state
  state.en, state.up = C.now, C.now
  Queue.stand(job, standing)
  if job.extras.s then Schedules.ended(job, standing) end
  if not Jobs.hasTies(job) then
    if discard then Queue.forget(job) else History.add(job) end
    return
  end
  state.di = discard or nil
  ended(job, standing)
  Gate.leave(job)
  Transitions.retire(job)
  Groups.release()
end

-- Ends a waiting job, or a running one whose worker is to hear of it; whether it had not ended.
function Transitions.cancel(job)
  if Jobs.hasEnded(job) then return false end
  Queue.promote()
  if job.state.st ~= RUNNING then
    Queue.withdraw(job)
    Transitions.finish(job, CANCELLED, false)
    return true
  end
  job.state.up, job.state.en = C.now, C.now
  Queue.stand(job, CANCELLED)
  if job.extras.s then Schedules.ended(job, CANCELLED) end
  if Jobs.hasTies(job) then
    ended(job, CANCELLED)
    Groups.release()
  end
  Hints.changed()
  return true
end

-- Ends the lease of a job. One that was cancelled is thereby done with.
function Transitions.endLease(job, stage)
  Queue.promote()
  Leases.finish(job, stage)
  Queue.released(job)
  if job.state.st ~= CANCELLED then return end
  Gate.leave(job)
  Transitions.retire(job)
end

function Transitions.wait(job, delayMs)
  job.state.ru = C.now + delayMs
  Queue.wait(job)
end

-- Begins a new generation of a failed or cancelled job; whether it did, or who holds its unique key.
function Transitions.retry(job)
  local state, key = job.state, job.extras.u
  if (state.st ~= FAILED and state.st ~= CANCELLED) or state.ls == 'held' then return false end
  if key then
    local hold = UniqueHolds.find(job.tenant, key)
    if not hold then
      UniqueHolds.take(job.tenant, key, job)
    elseif hold.holder ~= job.serial then
      return false, Jobs.load(hold.holder)
    else
      hold.burstAt = C.now
      UniqueHolds.touch(hold)
    end
  end
  Queue.promote()
  Queue.withdraw(job)
  Groups.uncount(job)
  Jobs.beginGeneration(job)
  state.di = nil
  -- Behind all whose turn is the serial under which they were made.
  state.tn = Queue.takeSerial()
  Gate.enter(job)
  Queue.wait(job)
  return true
end

-- Deletes a job that no worker holds; whether nobody did. A waiting one ends thereby.
function Transitions.remove(job)
  if job.state.ls == 'held' then return false end
  Queue.promote()
  Queue.withdraw(job)
  if Jobs.hasTies(job) then
    if not Jobs.hasEnded(job) then ended(job, CANCELLED) end
    Gate.leave(job)
    local hold = UniqueHolds.of(job)
    if hold then freeKey(hold) end
  end
  Transitions.forget(job)
  Groups.release()
  return true
end

-- Lets go of an ended job that no worker holds, unless a key or a group still retains it; whether that
-- deleted it.
function Transitions.retire(job)
  if not Jobs.hasTies(job) then
    History.add(job)
    return false
  end
  if Groups.retains(job) then return false end
  local hold = UniqueHolds.of(job)
  if hold and hold.endsAt and hold.endsAt > C.now then
    Queue.retain(job, hold.endsAt)
    return false
  end
  if hold then UniqueHolds.drop(hold) end
  if job.state.di then
    Transitions.forget(job)
    return true
  end
  History.add(job)
  return false
end

-- Deletes a job that has ended or is about to.
function Transitions.forget(job)
  Queue.forget(job)
  Groups.forgotten(job)
end
`
