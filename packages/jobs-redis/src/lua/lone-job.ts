import { lua } from './lua.ts'

/**
 * The shortest way in, of a plain job that comes alone and stands behind others of its lane, in a queue in which nothing
 * is limited or delayed: in the texts of the queue's head and of the lane a few bytes change, and no record is made
 * of them.
 */
export const loneJob: string = lua`
-- What enqueue answers: the creation, the series of ids and the serial; nothing, and nothing was done, where the job has
-- to go another way. Of the head of the queue (see context.ts) change the serial, until when claimers rest, and the
-- number of pending jobs; the series is its end.
function LoneJob.enqueue(base, args, tenant, priority, tail)
  local head = call('GET', base .. 'queue')
  if not head or string.byte(head, 9) ~= 102 then return end
  local serial, guessed = struct.unpack('>I6I4', head, 10)
  local limits, _, alarms = struct.unpack('>I4I4I4', head, 32)
  local bucket, delays = struct.unpack('>I6I4', head, 56)
  serial = serial + 1
  local isBound = guessed > 0 or limits > 0 or alarms > 0 or delays > 0
  if isBound or bucket ~= bucketOf(serial) + 1 then return end
  local lane = call('HGET', base .. 'lanes', tenant)
  lane = lane and Lane.appended(lane, priority, serial, 1)
  if not lane then return end
  local created, leased, pending = Context.instant(args[1]), struct.unpack('>c4I4', head, 82)
  call('HSET', base .. 'lanes', tenant, lane)
  call('HSET', base .. 'body:' .. digits(bucket - 1), fieldOf(serial), created .. '\n' .. tail)
  call('PUBLISH', args[2], 'ready ' .. base)
  call('SET', base .. 'queue', string.sub(head, 1, 9) .. struct.pack('>I6', serial) .. string.sub(head, 16, 73)
    .. struct.pack('>dc4I4', tonumber(created), leased, pending + 1) .. string.sub(head, 90))
  return { created, string.sub(head, -6), serial }
end
`
