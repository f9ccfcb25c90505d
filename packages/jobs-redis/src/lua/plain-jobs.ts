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

-- The same for jobs each of another lane, whose tenants are in another list; see OneEach.
function PlainJobs.grantEach(serials, tenants, request, claimed, grant)
  local bodies, states, jobs = C.bodies, C.states, C.jobs
  local lastText, created, plain, at = nil, nil, 0, #claimed
  for index, serial in ipairs(serials) do
    local body, tenant = bodies[serial], tenants[index]
    local text = body and not states[serial] and jobs[serial] == nil and string.match(body, UNBOUND)
    if text then
      if text ~= lastText then lastText, created = text, tonumber(text) end
      lease(request, Marks.ownerOf(tenant), created, serial, 1)
      PlainTally.add(tenant, 1, 0)
      plain = plain + 1
      claimed[at + 1], claimed[at + 2] = serial, body
      at = at + 2
    else
      Lane.keep(tenant)
      claimed[at + 1] = grant(Jobs.load(serial), request)
      at = at + 1
    end
  end
  if plain > 0 then countLeased(plain) end
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
  local tally = C.queue.tally
  tally[RUNNING], tally[COMPLETED] = tally[RUNNING] - completed, tally[COMPLETED] + completed
  if completed > 0 then Allowance.giveBack(C.queue.allowance, completed) end
  Jobs.writeResults(results)
  Marks.flush()
  return isDone
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
