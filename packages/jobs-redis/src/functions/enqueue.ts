import { lua } from '../lua/lua.ts'

/**
 * `KEYS`: the queues. `ARGV` after the head: for each queue a count, and so many jobs.
 *
 * Answers `['stored', …]` with the results of each queue, or, having stored nothing, with the conflicts
 * (`['conflict', [queue, index, holderName]…]`) or full backlogs (`['full', [queue, index, quota, waiting,
 * more]…]`) of the queues. 'mayEnqueue' takes the same, stores nothing, and answers `['stored']` where enqueue
 * would store. Of a plain job that came alone the answer may be a text; see `lua/lone-job.ts`.
 *
 * 'enqueueAndSettle' takes jobs of one queue, and then what 'settle' takes. It does as enqueue and then as settle, and
 * answers as both, or with such a text. Its 22 random digits are those of both.
 */
export const enqueue: string = lua`
local function readBatches(keys, args, start)
  local at, batches = HEAD + 1, {}
  for index, base in ipairs(keys) do
    start(base, args)
    local inputs
    inputs, at = Enqueuer.read(args, at + 1, tonumber(args[at]))
    batches[index] = { context = C, inputs = inputs }
  end
  return batches, at
end

local function findRefusal(batches)
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
end

local function store(batch)
  C = batch.context
  local results = { digits(C.now), C.queue.series, Enqueuer.enqueue(batch.inputs) }
  C.isNew = false
  return results
end

local function enqueueLone(keys, args)
  local tenant, input, tail = args[HEAD + 2], args[HEAD + 3], args[HEAD + 4]
  if #args ~= HEAD + 4 or not Enqueuer.isPlain(input) then return end
  call = redis.call
  return LoneJob.enqueue(keys[1], args, tenant, tonumber(input), tail)
end

redis.register_function{function_name = '{mayEnqueue}', flags = { 'no-writes' }, callback = function(keys, args)
  return findRefusal(readBatches(keys, args, beginReading)) or { 'stored' }
end}

redis.register_function('{enqueue}', function(keys, args)
  local stored = enqueueLone(keys, args)
  if stored then return stored end
  local batches = readBatches(keys, args, begin)
  local refusal = findRefusal(batches)
  if refusal then return refusal end
  local results = {}
  for index, batch in ipairs(batches) do
    results[index] = store(batch)
    finish(args)
  end
  return { 'stored', results }
end)

-- The nonce of a claim that comes with jobs.
local function nonceOf(args)
  return string.sub(args[3], 7)
end

-- The arguments of one job and of a claim with nothing settled.
local LONE_ARGUMENTS = HEAD + 13

local function enqueueAndLease(keys, args)
  local tenant, input, tail, slots, prefetch = unpack(args, HEAD + 2, HEAD + 6)
  local isClaiming = args[HEAD + 9] == '' and (slots ~= '0' or prefetch ~= '0')
  if #args ~= LONE_ARGUMENTS or not isClaiming or not Enqueuer.isPlain(input) then return end
  call = redis.call
  local request = { leaseMs = tonumber(args[HEAD + 7]), worker = args[HEAD + 8], nonce = nonceOf(args) }
  return LoneJob.enqueueAndLease(keys[1], args, tenant, tail, request)
end

redis.register_function('{enqueueAndSettle}', function(keys, args)
  local leased = enqueueAndLease(keys, args)
  if leased then return leased end
  local batches, at = readBatches(keys, args, begin)
  local answer = findRefusal(batches) or { 'stored', { store(batches[1]) } }
  C.random = nonceOf(args)
  local settled = Leasing.settleAndClaim(args, at)
  if not C.isNew then finish(args) end
  return { answer, settled }
end)
`
