import { lua } from './lua.ts'

/**
 * How many plain jobs of each tenant are leased, and how many are completed: one number in a hash, so that neither
 * the end of a job nor its deletion looks at its lane. A lane counts what waits, and what has a state. What is on a sheet
 * counts as completed from the beginning, until somebody asks: then those that are leased count as such. The last sheets
 * are not counted before somebody asks, and most are gone by then.
 */
export const plainTally: string = lua`
-- What one completed job counts; below it are those that are leased.
local COMPLETED_ONE = 16777216

local function tallyKey()
  return C.base .. 'plain'
end

-- Counts so many more, or fewer. What an allowance knows of them is kept true.
function PlainTally.add(tenant, leased, completed)
  C.plain[tenant] = (C.plain[tenant] or 0) + leased + completed * COMPLETED_ONE
  local lane = C.lanes[tenant]
  local known = lane and lane.allowance.plain
  if known then lane.allowance.plain = known + leased end
end

-- What a leased job counts beyond a completed one.
local LEASED_INSTEAD = 1 - COMPLETED_ONE

local function addEach(tenants, by)
  local plain = C.plain
  for index = 1, #tenants do
    local tenant = tenants[index]
    plain[tenant] = (plain[tenant] or 0) + by
  end
end

-- So many sheets wait to be counted.
local MOST_UNCOUNTED = 32

local function uncountedKey()
  return C.base .. 'uncounted'
end

local function count(number)
  Claims.noteCounted(number)
  addEach(Sheets.owners(number), COMPLETED_ONE)
end

local function countAll()
  local numbers = call('ZRANGE', uncountedKey(), 0, -1)
  if #numbers == 0 then return end
  call('DEL', uncountedKey())
  for _, number in ipairs(numbers) do count(tonumber(number)) end
end

-- Counts as leased what is leased: who asks again looks through no sheet again.
local function tallyHeld()
  for _, number in ipairs(Sheets.takeHeld()) do
    Claims.noteTallied(number)
    addEach(Sheets.holders(number), LEASED_INSTEAD)
  end
end

-- A sheet was made.
function PlainTally.addSheet(number)
  call('ZADD', uncountedKey(), digits(number), digits(number))
  if call('ZCARD', uncountedKey()) > MOST_UNCOUNTED then
    count(tonumber(call('ZPOPMIN', uncountedKey())[1]))
  end
end

-- Jobs that follow one another on a sheet were completed: no more than the lanes of a turn of FairOrder, which unpack
-- can take.
function PlainTally.completeOnSheet(number, from, count)
  if not Claims.isTallied(number) then return end
  addEach({ unpack(Sheets.tenants(number), from, from + count - 1) }, -LEASED_INSTEAD)
end

-- Jobs of a sheet were deleted.
function PlainTally.forgetOnSheet(number, tenants)
  if Claims.isCounted(number) then addEach(tenants, -COMPLETED_ONE)
  else callWith('SADD', C.base .. 'emptied', tenants) end
end

-- A sheet is gone.
function PlainTally.dropSheet(number)
  if not Claims.isCounted(number) then call('ZREM', uncountedKey(), digits(number)) end
end

-- A job on a sheet is counted elsewhere from now on.
function PlainTally.takeFromSheet(job)
  local lane = C.lanes[job.tenant]
  local known = lane and lane.allowance.plain
  if known and job.isHeld then lane.allowance.plain = known - 1 end
  local isLeased = job.isHeld and Claims.isTallied(job.claim)
  if Claims.isCounted(job.claim) then addEach({ job.tenant }, isLeased and -1 or -COMPLETED_ONE) end
  Sheets.take(job.claim, job.serial)
end

local function numberOf(tenant)
  return tonumber(call('HGET', tallyKey(), tenant) or 0) + (C.plain[tenant] or 0)
end

-- How many are leased, and how many are completed.
function PlainTally.of(tenant)
  countAll()
  tallyHeld()
  local number = numberOf(tenant)
  local leased = number % COMPLETED_ONE
  return leased, (number - leased) / COMPLETED_ONE
end

function PlainTally.isEmpty(tenant)
  countAll()
  return numberOf(tenant) == 0
end

-- Small counts are most counts: a number costs as much as a command to become a text.
local MOST_KNOWN = 4096
local texts, knownTexts = {}, 0

local function textOf(number)
  local text = string.format('%.0f', number)
  if knownTexts < MOST_KNOWN then texts[number], knownTexts = text, knownTexts + 1 end
  return text
end

-- To be called after the lanes are written. A tenant that has none left may have no job at all.
function PlainTally.flush()
  if not next(C.plain) then return end
  local key, plain, tenants, written, size, emptied = tallyKey(), C.plain, {}, {}, 0, {}
  for tenant, number in pairs(plain) do
    if number ~= 0 then tenants[#tenants + 1] = tenant end
  end
  for from = 1, #tenants, CHUNK do
    local to = math.min(#tenants, from + CHUNK - 1)
    local found = call('HMGET', key, unpack(tenants, from, to))
    for index = from, to do
      local tenant = tenants[index]
      local number = plain[tenant] + (found[index - from + 1] or 0)
      if number == 0 then
        emptied[#emptied + 1] = tenant
      else
        written[size + 1], written[size + 2] = tenant, texts[number] or textOf(number)
        size = size + 2
      end
    end
  end
  C.plain = {}
  callWith('HSET', key, written)
  callWith('HDEL', key, emptied)
  callWith('SADD', C.base .. 'emptied', emptied)
end
`
