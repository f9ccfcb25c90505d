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
-- What it adds to that of most lanes.
FairOrder.TURN = SCALE
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
FairOrder.key = fairKey

local function fairMember(lane)
  return struct.pack('>I6', lane.activation) .. lane.tenant
end

-- When a lane became eligible, compared with others: as numbers, for Lua compares texts as the language of the server has
-- it, and Redis their bytes.
function FairOrder.activationOf(member)
  return (struct.unpack('>I6', member))
end
local activationOf = FairOrder.activationOf

-- Lanes that a call takes up one after another go into the order together, before anybody looks.
function FairOrder.flush()
  local entered = C.entered
  if #entered == 0 then return end
  C.entered = {}
  callWith('ZADD', fairKey(), entered)
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
  -- At once: a call that refuses what it was asked for writes no head.
  Context.close()
end

function FairOrder.isEmpty()
  return C.queue.fair == 0
end

-- Takes up a lane from which something may be claimed; again, nothing happens.
function FairOrder.enter(lane)
  if lane.fair then return end
  local queue = C.queue
  queue.activation = queue.activation + 1
  lane.time = math.max(lane.time, queue.time)
  lane.activation = queue.activation
  lane.fair = true
  queue.fair = queue.fair + 1
  Lane.touch(lane)
  local entered = C.entered
  entered[#entered + 1] = digits(lane.time)
  entered[#entered + 1] = fairMember(lane)
end

-- Drops a lane from which nothing may be claimed; again, nothing happens.
function FairOrder.leave(lane)
  if not lane.fair then return end
  FairOrder.flush()
  call('ZREM', fairKey(), fairMember(lane))
  C.queue.fair = C.queue.fair - 1
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
  if ahead % turn ~= 0 or activationOf(first[1]) < activationOf(first[3]) then turns = turns + 1 end
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
FairOrder.isSimple = isSimple

-- Takes the job whose turn it is out of a lane of whatever kind.
local function takeOne(lane)
  C.queue.time = lane.time
  lane.time = lane.time + turnOf(lane)
  local job = Lane.takeReady(lane)
  stay(lane)
  return job
end

local function isBefore(one, two)
  return one.time < two.time or (one.time == two.time and one.activation < two.activation)
end

local function siftUp(heap, size)
  local at, entry = size, heap[size]
  while at > 1 do
    local parent = math.floor(at / 2)
    if not isBefore(entry, heap[parent]) then break end
    heap[at] = heap[parent]
    at = parent
  end
  heap[at] = entry
end

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

-- Lanes in the order of their next turns. Those that had none yet come as they were read; of the others each
-- that is later than all before it is in a line, which among equal weights is each, and the rest is in a
-- heap.
local function orderOf(members, tenants)
  return { members = members, tenants = tenants, at = 1, line = {}, first = 1, last = 0, heap = {}, size = 0 }
end

local function read(order)
  local entry, at = order.read, order.at
  if entry or at > #order.tenants then return entry end
  -- All that it may have is named here, so that its table is made in its size.
  entry = {
    time = tonumber(order.members[2 * at]), member = order.members[2 * at - 1], tenant = order.tenants[at],
    activation = activationOf(order.members[2 * at - 1]), taken = 0, given = 0, lane = nil, turn = nil, serials = nil,
  }
  order.read = entry
  return entry
end

local function takeFirst(order)
  local entry, inLine, inHeap = read(order), order.line[order.first], order.heap[1]
  local isRead = entry ~= nil
  if inLine and (not entry or isBefore(inLine, entry)) then entry, isRead = inLine, false end
  if inHeap and (not entry or isBefore(inHeap, entry)) then
    order.heap[1] = order.heap[order.size]
    order.heap[order.size] = nil
    order.size = order.size - 1
    if order.size > 1 then siftDown(order.heap, order.size) end
    return inHeap
  end
  if isRead then order.read, order.at = nil, order.at + 1
  elseif entry then order.first = order.first + 1 end
  return entry
end

local function putBack(order, entry)
  if order.last < order.first or isBefore(order.line[order.last], entry) then
    order.last = order.last + 1
    order.line[order.last] = entry
    return
  end
  order.size = order.size + 1
  order.heap[order.size] = entry
  siftUp(order.heap, order.size)
end

local function isAlone(order)
  return order.at > #order.tenants and order.last < order.first and order.size == 0
end

-- The turns of the next 'count' jobs, as far as simple lanes have them: 'members' are as many lanes, so
-- that no other can be first among them.
local function turnsAhead(members, count)
  local turns, tenants = {}, {}
  for index = 1, #members, 2 do tenants[#tenants + 1] = string.sub(members[index], 7) end
  Lane.preload(tenants)
  local order, number = orderOf(members, tenants), 0
  while number < count do
    local entry = takeFirst(order)
    if not entry then break end
    local lane = entry.lane
    if not lane then
      lane = Lane.find(entry.tenant)
      if not isSimple(lane) then break end
      entry.lane, entry.turn = lane, turnOf(lane)
    end
    local turn, taken = entry.turn, 1
    if isAlone(order) then taken = math.min(count - number, lane.ready - entry.taken) end
    C.queue.time = entry.time + (taken - 1) * turn
    entry.time = entry.time + taken * turn
    entry.taken = entry.taken + taken
    for at = number + 1, number + taken do turns[at] = entry end
    number = number + taken
    if entry.taken < lane.ready then putBack(order, entry) end
  end
  return turns
end

-- Gives lanes other places, a list of times and members, and lets others leave.
function FairOrder.move(moved, left)
  callWith('ZADD', fairKey(), moved)
  callWith('ZREM', fairKey(), left)
end

-- Takes the jobs of those turns out of their lanes: the serials in their turn, and those of each lane.
local function takeTurns(turns)
  local serials, taken, added, left = {}, {}, {}, {}
  for index, entry in ipairs(turns) do
    local lane = entry.lane
    if not entry.serials then
      entry.serials = {}
      taken[#taken + 1] = entry
      Ready.take(lane, entry.taken, entry.serials)
      lane.time = entry.time
      Lane.touch(lane)
      if lane.ready > 0 then
        added[#added + 1] = digits(lane.time)
        added[#added + 1] = entry.member
      else
        left[#left + 1] = entry.member
        C.queue.fair = C.queue.fair - 1
        lane.fair, lane.activation = nil, nil
      end
    end
    entry.given = entry.given + 1
    serials[index] = entry.serials[entry.given]
  end
  FairOrder.move(added, left)
  return serials, taken
end

-- How many lanes one look takes in.
local MOST_LANES = 1000

-- Takes up to 'count' jobs in their turn: the serials of jobs that neither a limit nor a key governs, and either
-- those of each lane or the tenant of each; or one job of whatever kind. Nothing where there is none. A queue that is
-- not free takes job by job.
function FairOrder.take(count, isFree)
  if FairOrder.isEmpty() then return end
  FairOrder.flush()
  count = math.min(count, MOST_LANES)
  if isFree then
    local serials, tenants = OneEach.take(count)
    if serials then return nil, serials, nil, tenants end
  end
  local members = call('ZRANGE', fairKey(), 0, count, 'WITHSCORES')
  local lane = Lane.find(string.sub(members[1], 7))
  if not isSimple(lane) then return takeOne(lane) end
  return nil, takeTurns(turnsAhead(members, count))
end

-- Takes up to 'count' jobs that neither a limit nor a key governs: their serials, and those of each lane or the tenants.
-- Lanes that have no such job are passed over and lose nothing by it.
function FairOrder.takeUngoverned(count)
  FairOrder.flush()
  local ahead = math.min(count, MOST_LANES)
  if ahead == count then
    local each, tenants = OneEach.take(count)
    if each then return each, nil, tenants end
  end
  local members = call('ZRANGE', fairKey(), 0, ahead, 'WITHSCORES')
  local serials, taken = takeTurns(turnsAhead(members, ahead))
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
      local turns, ofLane = math.min(count - #serials, lane.ready, turnsOf(lane, first)), {}
      Ready.take(lane, turns, ofLane)
      for _, serial in ipairs(ofLane) do serials[#serials + 1] = serial end
      taken[#taken + 1] = { lane = lane, serials = ofLane }
      -- Where others were passed over, the present is still theirs: it must not run away from them,
      -- or who comes next would wait until they have caught up.
      if #passed == 0 then C.queue.time = lane.time + (turns - 1) * turn end
      lane.time = lane.time + turns * turn
      stay(lane)
    end
  end
  for _, lane in ipairs(passed) do call('ZADD', fairKey(), digits(lane.time), fairMember(lane)) end
  return serials, taken
end

-- Whether a lane that comes back may as well come as a new one: the present has caught up with it,
-- or nobody is there over whom it would gain a turn.
function FairOrder.mayForget(lane)
  return lane.time <= C.queue.time or FairOrder.isEmpty()
end
`
