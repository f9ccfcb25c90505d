import { lua } from './lua.ts'

/** What attempts left with a job beside its state: l log, f failures, e effects. */
export const cold: string = lua`
local MAX_LOG_LINES, MAX_FAILURES = 100, 20

local function readCold(job)
  if not job.cold then
    local text = job.state.x and call('HGET', C.base .. 'cold', digits(job.serial))
    job.cold = text and cjson.decode(text) or {}
  end
  return job.cold
end

local function writeCold(job)
  if next(job.cold) then
    call('HSET', C.base .. 'cold', digits(job.serial), cjson.encode(job.cold))
    job.state.x = 1
  else
    if job.state.x then call('HDEL', C.base .. 'cold', digits(job.serial)) end
    job.state.x = nil
  end
  Jobs.touch(job)
end

local function append(list, items, most)
  list = list or {}
  for _, item in ipairs(items) do list[#list + 1] = item end
  local surplus = #list - most
  if surplus <= 0 then return list end
  local kept = {}
  for index = surplus + 1, #list do kept[#kept + 1] = list[index] end
  return kept
end

function Cold.text(job)
  return job.state.x and call('HGET', C.base .. 'cold', digits(job.serial)) or ''
end

-- What a claim hands out of it.
function Cold.effectsText(job)
  local effects = job.state.x and readCold(job).e
  return effects and cjson.encode({ e = effects }) or ''
end

function Cold.addLog(job, lines)
  if #lines == 0 then return end
  local cold = readCold(job)
  cold.l = append(cold.l, lines, MAX_LOG_LINES)
  writeCold(job)
end

-- Notes how the attempt that ends now failed; without an error for one that was lost.
function Cold.noteFailure(job, errorText)
  local state, cold = job.state, readCold(job)
  local failure = { a = state.at, g = state.ge, s = state.sa, e = C.now, w = state.wk, r = errorText }
  cold.f = append(cold.f, { failure }, MAX_FAILURES)
  writeCold(job)
end

-- What is there stays.
function Cold.remember(job, effects)
  local cold = readCold(job)
  cold.e = cold.e or {}
  for key, value in pairs(effects) do
    if cold.e[key] == nil then cold.e[key] = value end
  end
  writeCold(job)
end

function Cold.clearLog(job)
  local cold = readCold(job)
  if not cold.l then return end
  cold.l = nil
  writeCold(job)
end

function Cold.clear(job)
  if not next(readCold(job)) then return end
  job.cold = {}
  writeCold(job)
end
`
