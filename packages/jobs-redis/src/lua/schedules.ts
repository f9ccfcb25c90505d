import { lua } from './lua.ts'

/**
 * The schedules of a queue: a row each, of JSON, named by its tenant and its id, and those that have a
 * tick to come and are not paused by the tick. Instants of rows are texts, because cjson writes 14 digits.
 */
export const schedules: string = lua`
function Schedules.field(tenant, id)
  return tenant .. '\n' .. id
end

function Schedules.find(field)
  local text = call('HGET', C.base .. 'schedules', field)
  return text and cjson.decode(text)
end

function Schedules.write(field, row)
  call('HSET', C.base .. 'schedules', field, cjson.encode(row))
  if row.paused or not row.nextAt then
    call('ZREM', C.base .. 'ticks', field)
  else
    call('ZADD', C.base .. 'ticks', row.nextAt, field)
  end
end

-- Whether it is the schedule that somebody saw, its revision and cursor those of then.
function Schedules.is(row, seen)
  return row.createdAt == seen.createdAt and row.revision == seen.revision and row.nextAt == seen.nextAt
end

-- A job that a schedule made has ended.
function Schedules.ended(job, standing)
  local tick = job.extras.s
  local tenant = tick.tenantId ~= cjson.null and tick.tenantId or ''
  local field = Schedules.field(tenant, tick.id)
  local row = Schedules.find(field)
  if not row or tonumber(row.createdAt) ~= tick.createdAt then return end
  local STATES = { [COMPLETED] = 'completed', [FAILED] = 'failed', [CANCELLED] = 'cancelled' }
  row.lastEnd = {
    jobId = Jobs.id(job), tenantId = job.tenant, state = STATES[standing], endedAt = digits(C.now),
    tickAt = tick.tickAt ~= cjson.null and digits(tick.tickAt) or nil,
  }
  Schedules.write(field, row)
end
`
