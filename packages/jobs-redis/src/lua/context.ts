import { lua } from './lua.ts'

/**
 * What a call works on: one queue at a time, its clock, and what it has read of it. What a call changes
 * of records is written once, at its end.
 */
export const context: string = lua`
-- redis.call, which there is only while a function runs.
local call
local INFINITY = 1 / 0
local C

-- How a job stands; the place of each in a tally.
local PENDING, SCHEDULED, RETRYING, RUNNING, COMPLETED, FAILED, CANCELLED = 1, 2, 3, 4, 5, 6, 7

-- Bodies, states, results and marks of so many jobs lie together: those that a batch has of one bucket cost a
-- command, and the jobs of many tenants are spread over all that wait.
local BUCKET = 4096

-- What a job is called in them, by its place from 1.
local FIELDS = {}
for place = 1, BUCKET do FIELDS[place] = (place - 1) .. '' end

local function bucketOf(serial)
  return math.floor(serial / BUCKET)
end

local function fieldOf(serial)
  return FIELDS[serial % BUCKET + 1]
end

-- A number in all its digits. Most are asked for more than once in a row.
local lastNumber, lastDigits
local function digits(number)
  if number ~= lastNumber then
    lastNumber, lastDigits = number, string.format('%.0f', number)
  end
  return lastDigits
end

-- Two texts as one, so that no other two make the same.
local function pair(first, second)
  return #first .. ':' .. first .. second
end

-- Lua's stack takes some 8,000 values: longer lists go in pieces. The last arguments are the list.
local CHUNK = 4000
local function callWith(command, key, list)
  local count = #list
  if count == 0 then return end
  for from = 1, count, CHUNK do
    call(command, key, unpack(list, from, math.min(count, from + CHUNK - 1)))
  end
end

local function indexOf(list, item)
  for index = 1, #list do
    if list[index] == item then return index end
  end
end

local function without(list, item)
  local index = indexOf(list, item)
  if index then table.remove(list, index) end
end

-- What a call is made of; each has a file of its own.
local Context, Records, Line, Ready, Jobs, PlainJobs, Cold = {}, {}, {}, {}, {}, {}, {}
local Marks, Claims, Sheets, PlainTally = {}, {}, {}, {}
local Lane, Allowance, Openings, FairOrder, OneEach, Dispatch, Bucket = {}, {}, {}, {}, {}, {}, {}
local Gate, OrderingLine, ConcurrencyGate, KeyScope, Delays, Queue = {}, {}, {}, {}, {}, {}
local Hints, History, Leases, UniqueHolds, Groups, Schedules = {}, {}, {}, {}, {}, {}
local Transitions, Enqueuer, LoneJob, Leasing, Limits, Catalog, Reply = {}, {}, {}, {}, {}, {}, {}

-- The server's time in milliseconds, or the one that a test gives, in digits.
function Context.instant(given)
  if given ~= '' then return given end
  local time = call('TIME')
  local micros = time[2]
  if #micros < 6 then micros = string.sub('00000' .. micros, -6) end
  return time[1] .. string.sub(micros, 1, 3)
end

function Context.now(given)
  return tonumber(Context.instant(given))
end

-- The head of a queue begins with the virtual time. That of most is of one form, in which a number of
-- leases is all that its allowance has; any other is a map.
local MAP = 'm'
local FORM = '>dc1I6I4I6I6I4I4I4I4dI6I4I4I4dI4I4I4I4I4I4I4I4I4I4I4c6'

local function fromForm(packed)
  local time, _, serial, guessed, activation, epoch, limits, usedUp, alarms, era, rebased, bucket, delays,
    fair, alone, restUntil, leased, t1, t2, t3, t4, t5, t6, t7, h5, h6, h7, series = struct.unpack(FORM, packed)
  return {
    time = time, serial = serial, guessed = guessed, activation = activation, epoch = epoch, limits = limits,
    usedUp = usedUp, alarms = alarms, era = era, rebased = rebased, bucket = bucket, delays = delays,
    fair = fair, alone = alone, restUntil = restUntil >= 0 and restUntil or nil,
    allowance = { leased = leased > 0 and leased or nil }, tally = { t1, t2, t3, t4, t5, t6, t7 },
    history = { [COMPLETED] = h5, [FAILED] = h6, [CANCELLED] = h7 }, series = series,
  }
end

local function isInForm(queue)
  if queue.isStale then return false end
  for key in pairs(queue.allowance) do
    if key ~= 'leased' then return false end
  end
  return true
end

local function packed(queue)
  if not isInForm(queue) then
    local record = {}
    for key, value in pairs(queue) do record[key] = value end
    record.time = nil
    return struct.pack('>d', queue.time) .. MAP .. cmsgpack.pack(record)
  end
  local t, history = queue.tally, queue.history
  return struct.pack(FORM, queue.time, 'f', queue.serial, queue.guessed, queue.activation, queue.epoch, queue.limits,
    queue.usedUp, queue.alarms, queue.era, queue.rebased, queue.bucket, queue.delays, queue.fair,
    queue.alone, queue.restUntil or -1, queue.allowance.leased or 0, t[1], t[2], t[3], t[4], t[5], t[6], t[7],
    history[COMPLETED], history[FAILED], history[CANCELLED], queue.series)
end

local function unpacked(text)
  if string.sub(text, 9, 9) ~= MAP then return fromForm(text) end
  local queue = cmsgpack.unpack(string.sub(text, 10))
  queue.time = struct.unpack('>d', text)
  return queue
end

-- Reads the head of a queue; 'base' is what its keys begin with.
function Context.open(base, now)
  local text = call('GET', base .. 'queue')
  local queue = text and unpacked(text) or {
    serial = 0, guessed = 0, activation = 0, epoch = 0, limits = 0, usedUp = 0, alarms = 0, time = 0, era = 0,
    rebased = 0, bucket = 0, delays = 0, fair = 0, alone = 0, tally = { 0, 0, 0, 0, 0, 0, 0 },
    allowance = {}, history = { [COMPLETED] = 0, [FAILED] = 0, [CANCELLED] = 0 },
  }
  C = {
    base = base, now = now, queue = queue, isNew = not text,
    jobs = {}, dirtyJobs = {}, lanes = {}, records = {},
    bodies = {}, states = {}, gone = {}, marks = {}, marked = {}, claims = {}, sheets = {}, plain = {},
    over = {}, leased = {}, shelved = {}, entered = {}, laneTexts = {}, dirtyTexts = {},
  }
end

function Context.close()
  call('SET', C.base .. 'queue', packed(C.queue))
end

-- A record of a hash, read once a call and written at its end if it was marked.
function Records.find(hash, field)
  local all = C.records[hash]
  if not all then
    all = { cached = {}, dirty = {} }
    C.records[hash] = all
  end
  local record = all.cached[field]
  if record == nil then
    local packed = call('HGET', C.base .. hash, field)
    record = packed and cmsgpack.unpack(packed) or false
    all.cached[field] = record
  end
  return record or nil
end

function Records.put(hash, field, record)
  Records.find(hash, field)
  C.records[hash].cached[field] = record
  C.records[hash].dirty[field] = true
end

function Records.touch(hash, field)
  C.records[hash].dirty[field] = true
end

function Records.delete(hash, field)
  Records.put(hash, field, false)
end

function Records.flush()
  for hash, all in pairs(C.records) do
    local written, deleted = {}, {}
    for field in pairs(all.dirty) do
      local record = all.cached[field]
      if record then
        written[#written + 1] = field
        written[#written + 1] = cmsgpack.pack(record)
      else
        deleted[#deleted + 1] = field
      end
    end
    all.dirty = {}
    callWith('HSET', C.base .. hash, written)
    callWith('HDEL', C.base .. hash, deleted)
  end
end
`
