import { lua } from '../lua/lua.ts'

/**
 * Upkeep. `ARGV` after the head: the limit, and how long ended jobs of each kind are kept. Answers how many
 * were taken back and deleted, and when (an instant; '' for never) there is something to do again.
 */
export const maintain: string = lua`
-- How many tenants without jobs are looked at in a call.
local MOST_LANES = 100

local function prune(limit, maxAges)
  local pruned, retired = 0, 0
  while retired < limit and pruned < limit do
    local job = Queue.takeRetained()
    if not job then break end
    retired = retired + 1
    if Transitions.retire(job) then pruned = pruned + 1 end
  end
  pruned = pruned + History.settle()
  return pruned + History.prune(math.max(0, limit - pruned), maxAges)
end

redis.register_function{function_name = '{maintain}', flags = { 'allow-oom' }, callback = function(keys, args)
  begin(keys[1], args)
  if C.isNew then return { 0, 0, '' } end
  local limit = tonumber(args[HEAD + 1])
  local maxAges = {
    [COMPLETED] = tonumber(args[HEAD + 2]), [FAILED] = tonumber(args[HEAD + 3]),
    [CANCELLED] = tonumber(args[HEAD + 4]),
  }
  local reclaimed = Leasing.reclaim(limit)
  local pruned = prune(limit - reclaimed, maxAges)
  Queue.dropEmptyLanes(MOST_LANES)
  finish(args)
  local nextAt = math.min(Leases.nextExpiryAt(), History.nextExpiryAt(maxAges), Queue.nextReleaseAt())
  return { reclaimed, pruned, nextAt < INFINITY and digits(math.ceil(nextAt)) or '' , digits(C.now) }
end}
`
