import { lua } from './lua.ts'

/**
 * The short way of the jobs that most are: nothing binds or governs them, their first attempt is granted
 * and completes. They have marks instead of states, and go together where they follow one another. Whatever
 * else happens to one takes its mark away and goes the long way.
 */
export const plainJobs: string = lua`
-- The creation of a job that none of its extras binds: they are empty, or begin with a space.
local UNBOUND = '^(%d+)\n[\n ]'

local function move(lane, from, to, number)
  local tally, ofQueue = lane.tally, C.queue.tally
  tally[from], ofQueue[from] = tally[from] - number, ofQueue[from] - number
  tally[to], ofQueue[to] = tally[to] + number, ofQueue[to] + number
end

local function lease(request, run)
  local lane = run.lane
  request.claim = request.claim or Claims.begin(request)
  Claims.take(request.claim, run.first, run.count)
  Marks.write(run.first, run.count, Marks.of(request.claim, lane, run.created, 0))
  Allowance.take(C.queue.allowance, run.count)
  Allowance.take(lane.allowance, run.count)
  move(lane, PENDING, RUNNING, run.count)
  Lane.touch(lane)
end

-- Leases jobs that were taken out of lanes and which no limit governs, and appends what the claim answers:
-- the serial and the body of a plain one, and whatever 'grant' makes of any other.
function PlainJobs.grant(serials, lanes, request, claimed, grant)
  local bodies, states, jobs = C.bodies, C.states, C.jobs
  local lastText, created
  local run
  for index = 1, #serials do
    local serial, lane = serials[index], lanes[index]
    local body = bodies[serial]
    local text = body and not states[serial] and jobs[serial] == nil and string.match(body, UNBOUND)
    if text then
      if text ~= lastText then lastText, created = text, tonumber(text) end
      if run and run.lane == lane and run.created == created and run.first + run.count == serial then
        run.count = run.count + 1
      else
        if run then lease(request, run) end
        run = { lane = lane, created = created, first = serial, count = 1 }
      end
      local at = #claimed
      claimed[at + 1], claimed[at + 2] = serial, body
    else
      claimed[#claimed + 1] = grant(Jobs.load(serial), request)
    end
  end
  if run then lease(request, run) end
end

-- Completes those of the runs that are leased as they say, of lanes that nothing limits; of each whether.
-- No job is in two of them.
function PlainJobs.complete(runs)
  local firsts, counts, isDone = {}, {}, {}
  for index, run in ipairs(runs) do firsts[index], counts[index] = run.first, run.count end
  Marks.preload(firsts, counts)
  local isQueueFree = Allowance.isFree(C.queue.allowance)
  for index, run in ipairs(runs) do
    local claim, lane, count = Claims.find(run.claim), Lane.find(run.tenant), run.count
    isDone[index] = false
    if isQueueFree and claim and claim.nonce == run.nonce and lane and Allowance.isFree(lane.allowance)
      and Marks.read(run.first, count) == string.rep(Marks.of(run.claim, lane, run.created, 0), count) then
      Marks.write(run.first, count, Marks.of(run.claim, lane, run.created, C.now))
      Claims.letGo(run.claim, count)
      Allowance.giveBack(C.queue.allowance, count)
      Allowance.giveBack(lane.allowance, count)
      move(lane, RUNNING, COMPLETED, count)
      Lane.touch(lane)
      History.shelveRun(run.first, count, run.tenant)
      if run.results then Jobs.writeResults(run.first, run.results) end
      isDone[index] = true
    end
  end
  Marks.flush()
  return isDone
end

-- Deletes up to 'most' jobs of a run that ended together, but for those that have lost their marks since;
-- how many there were, and how many were looked at.
function PlainJobs.forget(first, count, lane, endedAt, most)
  local marks = Marks.read(first, count)
  local deleted, looked = 0, 0
  local from, claim
  local firstClaim, _, firstEnd = Marks.decode(Marks.at(marks, 1))
  if firstEnd == endedAt and marks == string.rep(Marks.at(marks, 1), count) then
    deleted = math.min(count, most)
    from, looked, claim = first, deleted, firstClaim
  end
  local function deleteUpTo(serial)
    if not from then return end
    Jobs.deletePlain(from, serial - from)
    Claims.forget(claim, serial - from)
    from = nil
  end
  while looked < count and deleted < most do
    local serial = first + looked
    local itsClaim, _, itsEnd = Marks.decode(Marks.at(marks, looked + 1))
    if itsClaim and itsEnd == endedAt then
      from, claim = from or serial, itsClaim
      deleted = deleted + 1
    else
      deleteUpTo(serial)
    end
    looked = looked + 1
  end
  deleteUpTo(first + looked)
  lane.size = lane.size - deleted
  lane.tally[COMPLETED] = lane.tally[COMPLETED] - deleted
  C.queue.tally[COMPLETED] = C.queue.tally[COMPLETED] - deleted
  Lane.touch(lane)
  return deleted, looked
end
`
