import { lua } from './lua.ts'

/**
 * The shortest way in, of a plain job that comes alone and stands behind others of its lane, in a queue in which nothing
 * is limited or delayed: in the texts of the queue's head and of the lane a few bytes change, and no record is made
 * of them.
 */
export const loneJob: string = lua`
-- The head of a queue up to the number of pending jobs; see context.ts. What changes of it are the serial (from byte 10
-- on), until when claimers rest (74) and that number (86); the series is its end.
local HEAD_START = '>dc1I6I4I6I6I4I4I4I4dI6I4I4I4dI4I4'

-- What enqueue answers; nothing, and nothing was done, where the job has to go another way.
function LoneJob.enqueue(base, args, tenant, priority, tail)
  local head = call('GET', base .. 'queue')
  if not head or string.byte(head, 9) ~= 102 then return end
  local time, _, serial, guessed, _, _, limits, _, alarms, _, _, bucket, delays, _, _, _, _, pending =
    struct.unpack(HEAD_START, head)
  serial = serial + 1
  local isBound = guessed > 0 or limits > 0 or alarms > 0 or delays > 0
  if isBound or bucket ~= bucketOf(serial) + 1 or FairOrder.isLate(time) then return end
  local lane = call('HGET', base .. 'lanes', tenant)
  lane = lane and Lane.appended(lane, priority, serial, 1)
  if not lane then return end
  local now = Context.now(args[1])
  local created, series = digits(now), string.sub(head, -6)
  call('HSET', base .. 'lanes', tenant, lane)
  call('HSET', base .. 'body:' .. digits(bucket - 1), fieldOf(serial), created .. '\n' .. tail)
  call('PUBLISH', args[2], 'ready ' .. base)
  call('SET', base .. 'queue', string.sub(head, 1, 9) .. struct.pack('>I6', serial) .. string.sub(head, 16, 73)
    .. struct.pack('>d', now) .. string.sub(head, 82, 85) .. struct.pack('>I4', pending + 1) .. string.sub(head, 90))
  return { 'stored', { { created, series, { serial } } } }
end
`
