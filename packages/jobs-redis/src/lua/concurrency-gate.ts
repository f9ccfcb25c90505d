import { lua } from './lua.ts'

/**
 * The jobs of one concurrency key. Of those that are due the next by priority and admission alone may be
 * claimed, and only while fewer are held than its own limit. Each limiter has a next of its own, so that
 * one which is closed keeps back none but its own jobs; and so have suspects, which are claimed by
 * themselves.
 *
 * A line of a gate has the limiter, whether it is of suspects, and the serial of the job that is offered.
 */
export const concurrencyGate: string = lua`
local function lineKey(gate, line)
  return C.base .. 'due:' .. pair(Gate.fieldOf(gate), (line.isSuspect and 's' or 'n') .. line.limiter)
end

local function lineOf(gate, job)
  local limiter, isSuspect = job.extras.l or '', job.state.su ~= nil
  gate.lines = gate.lines or {}
  for _, line in ipairs(gate.lines) do
    if line.limiter == limiter and line.isSuspect == isSuspect then return line end
  end
  local line = { limiter = limiter, isSuspect = isSuspect }
  gate.lines[#gate.lines + 1] = line
  return line
end

local function lets(gate, job)
  return gate.held < job.extras.n
end

local function dueOf(gate, line)
  local serial = Line.first(lineKey(gate, line))
  return serial and Jobs.load(serial)
end

local function pushDue(gate, line, job)
  job.state.h = 'c'
  Jobs.touch(job)
  Line.push(lineKey(gate, line), job)
end

function ConcurrencyGate.removeDue(job)
  local gate = Gate.of(job)
  Line.remove(lineKey(gate, lineOf(gate, job)), job)
end

-- Who decides by its own limit whether one more may be claimed.
local function firstOfLines(gate, isSuspect)
  local first, place
  for _, line in ipairs(gate.lines or {}) do
    if line.isSuspect == isSuspect then
      local candidates = { dueOf(gate, line) }
      if line.offered then candidates[#candidates + 1] = Jobs.load(line.offered) end
      for _, job in ipairs(candidates) do
        local itsPlace = Line.place(job)
        if not place or Line.isBefore(itsPlace, place) then first, place = job, itsPlace end
      end
    end
  end
  return first
end

local function offerNext(gate, line, isOpen)
  local offered = line.offered and Jobs.load(line.offered)
  local due = dueOf(gate, line)
  if offered then
    local isFirst = not due or Line.isBefore(Line.place(offered), Line.place(due))
    if isFirst and isOpen and lets(gate, offered) then return false end
    line.offered = nil
    Gate.conceal(offered)
    pushDue(gate, line, offered)
    due = dueOf(gate, line)
  end
  if not due or not isOpen or not lets(gate, due) then return false end
  Line.remove(lineKey(gate, line), due)
  line.offered = due.serial
  Dispatch.expose(due)
  return true
end

local function letLinesThrough(gate, isSuspect)
  local first = firstOfLines(gate, isSuspect)
  local isOpen = first ~= nil and lets(gate, first)
  if isOpen then
    local scope = Gate.scope(gate)
    isOpen = not scope or KeyScope.admits(scope)
  end
  local opened = false
  Gate.touch(gate)
  for _, line in ipairs(gate.lines or {}) do
    if line.isSuspect == isSuspect then opened = offerNext(gate, line, isOpen) or opened end
  end
  return opened
end

function ConcurrencyGate.enter() end

function ConcurrencyGate.leave()
  return false
end

function ConcurrencyGate.offer(gate, job)
  pushDue(gate, lineOf(gate, job), job)
  return letLinesThrough(gate, job.state.su ~= nil)
end

function ConcurrencyGate.withdrawn(gate, job)
  local line = lineOf(gate, job)
  if line.offered == job.serial then line.offered = nil end
  return letLinesThrough(gate, job.state.su ~= nil)
end

function ConcurrencyGate.granted(gate, job)
  lineOf(gate, job).offered = nil
  ConcurrencyGate.letThrough(gate)
end

function ConcurrencyGate.letThrough(gate)
  local sound = letLinesThrough(gate, false)
  return letLinesThrough(gate, true) or sound
end

-- A job that waits for its time stands in nobody's way; whether it may then run shows then.
function ConcurrencyGate.admits()
  return true
end
`
