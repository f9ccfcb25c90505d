import { lua } from '../lua/lua.ts'

/**
 * Limits and pauses. A scope is two arguments, see `scope-names.ts`. `ARGV` after the head:
 *
 * - setLimits: for each queue a count, and so many changes: the scope, its text, the source, and JSON;
 *   answers 1 for each queue in which lanes are left that applyLimits must tell, else 0;
 * - applyLimits: nothing; answers how many lanes are left;
 * - getLimits: the scopes; answers with JSON of each;
 * - listLimits: nothing; answers with the text of each scope and JSON of what was said;
 * - isPaused: the scope.
 */
export const limits: string = lua`
redis.register_function{function_name = '{setLimits}', flags = { 'allow-oom' }, callback = function(keys, args)
  local at, answers = HEAD + 1, {}
  for index, base in ipairs(keys) do
    begin(base, args)
    Queue.promote()
    local count = tonumber(args[at])
    at = at + 1
    for _ = 1, count do
      local mark, part, change = args[at], args[at + 1], cjson.decode(args[at + 4])
      Limits.change(mark, part, args[at + 2], args[at + 3], change)
      Limits.apply(mark, part)
      if change.paused == true then Hints.changed() end
      at = at + 5
    end
    answers[index] = C.queue.isStale and 1 or 0
    finish(args)
  end
  return answers
end}

-- How many lanes one call tells of a change.
local MOST_APPLIED = 1000

redis.register_function{function_name = '{applyLimits}', flags = { 'allow-oom' }, callback = function(keys, args)
  begin(keys[1], args)
  Queue.promote()
  local left = Limits.applyStale(MOST_APPLIED)
  finish(args)
  return left
end}

redis.register_function{function_name = '{getLimits}', flags = { 'allow-oom' }, callback = function(keys, args)
  begin(keys[1], args)
  local states = {}
  for at = HEAD + 1, #args, 2 do states[#states + 1] = cjson.encode(Limits.state(args[at], args[at + 1])) end
  if not C.isNew then finish(args) end
  return states
end}

redis.register_function{function_name = '{listLimits}', flags = { 'no-writes', 'allow-oom' }, callback = function(keys, args)
  beginReading(keys[1], args)
  local entries = {}
  for _, text in ipairs(call('HVALS', C.base .. 'limits')) do
    local entry = cmsgpack.unpack(text)
    entries[#entries + 1] = { entry.scope, cjson.encode({ operator = entry.operator, directory = entry.directory }) }
  end
  return entries
end}

redis.register_function{function_name = '{isPaused}', flags = { 'no-writes', 'allow-oom' }, callback = function(keys, args)
  beginReading(keys[1], args)
  return Limits.applying(args[HEAD + 1], args[HEAD + 2]).paused and 1 or 0
end}
`
