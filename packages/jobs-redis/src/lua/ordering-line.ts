import { lua } from './lua.ts'

/**
 * The jobs of one ordering key that live, in order of admission: a sorted set by their turns. The first
 * alone may be claimed, and only while no worker holds a job of the key.
 */
export const orderingLine: string = lua`
local function orderKey(gate)
  return C.base .. 'order:' .. Gate.fieldOf(gate)
end

local function firstOf(gate)
  local serial = call('ZRANGE', orderKey(gate), 0, 0)[1]
  return serial and Jobs.load(tonumber(serial))
end

local function keepBack(job)
  if Gate.conceal(job) then
    job.state.h = 'p'
    Jobs.touch(job)
  else
    Delays.lull(job)
  end
end

-- Its place: since it was made, or an operator made it run again.
local function turnOfJob(job)
  return job.state.tn or job.serial
end

function OrderingLine.enter(gate, job)
  local before = firstOf(gate)
  call('ZADD', orderKey(gate), digits(turnOfJob(job)), digits(job.serial))
  if before and turnOfJob(job) < turnOfJob(before) then keepBack(before) end
end

function OrderingLine.leave(gate, job)
  call('ZREM', orderKey(gate), digits(job.serial))
  return OrderingLine.letThrough(gate)
end

function OrderingLine.offer(gate, job)
  job.state.h = 'p'
  Jobs.touch(job)
  return OrderingLine.letThrough(gate)
end

function OrderingLine.withdrawn()
  return false
end

function OrderingLine.granted() end

function OrderingLine.admits(gate, job)
  return gate.held == 0 and firstOf(gate) == job
end

function OrderingLine.letThrough(gate)
  local job = gate.held == 0 and firstOf(gate)
  -- A job is nowhere while the end of its attempt is being taken down.
  if not job or job.state.h == '' or job.state.h == 'l' then return false end
  local scope = Gate.scope(gate)
  if scope and not KeyScope.admits(scope) then
    keepBack(job)
    return false
  end
  if job.state.h ~= 'p' then
    Delays.rouse(job)
    return false
  end
  job.state.h = ''
  Dispatch.expose(job)
  return true
end
`
