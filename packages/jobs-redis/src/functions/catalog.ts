import { lua } from '../lua/lua.ts'

/**
 * What operators see. `ARGV` after the head:
 *
 * - get: of each job the tenant and the id;
 * - list: JSON of the filter, the serial to begin below ('' for the newest), how many at most;
 * - counts: the tenant, or nothing for all;
 * - tenants: nothing for the names of all, else those whose standing is wanted.
 */
export const catalog: string = lua`
-- How many jobs one call looks at for a list.
local MOST_LOOKED_AT = 1000

redis.register_function{function_name = '{get}', flags = { 'no-writes', 'allow-oom' }, callback = function(keys, args)
  beginReading(keys[1], args)
  local ids, records = {}, {}
  for at = HEAD + 1, #args, 2 do ids[#ids + 1] = args[at + 1] end
  Jobs.preloadIds(ids)
  for at = HEAD + 1, #args, 2 do
    local job = Jobs.find(args[at], args[at + 1])
    records[#records + 1] = job and Reply.inFull(job) or 0
  end
  return { C.queue.series, records }
end}

redis.register_function{function_name = '{list}', flags = { 'allow-oom' }, callback = function(keys, args)
  begin(keys[1], args)
  if C.isNew then return { '', {}, '' } end
  Queue.promote()
  local before = args[HEAD + 2] == '' and INFINITY or tonumber(args[HEAD + 2])
  local jobs, nextBefore = Catalog.list(cjson.decode(args[HEAD + 1]), before, tonumber(args[HEAD + 3]), MOST_LOOKED_AT)
  local records = {}
  for index, job in ipairs(jobs) do records[index] = Reply.record(job) end
  finish(args)
  return { C.queue.series, records, nextBefore and digits(nextBefore) or '' }
end}

redis.register_function{function_name = '{counts}', flags = { 'allow-oom' }, callback = function(keys, args)
  begin(keys[1], args)
  if C.isNew then return C.queue.tally end
  Queue.promote()
  local tenant = args[HEAD + 1]
  local tally = tenant and Lane.allOf(tenant) or C.queue.tally
  finish(args)
  return tally
end}

redis.register_function{function_name = '{tenants}', flags = { 'allow-oom' }, callback = function(keys, args)
  begin(keys[1], args)
  if C.isNew then return {} end
  if #args == HEAD then return call('HKEYS', C.base .. 'lanes') end
  Queue.promote()
  local standings = {}
  for at = HEAD + 1, #args do
    local lane = Lane.find(args[at])
    local waiting, leased = 0, 0
    if lane then
      Lane.countPlain(lane)
      waiting, leased = Lane.waiting(lane), Allowance.leased(lane.allowance)
    end
    if waiting == 0 and leased == 0 then
      standings[#standings + 1] = 0
    else
      standings[#standings + 1] = { leased, waiting, lane.allowance.paused and 1 or 0, '' }
    end
  end
  finish(args)
  for index, standing in ipairs(standings) do
    if standing ~= 0 and standing[2] > 0 then
      local oldest = Catalog.oldestDueAt(Lane.find(args[HEAD + index]))
      standing[4] = oldest and digits(oldest) or ''
    end
  end
  return standings
end}
`
