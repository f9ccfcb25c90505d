import { lua } from './lua.ts'

/**
 * How many plain jobs of each tenant are leased, and how many are completed: one number in a hash, so that neither
 * the end of a job nor its deletion looks at its lane. A lane counts what waits, and what has a state.
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

-- How many are leased, and how many are completed.
function PlainTally.of(tenant)
  local number = tonumber(call('HGET', tallyKey(), tenant) or 0) + (C.plain[tenant] or 0)
  local leased = number % COMPLETED_ONE
  return leased, (number - leased) / COMPLETED_ONE
end

-- To be called after the lanes are written. A tenant that has none left may have no job at all.
function PlainTally.flush()
  if not next(C.plain) then return end
  local key, emptied = tallyKey(), {}
  for tenant, number in pairs(C.plain) do
    if number ~= 0 and call('HINCRBY', key, tenant, digits(number)) == 0 then emptied[#emptied + 1] = tenant end
  end
  C.plain = {}
  callWith('HDEL', key, emptied)
  callWith('SADD', C.base .. 'emptied', emptied)
end
`
