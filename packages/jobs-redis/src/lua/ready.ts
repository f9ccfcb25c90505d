import { lua } from './lua.ts'

/**
 * What of a lane may be claimed and neither a key nor a limiter governs. Jobs that were due as they were
 * enqueued are admitted under their serials, so that a run of them is a range: nothing is kept of each.
 * The only range of a lane is in its record, several are in a sorted set as in Line.
 */
export const ready: string = lua`
local function readyKey(lane)
  return C.base .. 'ready:' .. lane.tenant
end

local function rangeMember(range)
  return struct.pack('>I2I6I4', 32767 - range[1], range[2], range[3])
end

local function spill(lane)
  local range = lane.range
  if not range then return end
  call('ZADD', readyKey(lane), 0, rangeMember(range))
  lane.range = nil
  lane.tail = range
end

-- Takes up 'count' jobs from 'serial' on, each admitted under its serial.
function Ready.pushRange(lane, priority, serial, count)
  local range = lane.range
  if lane.ready == 0 then
    lane.range = { priority, serial, count }
  elseif range and range[1] == priority and range[2] + range[3] == serial then
    range[3] = range[3] + count
  else
    spill(lane)
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
  local priority, serial, count = struct.unpack('>I2I6I4', member)
  return 32767 - priority, serial, count
end

-- The place of the first job, see Line.place.
function Ready.place(lane)
  if lane.ready == 0 then return end
  if lane.range then return string.sub(rangeMember(lane.range), 1, 8) end
  return string.sub(call('ZRANGE', readyKey(lane), 0, 0)[1], 1, 8)
end

-- Takes up to 'count' jobs, the first first, and appends their serials.
function Ready.take(lane, count, serials)
  count = math.min(count, lane.ready)
  lane.ready = lane.ready - count
  local range = lane.range
  while count > 0 do
    local priority, first, length
    if range then
      priority, first, length = range[1], range[2], range[3]
    else
      local member = call('ZPOPMIN', readyKey(lane))[1]
      priority, first, length = decode(member)
    end
    local taken = math.min(count, length)
    for offset = 0, taken - 1 do serials[#serials + 1] = first + offset end
    count = count - taken
    if range then
      if taken == length then lane.range = nil
      else range[2], range[3] = first + taken, length - taken end
    elseif taken < length then
      call('ZADD', readyKey(lane), 0, rangeMember({ priority, first + taken, length - taken }))
    end
  end
end

-- How far the oldest is looked for behind jobs that were given back.
local MOST_LOOKED_AT = 100

-- When the oldest was made of the jobs of which nothing but their place is known; infinite for none.
function Ready.oldestCreation(lane)
  local members
  if lane.range then members = { rangeMember(lane.range) }
  elseif lane.ready == 0 then return INFINITY
  else members = call('ZRANGE', readyKey(lane), 0, MOST_LOOKED_AT - 1) end
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

function Ready.remove(lane, job)
  local priority, serial = job.extras.p or 0, job.serial
  lane.ready = lane.ready - 1
  if job.state.ad ~= serial then
    call('ZREM', readyKey(lane), Line.member(priority, job.state.ad, serial))
    return
  end
  local range, key = lane.range, readyKey(lane)
  if not range then
    local place = struct.pack('>I2I6', 32767 - priority, serial)
    local from = struct.pack('>I2', 32767 - priority)
    -- The last that begins at the job or before it.
    local member = call('ZREVRANGEBYLEX', key, '(' .. place .. '\255\255\255\255\255', '[' .. from, 'LIMIT', 0, 1)[1]
    call('ZREM', key, member)
    range = { decode(member) }
  end
  local before, after = serial - range[2], range[2] + range[3] - serial - 1
  if lane.range then
    if before == 0 and after == 0 then lane.range = nil return end
    if before == 0 then range[2], range[3] = serial + 1, after return end
    if after == 0 then range[3] = before return end
    lane.range = nil
  end
  if before > 0 then call('ZADD', key, 0, rangeMember({ priority, range[2], before })) end
  if after > 0 then call('ZADD', key, 0, rangeMember({ priority, serial + 1, after })) end
end
`
