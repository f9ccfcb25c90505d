import { lua } from './lua.ts'

/**
 * The short way of the jobs that most are: nothing binds or governs them, their first attempt is granted
 * and completes. Their states are texts of one form, written and read without a table between; a state of
 * any other form goes the long way.
 */
export const plainJobs: string = lua`
-- A state after its first claim. What follows is the epoch of the token and the rest.
local function stateHead(worker)
  local now = digits(C.now)
  return '{"st":4,"h":"l","at":1,"ge":1,"ls":"held","up":' .. now .. ',"sa":' .. now
    .. ',"wk":' .. cjson.encode(worker) .. ',"tk":"'
end

-- The instant of the claim, the worker as JSON, the token, the start it was due for, the admission.
local HELD = '^{"st":4,"h":"l","at":1,"ge":1,"ls":"held","up":%d+,"sa":(%d+),"wk":(".-"),"tk":"([^"]+)","ru":(%d+),"ad":(%d+)}$'

-- The creation, the tenant, and what the extras begin with: a space where none of them binds the job.
local BODY = '^(%d+)\n[^\n]*\n([^\n]*)\n(.)'

local function isUnbound(mark)
  return mark == '\n' or mark == ' '
end

local function move(lane, from, to)
  local tally, ofQueue = lane.tally, C.queue.tally
  tally[from], ofQueue[from] = tally[from] - 1, ofQueue[from] - 1
  tally[to], ofQueue[to] = tally[to] + 1, ofQueue[to] + 1
end

-- Leases a job that was not claimed before, and which no limit governs; its reply. Nothing where it is
-- not such a job.
function PlainJobs.grant(serial, lane, request)
  local raw = Jobs.rawOf(serial)
  if not raw or raw[2] then return end
  request.head = request.head or stateHead(request.worker)
  local queue = C.queue
  queue.epoch = queue.epoch + 1
  local state = request.head .. string.format('%x', queue.epoch) .. '.' .. request.nonce
    .. '","ru":' .. string.match(raw[1], '^%d+') .. ',"ad":' .. digits(serial) .. '}'
  Jobs.writeRaw(serial, raw[1], state)
  C.leased[serial] = C.now + request.leaseMs
  Allowance.take(queue.allowance)
  Allowance.take(lane.allowance)
  move(lane, PENDING, RUNNING)
  Lane.touch(lane)
  return { serial, raw[1], state, '' }
end

-- Completes the first attempt of a job that nothing binds or governs; whether it was such a one.
function PlainJobs.complete(settlement)
  if not settlement.isPlain or not Allowance.isFree(C.queue.allowance) then return false end
  local serial = Jobs.serialIn(settlement.id)
  local raw = serial and Jobs.rawOf(serial)
  if not raw or not raw[2] then return false end
  local startedAt, worker, token, runAt, admission = string.match(raw[2], HELD)
  if token ~= settlement.token then return false end
  local created, tenant, mark = string.match(raw[1], BODY)
  if not isUnbound(mark) or tenant ~= settlement.tenant then return false end
  if Jobs.madeId(tonumber(created), serial) ~= settlement.id then return false end
  local lane = Lane.of(tenant)
  if not Allowance.isFree(lane.allowance) then return false end
  Queue.promote()
  local now, result = digits(C.now), settlement.outcome.text
  local state = '{"st":5,"h":"e","at":1,"ge":1,"ls":"settled","up":' .. now .. ',"en":' .. now
    .. ',"sa":' .. startedAt .. ',"wk":' .. worker .. ',"tk":"' .. token .. '","ru":' .. runAt
    .. ',"ad":' .. admission .. (result and ',"rs":' .. cjson.encode(result) or '') .. '}'
  Jobs.writeRaw(serial, raw[1], state)
  C.leased[serial] = false
  Allowance.giveBack(C.queue.allowance)
  Allowance.giveBack(lane.allowance)
  move(lane, RUNNING, COMPLETED)
  Lane.touch(lane)
  History.shelve(COMPLETED, serial, C.now, tenant, true)
  return true
end

-- Deletes an ended job that nothing binds and of which nothing is kept elsewhere.
function PlainJobs.forget(serial, tenant, standing)
  local lane = Lane.of(tenant)
  lane.size = lane.size - 1
  lane.tally[standing] = lane.tally[standing] - 1
  C.queue.tally[standing] = C.queue.tally[standing] - 1
  Lane.touch(lane)
  Jobs.deleteRaw(serial)
end
`
