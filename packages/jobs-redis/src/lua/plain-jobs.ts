import { lua } from './lua.ts'

/**
 * The short way of the jobs that most are: nothing binds or governs them, their first attempt is granted
 * and completes. They have marks instead of states, and go together where they follow one another. Whatever
 * else happens to one takes its mark away and goes the long way.
 */
export const plainJobs: string = lua`
-- The creation of a job that none of its extras binds: they are empty, or begin with a space.
local UNBOUND = '^(%d+)\n[\n ]'

local function lease(request, owner, created, first, count)
  request.claim = request.claim or Claims.begin(request)
  Claims.take(request.claim, first, count)
  Marks.write(first, count, Marks.of(request.claim, owner, created, 0))
end

local function countLeased(number)
  local tally = C.queue.tally
  tally[PENDING], tally[RUNNING] = tally[PENDING] - number, tally[RUNNING] + number
  Allowance.take(C.queue.allowance, number)
end

local function moveAll(lane, number)
  countLeased(number)
  lane.tally[PENDING], lane.size = lane.tally[PENDING] - number, lane.size - number
  PlainTally.add(lane.tenant, number, 0)
  Lane.touch(lane)
end

-- Leases the plain ones of the jobs that were taken out of a lane, and notes the others.
local function leaseIn(lane, serials, request, others)
  local bodies, states, jobs = C.bodies, C.states, C.jobs
  local owner, plain = Marks.ownerOf(lane.tenant), 0
  local lastText, created, firstCreated, first, count
  for _, serial in ipairs(serials) do
    local body = bodies[serial]
    local text = body and not states[serial] and jobs[serial] == nil and string.match(body, UNBOUND)
    if text then
      plain = plain + 1
      if text ~= lastText then lastText, created = text, tonumber(text) end
      if first and first + count == serial and firstCreated == created then
        count = count + 1
      else
        if first then lease(request, owner, firstCreated, first, count) end
        firstCreated, first, count = created, serial, 1
      end
    else
      others[serial] = true
    end
  end
  if not first then return end
  lease(request, owner, firstCreated, first, count)
  moveAll(lane, plain)
end

-- Leases jobs that were taken out of lanes and which no limit governs, and appends what the claim answers:
-- the serial and the body of a plain one, and whatever 'grant' makes of any other.
function PlainJobs.grant(serials, ofLanes, request, claimed, grant)
  local bodies, others = C.bodies, {}
  for _, ofLane in ipairs(ofLanes) do leaseIn(ofLane.lane, ofLane.serials, request, others) end
  local at = #claimed
  for _, serial in ipairs(serials) do
    if others[serial] then
      claimed[at + 1] = grant(Jobs.load(serial), request)
      at = at + 1
    else
      claimed[at + 1], claimed[at + 2] = serial, bodies[serial]
      at = at + 2
    end
  end
end

-- From how many jobs on a sheet costs less than a mark of its own for each.
local LEAST_ON_SHEET = 16

-- Whether jobs each of another lane are leased on a sheet. Those behind others of their claim are not, nor those of
-- lanes that may be limited.
local function suitsSheet(serials, request)
  return #serials >= LEAST_ON_SHEET and not request.claim and Limits.areNone()
end

local function leaseOnSheet(serials, tenants, request)
  local number = Claims.begin(request)
  Claims.takeSheet(number, #serials)
  Sheets.make(number, serials, tenants)
  PlainTally.addSheet(number)
  Marks.writeEach(serials, Marks.of(number, 0, 0, 0))
  local sheets = request.sheets
  sheets[#sheets + 1] = number
  sheets[#sheets + 1] = #serials
end

-- The same for jobs each of another lane, whose tenants are in another list; see OneEach.
function PlainJobs.grantEach(serials, tenants, request, claimed, grant)
  local bodies, states, jobs = C.bodies, C.states, C.jobs
  local start, size, created, plain, at = nil, 0, nil, 0, #claimed
  local isOnSheet, onSheet, itsTenants, sub = suitsSheet(serials, request), {}, {}, string.sub
  for index = 1, #serials do
    local serial, tenant = serials[index], tenants[index]
    local body, isPlain = bodies[serial], false
    if body and not states[serial] and jobs[serial] == nil then
      -- Most bodies begin with the same creation and what follows it.
      isPlain = start ~= nil and sub(body, 1, size) == start
      local text = not isPlain and string.match(body, UNBOUND)
      if text then
        isPlain, created, size = true, tonumber(text), #text + 2
        start = sub(body, 1, size)
      end
    end
    if isPlain then
      plain = plain + 1
      if isOnSheet then
        onSheet[plain], itsTenants[plain] = serial, tenant
      else
        lease(request, Marks.ownerOf(tenant), created, serial, 1)
        PlainTally.add(tenant, 1, 0)
      end
      claimed[at + 1], claimed[at + 2] = serial, body
      at = at + 2
    else
      Lane.keep(tenant)
      claimed[at + 1] = grant(Jobs.load(serial), request)
      at = at + 1
    end
  end
  if plain == 0 then return end
  countLeased(plain)
  if isOnSheet then leaseOnSheet(onSheet, itsTenants, request) end
end

local function countCompleted(number)
  local tally = C.queue.tally
  tally[RUNNING], tally[COMPLETED] = tally[RUNNING] - number, tally[COMPLETED] + number
  if number > 0 then Allowance.giveBack(C.queue.allowance, number) end
end

-- Completes those of the runs that are leased as they say, of lanes that nothing limits; of each whether.
-- No job is in two of them.
function PlainJobs.complete(runs)
  local firsts, counts, tenants, isDone = {}, {}, {}, {}
  for index, run in ipairs(runs) do firsts[index], counts[index], tenants[index] = run.first, run.count, run.tenant end
  Marks.preload(firsts, counts)
  local isQueueFree, areLanesFree = Allowance.isFree(C.queue.allowance), Limits.areNone()
  if not areLanesFree then Lane.preload(tenants) end
  local completed, results, endedNow = 0, {}, Marks.endOf(C.now)
  local number, claim
  for index, run in ipairs(runs) do
    if run.claim ~= number then number, claim = run.claim, Claims.find(run.claim) end
    local first, count, tenant, isAsSaid = run.first, run.count, run.tenant, false
    local held
    if isQueueFree and claim and claim.nonce == run.nonce and (areLanesFree or Lane.isFree(tenant)) then
      held = Marks.of(number, Marks.ownerOf(tenant), run.created, 0)
      isAsSaid = Marks.read(first, count) == (count == 1 and held or string.rep(held, count))
    end
    if isAsSaid then
      Marks.write(first, count, Marks.ended(held, endedNow))
      Claims.letGo(number, count)
      PlainTally.add(tenant, -count, count)
      History.shelveRun(first, count, tenant)
      if run.results then Jobs.addResults(results, first, run.results) end
      completed = completed + count
    end
    isDone[index] = isAsSaid
  end
  countCompleted(completed)
  Jobs.writeResults(results)
  Marks.flush()
  return isDone
end

-- Completes jobs that follow one another on a sheet and are all leased; whether they were.
function PlainJobs.completeOnSheet(part)
  local claim = Claims.find(part.claim)
  if not claim or not claim.sheet or claim.nonce ~= part.nonce then return false end
  if not Allowance.isFree(C.queue.allowance) or not Limits.areNone() then return false end
  if not Sheets.areHeld(part.claim, part.from, part.count) then return false end
  Sheets.complete(part.claim, part.from, part.count, C.now)
  Claims.letGo(part.claim, part.count)
  PlainTally.completeOnSheet(part.claim, part.from, part.count)
  History.shelveSheet(part.claim, part.from, part.count)
  countCompleted(part.count)
  if part.results then
    local results, serials = {}, Sheets.serials(part.claim)
    for index, result in ipairs(part.results) do Jobs.addResults(results, serials[part.from + index - 1], { result }) end
    Jobs.writeResults(results)
  end
  return true
end

-- Deletes those of a sheet that ended together, but for those that were taken off it since; how many there were.
function PlainJobs.forgetOnSheet(number, from, count, endedAt)
  if not Claims.find(number) then return 0 end
  local serials, tenants = Sheets.serials(number), Sheets.tenants(number)
  local places = Sheets.placesOf(number, from, count, endedAt)
  local gone, owners = {}, {}
  for index = 1, #places do gone[index], owners[index] = serials[places[index]], tenants[places[index]] end
  Jobs.deleteEach(gone)
  Sheets.forget(number, places)
  PlainTally.forgetOnSheet(number, owners)
  Claims.forget(number, #places)
  return #places
end

-- Deletes up to 'most' jobs of a run that ended together, but for those that have lost their marks since;
-- how many there were, and how many were looked at.
function PlainJobs.forget(first, count, endedAt, most)
  local marks = Marks.read(first, count)
  local mark = count == 1 and marks or Marks.at(marks, 1)
  local claim, _, itsEnd = Marks.decode(mark)
  local looked = math.min(count, most)
  if itsEnd == endedAt and (count == 1 or marks == string.rep(mark, count)) then
    Jobs.deletePlain(first, looked)
    Claims.forget(claim, looked)
    return looked, looked
  end
  local deleted = 0
  looked = 0
  while looked < count and deleted < most do
    claim, _, itsEnd = Marks.decode(Marks.at(marks, looked + 1))
    if claim and itsEnd == endedAt then
      Jobs.deletePlain(first + looked, 1)
      Claims.forget(claim, 1)
      deleted = deleted + 1
    end
    looked = looked + 1
  end
  return deleted, looked
end
`
