import { lua } from './lua.ts'

/** Leases jobs to workers, and ends what they began. */
export const leasing: string = lua`
-- Answers with the job as the claim hands it out.
local function grant(job, request)
  Queue.stand(job, RUNNING)
  local state = job.state
  state.at = state.at + 1
  state.sa, state.up, state.wk = C.now, C.now, request.worker
  Leases.grant(job, C.now + request.leaseMs, request.nonce)
  Queue.granted(job)
  return Reply.claimed(job)
end

local function told(nextDueAt)
  Hints.told(nextDueAt)
  return nextDueAt == INFINITY and '' or digits(math.max(0, math.ceil(nextDueAt - C.now)))
end

-- How long the claim that was given up may be on its way, in milliseconds.
local REVOKED_FOR = 600000

-- How many lanes a claim tells of limits that changed for each tenant.
local MOST_STALE = 100

-- Refuses a claim that is still on its way.
function Leasing.revoke(nonce)
  call('SET', C.base .. 'revoked:' .. nonce, '', 'PX', REVOKED_FOR)
end

-- The jobs, when more can be claimed ('' for never), whether a release is awaited, whether suspects wait,
-- the time, the claim of plain jobs, and the sheets, whose jobs come before these: of each its number and how many
-- there are. A plain job is its serial and its body.
function Leasing.claim(request)
  if C.isNew or C.queue.allowance.paused then
    Hints.decide()
    return { {}, told(INFINITY), 0, 0, '', 0, {} }
  end
  Queue.promote()
  Limits.applyStale(MOST_STALE)
  if call('EXISTS', C.base .. 'revoked:' .. request.nonce) == 1 then return { {}, '0', 0, 0, '', 0, {} } end
  local claimed = {}
  local take = function(job) claimed[#claimed + 1] = grant(job, request) end
  local takeRun = function(serials, ofLanes, tenants)
    if tenants then PlainJobs.grantEach(serials, tenants, request, claimed, grant)
    else PlainJobs.grant(serials, ofLanes, request, claimed, grant) end
  end
  if not request.suspects then
    Dispatch.takeReady(request.slots, take, takeRun)
    if request.prefetch > 0 and Dispatch.hasReady() then Dispatch.takeUngoverned(request.prefetch, takeRun) end
  elseif request.slots > 0 then
    local job = Dispatch.takeSuspect()
    if job then take(job) end
  end
  local hasReady, hasSuspects = Dispatch.hasReady(), Dispatch.hasSuspects()
  local hasMore = hasReady or (request.suspects and hasSuspects)
  Hints.claimed(hasReady or hasSuspects)
  local awaitsRelease = Dispatch.awaitsRelease()
  local nextDue = told(hasMore and C.now or Queue.nextDueAt())
  return {
    claimed, nextDue, awaitsRelease and 1 or 0, hasSuspects and 1 or 0, digits(C.now), request.claim or 0,
    request.sheets,
  }
end

-- What an attempt tells of what is behind its limiter.
local function tell(limiter, outcome)
  if outcome.kind == 'complete' then
    Allowance.succeeded(limiter)
  elseif outcome.kind == 'retry' or (outcome.kind == 'fail' and outcome.isRetryable) then
    Allowance.failed(limiter)
  elseif outcome.kind == 'release' and outcome.pauseMs then
    Allowance.pauseUntil(limiter, C.now + outcome.pauseMs)
  end
end

local function fail(job, text)
  job.state.er = text
  Cold.noteFailure(job, text)
end

-- What is answered: the stage of the lease, 'lost', or the place of a follow-up and whose id it has.
function Leasing.settle(settlement)
  local job = Jobs.find(settlement.tenant, settlement.id)
  local state = job and job.state
  if not job or state.tk ~= settlement.token or not state.ls then return 'lost' end
  -- Not held: this settlement was recorded before, and its reply lost.
  if state.ls ~= 'held' then return state.ls end
  local limiter = Dispatch.limiterOf(job)
  if state.st == CANCELLED then
    Transitions.endLease(job, 'cancelled')
    return 'cancelled'
  end
  local followUps, outcome = settlement.followUps, settlement.outcome
  if #followUps > 0 then
    local place, holder = Enqueuer.findConflict(followUps)
    if place then return { place, holder } end
  end
  if limiter then tell(limiter, outcome) end
  Transitions.endLease(job, 'settled')
  state.up = C.now
  if settlement.headers then state.hd = settlement.headers end
  local kind = outcome.kind
  -- An attempt given back has shown nothing: its handler may not even have begun.
  if kind ~= 'release' then state.su = nil end
  if kind == 'complete' then
    state.rs, state.er = outcome.text, nil
    Transitions.finish(job, COMPLETED, settlement.discard)
  elseif kind == 'fail' then
    fail(job, outcome.text)
    Transitions.finish(job, FAILED, settlement.discard)
  elseif kind == 'retry' then
    fail(job, outcome.text)
    Transitions.wait(job, outcome.delayMs)
  else
    state.at = state.at - 1
    state.re = (state.re or 0) + 1
    Transitions.wait(job, outcome.delayMs)
  end
  if #followUps > 0 then Enqueuer.enqueue(followUps) end
  return 'settled'
end

-- Ends runs of plain jobs with success; of each whether all were as it says. The others of a run go the
-- long way.
function Leasing.complete(runs, series)
  Queue.promote()
  local answers = PlainJobs.complete(runs)
  for index, run in ipairs(runs) do
    if answers[index] then
      answers[index] = 1
    else
      local ofJobs = {}
      for at = 1, run.count do
        local serial = run.first + at - 1
        ofJobs[at] = Leasing.settle({
          tenant = run.tenant, id = Jobs.idIn(series, run.created, serial), followUps = {},
          token = digits(run.claim) .. '-' .. digits(serial) .. '.' .. run.nonce,
          outcome = { kind = 'complete', text = run.results and run.results[at] },
        })
      end
      answers[index] = ofJobs
    end
  end
  return answers
end

-- The same for jobs of a sheet.
function Leasing.completeOnSheet(part)
  if PlainJobs.completeOnSheet(part) then return 1 end
  local serials, answers = {}, {}
  for text in string.gmatch(part.serials, '%d+') do serials[#serials + 1] = tonumber(text) end
  Jobs.preload(serials)
  for index, serial in ipairs(serials) do
    local job = Jobs.load(serial)
    answers[index] = job and Leasing.settle({
      tenant = job.tenant, id = Jobs.id(job), followUps = {},
      token = digits(part.claim) .. '-' .. digits(serial) .. '.' .. part.nonce,
      outcome = { kind = 'complete', text = part.results and part.results[index] },
    }) or 'lost'
  end
  return answers
end

-- Takes back expired leases, the one that expired first first.
function Leasing.reclaim(limit)
  local serials = Leases.expired(limit)
  Jobs.preload(serials)
  for _, serial in ipairs(serials) do
    local job = Jobs.load(serial)
    Transitions.endLease(job, nil)
    local state = job.state
    if state.st ~= CANCELLED then
      Cold.noteFailure(job, nil)
      state.at = state.at - 1
      state.lo = (state.lo or 0) + 1
      state.up, state.su = C.now, 1
      Queue.wait(job)
    end
  end
  return #serials
end
`
