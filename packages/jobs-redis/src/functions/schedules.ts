import { lua } from '../lua/lua.ts'

/**
 * Schedules. `ARGV` after the head:
 *
 * - putSchedule: the field, JSON of what was expected ('' for nothing) and JSON of what is put;
 * - getSchedules: the fields; answers with the time and the rows;
 * - listSchedules: nothing; answers with the fields;
 * - dueSchedules: how many at most; answers with the time, the rows and their fields, and the next tick;
 * - advanceSchedules: of each the field, JSON of what was expected, the cursor afterwards ('' for none), a
 *   count of ticks, and of each its instant, a count and so many jobs;
 * - removeSchedules: the fields; answers 1 for each that was there.
 */
export const schedules: string = lua`
redis.register_function('{putSchedule}', function(keys, args)
  beginReading(keys[1], args)
  local field, put = args[HEAD + 1], cjson.decode(args[HEAD + 3])
  local expected = args[HEAD + 2] ~= '' and cjson.decode(args[HEAD + 2])
  local row = Schedules.find(field)
  local now = digits(C.now)
  if not row and not expected then
    row = { createdAt = now, revision = 1, spec = put.spec }
  elseif not row or not expected or not Schedules.is(row, expected) or row.paused ~= expected.paused then
    return { 'stale', row and cjson.encode(row) or '' }
  end
  if row.spec ~= put.spec then row.revision = row.revision + 1 end
  row.spec, row.paused, row.nextAt, row.updatedAt = put.spec, put.paused, put.nextAt, now
  Schedules.write(field, row)
  return { 'stored', cjson.encode(row) }
end)

redis.register_function{function_name = '{getSchedules}', flags = { 'no-writes', 'allow-oom' }, callback = function(keys, args)
  beginReading(keys[1], args)
  local rows = {}
  for at = HEAD + 1, #args do
    rows[#rows + 1] = call('HGET', C.base .. 'schedules', args[at]) or ''
  end
  return { digits(C.now), rows }
end}

redis.register_function{function_name = '{listSchedules}', flags = { 'no-writes', 'allow-oom' }, callback = function(keys, args)
  beginReading(keys[1], args)
  return call('HKEYS', C.base .. 'schedules')
end}

redis.register_function{function_name = '{dueSchedules}', flags = { 'no-writes', 'allow-oom' }, callback = function(keys, args)
  beginReading(keys[1], args)
  local limit, key = tonumber(args[HEAD + 1]), C.base .. 'ticks'
  local fields = call('ZRANGEBYSCORE', key, '-inf', digits(C.now), 'LIMIT', 0, limit)
  local rows = {}
  for index, field in ipairs(fields) do rows[index] = call('HGET', C.base .. 'schedules', field) end
  local after = call('ZRANGE', key, #fields, #fields, 'WITHSCORES')
  return { digits(C.now), fields, rows, after[2] and digits(tonumber(after[2])) or '' }
end}

local function readAdvance(args, at)
  local advance = { field = args[at], expected = cjson.decode(args[at + 1]), nextAt = args[at + 2], ticks = {}, jobs = {} }
  local count = tonumber(args[at + 3])
  at = at + 4
  for index = 1, count do
    local tick = { tickAt = args[at] }
    tick.jobs, at = Enqueuer.read(args, at + 2, tonumber(args[at + 1]))
    advance.ticks[index] = tick
    for _, job in ipairs(tick.jobs) do advance.jobs[#advance.jobs + 1] = job end
  end
  return advance, at
end

-- The schedule, if it still is what the author of the advance saw.
local function current(advance)
  local row = Schedules.find(advance.field)
  if row and not row.paused and Schedules.is(row, advance.expected) then return row end
end

local function fireOf(tickAt, results)
  local made, first = 0, nil
  for _, result in ipairs(results) do
    if type(result) == 'number' or result[1] ~= 'x' then
      made = made + 1
      first = first or (type(result) == 'number' and result or result[1] == 'e' and result[2] or result[2][1])
    end
  end
  local job = first and Jobs.load(first)
  return { tickAt = tickAt, firedAt = digits(C.now), jobs = made, jobId = job and Jobs.id(job) or nil }
end

local function advanceOne(advance)
  local row = current(advance)
  if not row then return 0 end
  local results = {}
  for _, tick in ipairs(advance.ticks) do
    local ofTick = Enqueuer.enqueue(tick.jobs)
    row.lastFire = fireOf(tick.tickAt, ofTick)
    for _, result in ipairs(ofTick) do results[#results + 1] = result end
  end
  row.nextAt = advance.nextAt ~= '' and advance.nextAt or nil
  Schedules.write(advance.field, row)
  return results
end

redis.register_function('{advanceSchedules}', function(keys, args)
  begin(keys[1], args)
  local at, advances = HEAD + 1, {}
  while at <= #args do
    advances[#advances + 1], at = readAdvance(args, at)
  end
  for index, advance in ipairs(advances) do
    if current(advance) then
      local place, holder = Enqueuer.findConflict(advance.jobs)
      if place then return { 'conflict', index - 1, place, holder } end
    end
  end
  local results = {}
  for index, advance in ipairs(advances) do results[index] = advanceOne(advance) end
  finish(args)
  return { 'advanced', digits(C.now), C.queue.series, results }
end)

redis.register_function{function_name = '{removeSchedules}', flags = { 'allow-oom' }, callback = function(keys, args)
  beginReading(keys[1], args)
  local answers = {}
  for at = HEAD + 1, #args do
    call('ZREM', C.base .. 'ticks', args[at])
    answers[#answers + 1] = call('HDEL', C.base .. 'schedules', args[at])
  end
  return answers
end}
`
