import { lua } from '../lua/lua.ts'

/**
 * Groups. `ARGV` after the head:
 *
 * - enqueueGroups: JSON of each group, the root first; answers `['existing', group]`, `['conflict', index]`
 *   for a nested group whose id is taken, `['full', …]` as enqueue does, or `['enqueued', …]`;
 * - getGroups: of each the tenant and the id.
 */
export const groups: string = lua`
local function takenGroup(inputs)
  local seen = {}
  for index, input in ipairs(inputs) do
    if seen[input.id] or Groups.find(input.tenant, input.id) then return index end
    seen[input.id] = true
  end
end

redis.register_function('{enqueueGroups}', function(keys, args)
  begin(keys[1], args)
  local inputs, members = {}, {}
  for at = HEAD + 1, #args do
    local input = cjson.decode(args[at])
    inputs[#inputs + 1] = input
    for _, member in ipairs(input.members) do
      member.tenant = input.tenant
      members[#members + 1] = member
    end
  end
  local taken = takenGroup(inputs)
  if taken == 1 then return { 'existing', Groups.record(Groups.find(inputs[1].tenant, inputs[1].id)) } end
  if taken then return { 'conflict', taken - 1 } end
  local full = Enqueuer.findFullBacklog(members)
  if full then return { 'full', { { 0, unpack(full) } } } end
  local results, records = Groups.enqueue(inputs)
  finish(args)
  return { 'enqueued', digits(C.now), C.queue.series, results, records }
end)

redis.register_function{function_name = '{getGroups}', flags = { 'no-writes', 'allow-oom' }, callback = function(keys, args)
  beginReading(keys[1], args)
  local records = {}
  for at = HEAD + 1, #args, 2 do
    local group = Groups.find(args[at], args[at + 1])
    records[#records + 1] = group and Groups.record(group) or 0
  end
  return records
end}
`
