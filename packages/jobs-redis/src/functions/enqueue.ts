import { lua } from '../lua/lua.ts'

/**
 * `KEYS`: the queues. `ARGV` after the head: for each queue a count, and so many jobs.
 *
 * Answers `['stored', …]` with the results of each queue, or, having stored nothing, with the conflicts
 * (`['conflict', [queue, index, holderName]…]`) or full backlogs (`['full', [queue, index, quota, waiting,
 * more]…]`) of the queues.
 */
export const enqueue: string = lua`
redis.register_function('{enqueue}', function(keys, args)
  local at, batches = HEAD + 1, {}
  for index, base in ipairs(keys) do
    begin(base, args)
    local inputs
    inputs, at = Enqueuer.read(args, at + 1, tonumber(args[at]))
    batches[index] = { context = C, inputs = inputs }
  end
  local conflicts, full = {}, {}
  for index, batch in ipairs(batches) do
    C = batch.context
    local place, holder = Enqueuer.findConflict(batch.inputs)
    if place then conflicts[#conflicts + 1] = { index - 1, place, holder } end
  end
  if #conflicts > 0 then return { 'conflict', conflicts } end
  for index, batch in ipairs(batches) do
    C = batch.context
    local found = Enqueuer.findFullBacklog(batch.inputs)
    if found then full[#full + 1] = { index - 1, unpack(found) } end
  end
  if #full > 0 then return { 'full', full } end
  local results = {}
  for index, batch in ipairs(batches) do
    C = batch.context
    results[index] = { digits(C.now), C.queue.series, Enqueuer.enqueue(batch.inputs) }
    finish(args)
  end
  return { 'stored', results }
end)
`
