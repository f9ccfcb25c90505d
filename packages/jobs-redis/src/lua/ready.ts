import { lua } from './lua.ts'

/**
 * What of a lane may be claimed and neither a key nor a limiter governs. Jobs that were due as they were
 * enqueued are admitted under their serials, so that a run of them is a range: nothing is kept of each.
 * A few ranges of a lane are in its record, more are in a sorted set as in Line.
 */
export const ready: string = lua`
local RANGE, MOST_RANGES = '>I2I6I4', 32
Ready.MOST_RANGES = MOST_RANGES

local function readyKey(lane)
  return C.base .. 'ready:' .. lane.tenant
end

-- The first number of a range, by which higher priorities are before lower ones.
function Ready.rankOf(priority)
  return 32767 - priority
end

function Ready.rangeMember(range)
  return struct.pack(RANGE, 32767 - range[1], range[2], range[3])
end
local rangeMember = Ready.rangeMember

-- The range in a text that has one at that place.
function Ready.rangeIn(text, at)
  local priority, serial, count = struct.unpack(RANGE, text, at)
  return { 32767 - priority, serial, count }
end

local function spill(lane)
  local ranges = lane.ranges
  if not ranges then return end
  local added = {}
  for _, range in ipairs(ranges) do
    added[#added + 1] = 0
    added[#added + 1] = rangeMember(range)
  end
  callWith('ZADD', readyKey(lane), added)
  lane.tail = ranges[#ranges]
  lane.ranges = nil
end

local function isAfter(range, priority, serial)
  return range[1] < priority or (range[1] == priority and range[2] > serial)
end

-- Puts a range where it belongs among those of the record; whether there was room.
local function insert(ranges, priority, serial, count)
  local at = #ranges
  while at > 0 and isAfter(ranges[at], priority, serial) do at = at - 1 end
  local before = ranges[at]
  if before and before[1] == priority and before[2] + before[3] == serial then
    before[3] = before[3] + count
  elseif #ranges < MOST_RANGES then
    table.insert(ranges, at + 1, { priority, serial, count })
  else
    return false
  end
  return true
end

local function pushSpilled(lane, priority, serial, count)
  local key, tail = readyKey(lane), lane.tail
  if tail and tail[1] == priority and tail[2] + tail[3] == serial
    and call('ZREM', key, rangeMember(tail)) == 1 then
    tail[3] = tail[3] + count
  else
    tail = { priority, serial, count }
    lane.tail = tail
  end
  call('ZADD', key, 0, rangeMember(tail))
end

-- Takes up 'count' jobs from 'serial' on, each admitted under its serial.
function Ready.pushRange(lane, priority, serial, count)
  if lane.ready == 0 then
    lane.ranges, lane.tail = { { priority, serial, count } }, nil
  elseif not lane.ranges then
    pushSpilled(lane, priority, serial, count)
  elseif not insert(lane.ranges, priority, serial, count) then
    spill(lane)
    pushSpilled(lane, priority, serial, count)
  end
  lane.ready = lane.ready + count
end

function Ready.push(lane, job)
  local priority, admission = job.extras.p or 0, job.state.ad
  if admission == job.serial then
    Ready.pushRange(lane, priority, job.serial, 1)
    return
  end
  spill(lane)
  call('ZADD', readyKey(lane), 0, Line.member(priority, admission, job.serial))
  lane.ready = lane.ready + 1
end

local function decode(member)
  if #member == 14 then
    local priority, _, serial = struct.unpack('>I2I6I6', member)
    return 32767 - priority, serial, 1
  end
  local priority, serial, count = struct.unpack(RANGE, member)
  return 32767 - priority, serial, count
end

-- The place of the first job, see Line.place.
function Ready.place(lane)
  if lane.ready == 0 then return end
  if lane.ranges then return string.sub(rangeMember(lane.ranges[1]), 1, 8) end
  return string.sub(call('ZRANGE', readyKey(lane), 0, 0)[1], 1, 8)
end

local function takeSpilled(lane, count, serials)
  local key = readyKey(lane)
  while count > 0 do
    local priority, first, length = decode(call('ZPOPMIN', key)[1])
    local taken = math.min(count, length)
    for serial = first, first + taken - 1 do serials[#serials + 1] = serial end
    count = count - taken
    if taken < length then call('ZADD', key, 0, rangeMember({ priority, first + taken, length - taken })) end
  end
end

-- Takes up to 'count' jobs, the first first, and appends their serials.
function Ready.take(lane, count, serials)
  count = math.min(count, lane.ready)
  lane.ready = lane.ready - count
  local ranges = lane.ranges
  if not ranges then return takeSpilled(lane, count, serials) end
  while count > 0 do
    local range = ranges[1]
    local first, length = range[2], range[3]
    local taken = math.min(count, length)
    for serial = first, first + taken - 1 do serials[#serials + 1] = serial end
    count = count - taken
    if taken == length then table.remove(ranges, 1)
    else range[2], range[3] = first + taken, length - taken end
  end
  if #ranges == 0 then lane.ranges = nil end
end

-- How far the oldest is looked for behind jobs that were given back.
local MOST_LOOKED_AT = 100

-- When the oldest was made of the jobs of which nothing but their place is known; infinite for none.
function Ready.oldestCreation(lane)
  if lane.ready == 0 then return INFINITY end
  local members = {}
  if lane.ranges then
    for index, range in ipairs(lane.ranges) do members[index] = rangeMember(range) end
  else
    members = call('ZRANGE', readyKey(lane), 0, MOST_LOOKED_AT - 1)
  end
  local oldest = INFINITY
  for _, member in ipairs(members) do
    local _, serial, count = decode(member)
    for offset = 0, math.min(count, MOST_LOOKED_AT) - 1 do
      local job = Jobs.load(serial + offset)
      if job.isFresh then
        oldest = math.min(oldest, job.created)
        break
      end
    end
  end
  return oldest
end

-- What is left of a range without one of its jobs: nothing to two ranges.
local function rest(range, serial)
  local before, after, left = serial - range[2], range[2] + range[3] - serial - 1, {}
  if before > 0 then left[1] = { range[1], range[2], before } end
  if after > 0 then left[#left + 1] = { range[1], serial + 1, after } end
  return left
end

local function removeFromRecord(lane, priority, serial)
  for index, range in ipairs(lane.ranges) do
    if range[1] == priority and range[2] <= serial and serial < range[2] + range[3] then
      table.remove(lane.ranges, index)
      for at, left in ipairs(rest(range, serial)) do table.insert(lane.ranges, index + at - 1, left) end
      break
    end
  end
  if #lane.ranges == 0 then lane.ranges = nil
  elseif #lane.ranges > MOST_RANGES then spill(lane) end
end

function Ready.remove(lane, job)
  local priority, serial = job.extras.p or 0, job.serial
  lane.ready = lane.ready - 1
  if job.state.ad ~= serial then
    call('ZREM', readyKey(lane), Line.member(priority, job.state.ad, serial))
    return
  end
  if lane.ranges then return removeFromRecord(lane, priority, serial) end
  local key = readyKey(lane)
  local place = struct.pack('>I2I6', 32767 - priority, serial)
  local from = struct.pack('>I2', 32767 - priority)
  -- The last that begins at the job or before it.
  local member = call('ZREVRANGEBYLEX', key, '(' .. place .. '\255\255\255\255\255', '[' .. from, 'LIMIT', 0, 1)[1]
  call('ZREM', key, member)
  for _, left in ipairs(rest({ decode(member) }, serial)) do call('ZADD', key, 0, rangeMember(left)) end
end
`
