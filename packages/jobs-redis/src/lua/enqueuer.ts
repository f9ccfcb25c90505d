import { lua } from './lua.ts'

/**
 * Takes jobs in: decides by id and unique key whether a job is new, another's place, or there already.
 *
 * A job comes as its tenant, its input and its tail (the body without the creation). The input of a plain
 * job is its priority; any other's is JSON: i id, d delay, r start, u unique key with
 * uk (what if it is taken), uw its window, um its longest wait, o, c, l keys and limiter.
 */
export const enqueuer: string = lua`
local function isPlainInput(input)
  return string.byte(input) ~= 123
end
Enqueuer.isPlain = isPlainInput

function Enqueuer.decode(input)
  return isPlainInput(input) and {} or cjson.decode(input)
end

-- The jobs in a list of arguments, three each.
function Enqueuer.read(args, from, count)
  local inputs = {}
  for index = 1, count do
    local at = from + (index - 1) * 3
    inputs[index] = { tenant = args[at], input = args[at + 1], tail = args[at + 2] }
  end
  return inputs, from + count * 3
end

local function nameAndPayload(tail)
  local name, payloadAt = string.match(tail, '^[^\n]*\n[^\n]*\n([^\n]*)\n()')
  return name, string.sub(tail, payloadAt)
end

-- The first job whose id belongs to another, be it stored or earlier in the call: its place, from 0, and
-- the name of the other.
function Enqueuer.findConflict(inputs)
  local earlier = {}
  for index, job in ipairs(inputs) do
    if not isPlainInput(job.input) then
      job.decoded = cjson.decode(job.input)
      local id = job.decoded.i
      if id then
        local field = pair(job.tenant, id)
        local holder = Jobs.find(job.tenant, id)
        local name, payload = nameAndPayload(job.tail)
        local itsName, itsPayload
        if holder then
          itsName, itsPayload = holder.name, string.sub(holder.body, holder.payloadAt)
        elseif earlier[field] then
          itsName, itsPayload = nameAndPayload(earlier[field])
        else
          earlier[field] = job.tail
        end
        if itsName and (itsName ~= name or itsPayload ~= payload) then return index - 1, itsName end
      end
    end
  end
end

-- Takes up plain jobs of one tenant and priority, and notes the serial of each in 'results'.
local function enqueueRun(inputs, places, results)
  local first = inputs[places[1]]
  local queue, number, priority = C.queue, #places, tonumber(first.input)
  local serial = queue.serial + 1
  queue.serial = queue.serial + number
  if Lane.append(first.tenant, priority, serial, number) then
    queue.tally[PENDING] = queue.tally[PENDING] + number
    Hints.ready(Dispatch.isOpen())
  else
    local lane = Lane.of(first.tenant)
    Queue.add(lane, number)
    Ready.pushRange(lane, priority, serial, number)
    if not lane.fair then Dispatch.refresh(lane) end
    Hints.ready(Dispatch.offers(lane))
  end
  for _, place in ipairs(places) do
    results[place] = serial
    serial = serial + 1
  end
end

-- Writes the bodies of plain jobs to which serials were given.
local function writePlain(inputs, from, to, results)
  local created, buckets = digits(C.now) .. '\n', {}
  for place = from, to do
    local serial = results[place]
    local bucket = bucketOf(serial)
    local list = buckets[bucket]
    if not list then
      list = {}
      buckets[bucket] = list
    end
    C.jobs[serial], C.bodies[serial] = nil, nil
    list[#list + 1] = fieldOf(serial)
    list[#list + 1] = created .. inputs[place].tail
  end
  for bucket, list in pairs(buckets) do Jobs.writeBodies(bucket, list) end
end

-- Takes up plain jobs that follow one another, those of a tenant and priority together: they are then one
-- range, and nobody sees the order among tenants.
local function enqueuePlain(inputs, from, to, results)
  Queue.promote()
  local runs, byPriority, tenants = {}, {}, {}
  for place = from, to do
    local input = inputs[place]
    local byTenant = byPriority[input.input]
    if not byTenant then
      byTenant = {}
      byPriority[input.input] = byTenant
    end
    local places = byTenant[input.tenant]
    if not places then
      places = {}
      byTenant[input.tenant] = places
      runs[#runs + 1] = places
      tenants[#tenants + 1] = input.tenant
    end
    places[#places + 1] = place
  end
  Lane.preload(tenants)
  for _, places in ipairs(runs) do enqueueRun(inputs, places, results) end
  writePlain(inputs, from, to, results)
end

local function takeFreeSerial(tenant)
  local serial = Queue.takeSerial()
  -- Only a producer that guesses the next id can have taken it.
  while C.queue.guessed > 0 and call('HEXISTS', C.base .. 'named', pair(tenant, Jobs.madeId(C.now, serial))) == 1 do
    serial = Queue.takeSerial()
  end
  return serial
end

-- Makes a job and lets it wait.
local function createAt(input, tail, runAt, succeeds)
  -- What came due earlier is admitted earlier.
  Queue.promote()
  local tenant = string.match(tail, '^[^\n]*\n([^\n]*)\n')
  local lane = Lane.of(tenant)
  local serial = input.i and Queue.takeSerial() or takeFreeSerial(tenant)
  local job = Jobs.make(serial, tail, runAt)
  if input.i then
    call('HSET', C.base .. 'named', pair(tenant, input.i), digits(serial))
    if Jobs.serialIn(input.i) then C.queue.guessed = C.queue.guessed + 1 end
  end
  Queue.add(lane, 1)
  if succeeds then
    succeeds.successor = serial
    UniqueHolds.touch(succeeds)
  end
  Gate.enter(job)
  Queue.wait(job)
  return job
end

local function runAtOf(input, burstAt)
  if input.uk ~= 'debounce' then return input.r and tonumber(input.r) or C.now + (input.d or 0) end
  return math.min(C.now + input.d, burstAt + (input.um or INFINITY))
end

-- Makes a job whose key nobody can have taken.
function Enqueuer.create(input, tail)
  local decoded = Enqueuer.decode(input)
  return createAt(decoded, tail, runAtOf(decoded, C.now))
end

function Enqueuer.enqueued(job)
  return { 'e', job.serial, digits(job.state.ru) }
end

local function takeKey(job, input)
  local made = createAt(input, job.tail, runAtOf(input, C.now))
  UniqueHolds.take(job.tenant, input.u, made, input.uk == 'keep' and input.uw or nil)
  return Enqueuer.enqueued(made)
end

local function replace(job, input, tail, hold)
  Queue.promote()
  -- An attempt has begun since: the duplicates from now on are another burst.
  if job.state.sa then hold.burstAt = C.now end
  if job.serial == hold.holder then hold.endsAt = nil end
  UniqueHolds.touch(hold)
  Queue.withdraw(job)
  Gate.leave(job)
  Jobs.become(job, tail, runAtOf(input, hold.burstAt))
  Gate.enter(job)
  Queue.wait(job)
  return { 'r', Reply.record(job) }
end

local function endWindow(hold)
  local holder = Jobs.load(hold.holder)
  UniqueHolds.drop(hold)
  if holder.state.ls == 'held' then return end
  Queue.withdraw(holder)
  Transitions.retire(holder)
end

local function enqueueUnique(job, input)
  local hold = UniqueHolds.find(job.tenant, input.u)
  if not hold then return takeKey(job, input) end
  local holder = Jobs.load(hold.holder)
  if input.uk == 'keep' then return { 'x', Reply.record(holder) } end
  if hold.successor then return replace(Jobs.load(hold.successor), input, job.tail, hold) end
  if holder.state.st == RUNNING then
    hold.burstAt = C.now
    return Enqueuer.enqueued(createAt(input, job.tail, runAtOf(input, C.now), hold))
  end
  if not Jobs.hasEnded(holder) then return replace(holder, input, job.tail, hold) end
  endWindow(hold)
  return takeKey(job, input)
end

local function enqueueOne(job)
  local input = job.decoded or Enqueuer.decode(job.input)
  local existing = input.i and Jobs.find(job.tenant, input.i)
  if existing then return { 'x', Reply.record(existing) } end
  if input.u then return enqueueUnique(job, input) end
  return Enqueuer.enqueued(createAt(input, job.tail, runAtOf(input, C.now)))
end

-- Takes in jobs among which findConflict found none. Of plain jobs the answer is the serial.
function Enqueuer.enqueue(inputs)
  local results, index = {}, 1
  while index <= #inputs do
    local job = inputs[index]
    if isPlainInput(job.input) and C.queue.guessed == 0 then
      local to = index
      while inputs[to + 1] and isPlainInput(inputs[to + 1].input) do to = to + 1 end
      enqueuePlain(inputs, index, to, results)
      index = to + 1
    else
      results[index] = enqueueOne(job)
      index = index + 1
    end
  end
  return results
end

local function isThere(job)
  if isPlainInput(job.input) then return false end
  local input = job.decoded or Enqueuer.decode(job.input)
  if input.i and Jobs.find(job.tenant, input.i) then return true end
  local hold = input.u and UniqueHolds.find(job.tenant, input.u)
  if not hold then return false end
  -- One that waits is replaced; one that runs is followed by one more.
  return input.uk == 'keep' or hold.successor ~= nil or Jobs.load(hold.holder).state.st <= RETRYING
end

local function backlogOf(tenant)
  local lane = Lane.find(tenant)
  if lane or C.queue.limits == 0 then return lane and lane.backlog or INFINITY end
  return Limits.effective(tenant, '').backlog or INFINITY
end

-- The first tenant for whose jobs of the call a backlog has no room: the place of its first job, from 0,
-- the quota, how many wait and how many more there are. Jobs that are there already, or take the place of
-- another, need none.
function Enqueuer.findFullBacklog(inputs)
  if C.queue.limits == 0 then return end
  local bounded, tenants = {}, {}
  for index, job in ipairs(inputs) do
    local quota = backlogOf(job.tenant)
    if quota < INFINITY and not isThere(job) then
      local tenant = bounded[job.tenant]
      if tenant then
        tenant.more = tenant.more + 1
      else
        tenant = { index = index - 1, quota = quota, more = 1, name = job.tenant }
        bounded[job.tenant] = tenant
        tenants[#tenants + 1] = tenant
      end
    end
  end
  for _, tenant in ipairs(tenants) do
    local lane = Lane.find(tenant.name)
    local waiting = lane and Lane.waiting(lane) or 0
    if waiting + tenant.more > tenant.quota then
      return { tenant.index, tenant.quota, waiting, tenant.more }
    end
  end
end
`
