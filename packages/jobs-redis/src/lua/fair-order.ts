import { lua } from './lua.ts'

/**
 * Whose turn it is: start-time fair queuing over the lanes that have something to claim. A sorted set by
 * virtual time, whose members begin with six bytes of activation, so that among equals the lane that
 * became eligible first is first.
 *
 * @see Goyal, Vin, Cheng: Start-time Fair Queuing (SIGCOMM 1996)
 */
export const fairOrder: string = lua`
-- What one claim adds to the virtual time of a lane of weight 1: the least common multiple of 1 to 20,
-- so that the share of every such weight is a whole number, and no order hangs on rounding.
local SCALE = 232792560
-- Far enough from 2^53, the end of exact whole numbers.
local LATEST = 2 ^ 52
-- What is claimed ahead of its time is a convenience, not worth a walk over every lane.
local MOST_PASSED = 64

-- How much of virtual time one claim takes.
local function turnOf(lane)
  return math.floor(SCALE / (lane.weight or 1) + 0.5)
end

local function fairKey()
  return C.base .. 'fair'
end

local function fairMember(lane)
  return struct.pack('>I6', lane.activation) .. lane.tenant
end

-- A lane's virtual time, of which the presents that were set to 0 since it was written are taken. After
-- two of them nothing is left: no lane is ahead of the present by as much.
function FairOrder.timeOf(lane)
  local eras = C.queue.era - (lane.era or 0)
  if eras == 0 then return lane.time end
  if eras == 1 then return math.max(0, lane.time - C.queue.rebased) end
  return 0
end

-- Sets the present to 0 once it is far on. All lanes move alike, so that their order stays. To be called
-- before a lane is read.
function FairOrder.rebase()
  local queue = C.queue
  local present = queue.time
  if present <= LATEST then return end
  queue.era, queue.rebased, queue.time = queue.era + 1, present, 0
  local members = call('ZRANGE', fairKey(), 0, -1, 'WITHSCORES')
  for index = 1, #members, 2 do
    local time = math.max(0, tonumber(members[index + 1]) - present)
    call('ZADD', fairKey(), digits(time), members[index])
  end
end

function FairOrder.isEmpty()
  return call('EXISTS', fairKey()) == 0
end

-- Takes up a lane from which something may be claimed; again, nothing happens.
function FairOrder.enter(lane)
  if lane.fair then return end
  local queue = C.queue
  queue.activation = queue.activation + 1
  lane.time = math.max(lane.time, queue.time)
  lane.activation = queue.activation
  lane.fair = true
  Lane.touch(lane)
  call('ZADD', fairKey(), digits(lane.time), fairMember(lane))
end

-- Drops a lane from which nothing may be claimed; again, nothing happens.
function FairOrder.leave(lane)
  if not lane.fair then return end
  call('ZREM', fairKey(), fairMember(lane))
  lane.fair, lane.activation = nil, nil
  Lane.touch(lane)
end

-- How many jobs a lane gives until it is the turn of the next; 'first' is the answer to ZRANGE.
local function turnsOf(lane, first)
  if not first[3] then return INFINITY end
  local turn = turnOf(lane)
  local ahead = tonumber(first[4]) - lane.time
  local turns = math.floor(ahead / turn)
  -- At equal times the one that became eligible first goes first.
  if ahead % turn ~= 0 or first[1] < first[3] then turns = turns + 1 end
  return math.max(1, turns)
end

local function stay(lane)
  Lane.touch(lane)
  if Lane.hasReady(lane) then
    call('ZADD', fairKey(), digits(lane.time), fairMember(lane))
  else
    FairOrder.leave(lane)
  end
end

-- Whether nothing but its turn decides about the next job of a lane.
local function isSimple(lane)
  return not (lane.open and #lane.open > 0) and Allowance.isFree(lane.allowance)
end

-- Takes the job whose turn it is out of a lane of whatever kind.
local function takeOne(lane)
  C.queue.time = lane.time
  lane.time = lane.time + turnOf(lane)
  local job = Lane.takeReady(lane)
  stay(lane)
  return job
end

local function isBefore(one, two)
  return one.time < two.time or (one.time == two.time and one.member < two.member)
end

-- The first of a heap may have become later than others: puts it where it belongs.
local function siftDown(heap, size)
  local at, entry = 1, heap[1]
  while true do
    local child = 2 * at
    if child > size then break end
    if child < size and isBefore(heap[child + 1], heap[child]) then child = child + 1 end
    if not isBefore(heap[child], entry) then break end
    heap[at] = heap[child]
    at = child
  end
  heap[at] = entry
end

-- The turns of the next 'count' jobs, as far as simple lanes have them: 'members' are as many lanes, so
-- that no other can be first among them.
local function turnsAhead(members, count)
  local heap, turns, tenants = {}, {}, {}
  for index = 1, #members, 2 do
    local member = members[index]
    heap[#heap + 1] = { time = tonumber(members[index + 1]), member = member, taken = 0, given = 0 }
    tenants[#tenants + 1] = string.sub(member, 7)
  end
  Lane.preload(tenants)
  local size = #heap
  while #turns < count and size > 0 do
    local entry = heap[1]
    local lane = entry.lane or Lane.find(string.sub(entry.member, 7))
    if not isSimple(lane) then break end
    entry.lane = lane
    local turn, taken = turnOf(lane), size == 1 and math.min(count - #turns, lane.ready - entry.taken) or 1
    C.queue.time = entry.time + (taken - 1) * turn
    entry.time = entry.time + taken * turn
    entry.taken = entry.taken + taken
    for at = #turns + 1, #turns + taken do turns[at] = entry end
    if entry.taken == lane.ready then
      heap[1] = heap[size]
      heap[size] = nil
      size = size - 1
      if size == 0 then break end
    end
    siftDown(heap, size)
  end
  return turns
end

-- Takes the jobs of those turns out of their lanes.
local function takeTurns(turns)
  local serials, lanes, added, left = {}, {}, {}, {}
  for index, entry in ipairs(turns) do
    local lane = entry.lane
    if not entry.serials then
      entry.serials = {}
      Ready.take(lane, entry.taken, entry.serials)
      lane.time = entry.time
      Lane.touch(lane)
      if lane.ready > 0 then
        added[#added + 1] = digits(lane.time)
        added[#added + 1] = entry.member
      else
        left[#left + 1] = entry.member
        lane.fair, lane.activation = nil, nil
      end
    end
    entry.given = entry.given + 1
    serials[index], lanes[index] = entry.serials[entry.given], lane
  end
  callWith('ZADD', fairKey(), added)
  callWith('ZREM', fairKey(), left)
  return serials, lanes
end

-- How many lanes one look takes in.
local MOST_LANES = 1000

-- Takes up to 'count' jobs in their turn: the serials and the lanes of jobs that neither a limit nor a key
-- governs, or one job of whatever kind. Nothing where there is none.
function FairOrder.take(count)
  count = math.min(count, MOST_LANES)
  local members = call('ZRANGE', fairKey(), 0, count, 'WITHSCORES')
  if #members == 0 then return end
  local lane = Lane.find(string.sub(members[1], 7))
  if not isSimple(lane) then return takeOne(lane) end
  return nil, takeTurns(turnsAhead(members, count))
end

-- Takes up to 'count' jobs that neither a limit nor a key governs: their serials and lanes. Lanes that
-- have no such job are passed over and lose nothing by it.
function FairOrder.takeUngoverned(count)
  local members = call('ZRANGE', fairKey(), 0, math.min(count, MOST_LANES), 'WITHSCORES')
  local serials, lanes = takeTurns(turnsAhead(members, count))
  local passed = {}
  while #serials < count and #passed < MOST_PASSED do
    local first = call('ZRANGE', fairKey(), 0, 1, 'WITHSCORES')
    if #first == 0 then break end
    local lane = Lane.find(string.sub(first[1], 7))
    if Allowance.isLimited(lane.allowance) or lane.ready == 0 then
      passed[#passed + 1] = lane
      call('ZREM', fairKey(), first[1])
    else
      local turn = turnOf(lane)
      local taken = math.min(count - #serials, lane.ready, turnsOf(lane, first))
      Ready.take(lane, taken, serials)
      -- Where others were passed over, the present is still theirs: it must not run away from them,
      -- or who comes next would wait until they have caught up.
      if #passed == 0 then C.queue.time = lane.time + (taken - 1) * turn end
      lane.time = lane.time + taken * turn
      for index = #lanes + 1, #serials do lanes[index] = lane end
      stay(lane)
    end
  end
  for _, lane in ipairs(passed) do call('ZADD', fairKey(), digits(lane.time), fairMember(lane)) end
  return serials, lanes
end

-- Whether a lane that comes back may as well come as a new one: the present has caught up with it,
-- or nobody is there over whom it would gain a turn.
function FairOrder.mayForget(lane)
  return lane.time <= C.queue.time or FairOrder.isEmpty()
end
`
