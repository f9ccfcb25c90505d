import { lua } from '../lua/lua.ts'

/**
 * Ends attempts and claims, either or both. `ARGV` after the head: five of the claim (slots, prefetch,
 * leaseMs, worker, suspects) of which the first is empty for none; then plain jobs that were completed on sheets: a
 * count, and so many parts: claim, nonce, first place, how many, their serials, and a code, r where as many results
 * follow; then other plain jobs that were completed: the
 * series of their ids, a count, and so many runs that share no job: tenant, first serial, how many, and a
 * code: c where claim, nonce and creation follow, which else are those of the run before, r where as many
 * results follow; then a count, and so many settlements of any kind: tenant, id, token, and a code that says
 * what follows. Its first letter is the outcome (c complete, r retry, l release, f fail); d discards, y says
 * that the error is retryable, and for each of t m p h f an argument follows: text, delay, pause of the
 * limiter, headers, and a count with so many follow-ups.
 */
export const settle: string = lua`
local KINDS = { c = 'complete', r = 'retry', l = 'release', f = 'fail' }

local function readSettlement(args, at)
  local code = args[at + 3]
  local settlement = { tenant = args[at], id = args[at + 1], token = args[at + 2], followUps = {} }
  local outcome = { kind = KINDS[string.sub(code, 1, 1)] }
  settlement.outcome = outcome
  at = at + 4
  for index = 2, #code do
    local letter = string.sub(code, index, index)
    if letter == 'd' then settlement.discard = true
    elseif letter == 'y' then outcome.isRetryable = true
    elseif letter == 'f' then
      settlement.followUps, at = Enqueuer.read(args, at + 1, tonumber(args[at]))
    else
      local value = args[at]
      at = at + 1
      if letter == 't' then outcome.text = value
      elseif letter == 'm' then outcome.delayMs = tonumber(value)
      elseif letter == 'p' then outcome.pauseMs = tonumber(value)
      else settlement.headers = value end
    end
  end
  return settlement, at
end

local function readClaim(args, at)
  if args[at] == '' then return end
  return {
    slots = tonumber(args[at]), prefetch = tonumber(args[at + 1]), leaseMs = tonumber(args[at + 2]),
    worker = args[at + 3], suspects = args[at + 4] == '1', nonce = C.random, sheets = {},
  }
end

local function readResults(args, at, count)
  local results = {}
  for index = 1, count do results[index] = args[at + index - 1] end
  return results, at + count
end

local function readPart(args, at)
  local part = {
    claim = tonumber(args[at]), nonce = args[at + 1], from = tonumber(args[at + 2]), count = tonumber(args[at + 3]),
    serials = args[at + 4], results = nil,
  }
  local code = args[at + 5]
  at = at + 6
  if code == 'r' then part.results, at = readResults(args, at, part.count) end
  return part, at
end

local RUN_OF_CLAIM, RUN_WITH_RESULTS = { c = true, cr = true }, { r = true, cr = true }

local function readRun(args, at, before)
  local code = args[at + 3]
  local run = {
    tenant = args[at], first = tonumber(args[at + 1]), count = tonumber(args[at + 2]),
    claim = nil, nonce = nil, created = nil, results = nil,
  }
  at = at + 4
  if RUN_OF_CLAIM[code] then
    run.claim, run.nonce, run.created = tonumber(args[at]), args[at + 1], tonumber(args[at + 2])
    at = at + 3
  else
    run.claim, run.nonce, run.created = before.claim, before.nonce, before.created
  end
  if not RUN_WITH_RESULTS[code] then return run, at end
  run.results, at = readResults(args, at, run.count)
  return run, at
end

function Leasing.settleAndClaim(args, from)
  local request = readClaim(args, from)
  local parts, at = {}, from + 6
  for index = 1, tonumber(args[from + 5]) do parts[index], at = readPart(args, at) end
  local series, runs, runCount = args[at], {}, tonumber(args[at + 1])
  at = at + 2
  for index = 1, runCount do runs[index], at = readRun(args, at, runs[index - 1]) end
  local settlements, ids, count = {}, {}, tonumber(args[at])
  at = at + 1
  for index = 1, count do
    settlements[index], at = readSettlement(args, at)
    ids[index] = settlements[index].id
  end
  if #parts > 0 then Queue.promote() end
  local ofParts = {}
  for index, part in ipairs(parts) do ofParts[index] = Leasing.completeOnSheet(part) end
  local completed = #runs > 0 and Leasing.complete(runs, series) or {}
  Jobs.preloadIds(ids)
  local results = {}
  for index, settlement in ipairs(settlements) do results[index] = Leasing.settle(settlement) end
  local claimed = request and Leasing.claim(request) or {}
  return { completed, results, C.queue.series, claimed, ofParts }
end

redis.register_function{function_name = '{settle}', flags = { 'allow-oom' }, callback = function(keys, args)
  begin(keys[1], args)
  local answer = Leasing.settleAndClaim(args, HEAD + 1)
  if not C.isNew then finish(args) end
  return answer
end}
`
