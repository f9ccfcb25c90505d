import { lua } from './lua.ts'

/**
 * The shortest ways of a plain job that comes alone, in a queue in which nothing is limited or delayed: behind others of
 * its lane, and out again at once where nothing else is ready. In the texts of the queue's head and of the lane a few
 * bytes change, and no record is made of them.
 */
export const loneJob: string = lua`
-- The head of a queue from byte 10 up to the number of pending jobs; what is passed over in as few numbers as there can
-- be, for each costs as much as it had a meaning.
local HEAD_MIDDLE = '>I6I4dI4I4I4I4I4dI6I4ddc4I4'

-- After so many milliseconds a hint may have been lost on its way between nodes.
local HINT_AGAIN_AFTER = 100

-- What is answered of a job: its creation, the series of ids, its bucket and its field. In one text, which costs server
-- and client less than a list of them.
local function answerOf(created, head, bucket, field)
  return created .. ' ' .. string.sub(head, -6) .. bucket .. ' ' .. field
end

-- The answer; nothing, and nothing was done, where the job has to go another way. Of the head of the queue (see
-- context.ts) change the serial, until when claimers rest, and the number of pending jobs; the series is its end.
function LoneJob.enqueue(base, args, tenant, priority, tail)
  local queueKey, lanesKey = base .. 'queue', base .. 'lanes'
  local head = call('GET', queueKey)
  if not head or string.byte(head, 9) ~= 102 then return end
  local serial, guessed, _, _, limits, _, alarms, _, _, bucket, delays, _, restUntil, leased, pending
    = struct.unpack(HEAD_MIDDLE, head, 10)
  serial = serial + 1
  local isBound = guessed > 0 or limits > 0 or alarms > 0 or delays > 0
  if isBound or bucket ~= bucketOf(serial) + 1 then return end
  local lane = call('HGET', lanesKey, tenant)
  lane = lane and Lane.appended(lane, priority, serial, 1)
  if not lane then return end
  local created, name, field = Context.instant(args[1]), digits(bucket - 1), fieldOf(serial)
  local now = tonumber(created)
  call('HSET', lanesKey, tenant, lane)
  call('HSET', base .. 'body:' .. name, field, created .. '\n' .. tail)
  -- Where claimers were to rest until a moment ago, each has been told since to look, and none again to rest.
  local isAwaited = restUntil < 0 or restUntil > now or now - restUntil >= HINT_AGAIN_AFTER
  if isAwaited then call('PUBLISH', settingsIn(args[2]).channel, 'ready ' .. base) end
  call('SETRANGE', queueKey, '9', struct.pack('>I6', serial) .. string.sub(head, 16, 73)
    .. struct.pack('>dc4I4', isAwaited and now or restUntil, leased, pending + 1))
  return answerOf(created, head, name, field)
end

-- The head of a queue up to the number of running jobs, at byte 98; that of leases is at 82.
local HEAD_START = '>dc1I6I4I6I6I4I4I4I4dI6I4I4I4dI4c12I4'

-- Enqueues a job and leases it to whom it is claimed for with it; nothing, and nothing was done, where something else may
-- be ready or waits for anything. Behind the answer is the number of the claim.
function LoneJob.enqueueAndLease(base, args, tenant, tail, request)
  local head = call('GET', base .. 'queue')
  if not head or string.byte(head, 9) ~= 102 then return end
  local time, _, serial, guessed, activation, epoch, _, usedUp, alarms, era, _, bucket, delays, fair, alone, _,
    leased, _, running = struct.unpack(HEAD_START, head)
  serial, epoch = serial + 1, epoch + 1
  local isBound = guessed > 0 or usedUp > 0 or alarms > 0 or delays > 0
  local isOffering = fair > 0 or alone > 0
  if isBound or isOffering or bucket ~= bucketOf(serial) + 1 then return end
  local lane = call('HGET', base .. 'lanes', tenant)
  local itsTime = lane and Lane.restsAt(lane, era)
  if not itsTime or call('EXISTS', base .. 'revoked:' .. request.nonce) == 1 then return end
  time = math.max(time, itsTime)
  local created, name, field, claim = Context.instant(args[1]), digits(bucket - 1), fieldOf(serial), digits(epoch)
  local now = tonumber(created)
  local expiresAt = now + request.leaseMs
  call('HSET', base .. 'lanes', tenant, struct.pack('>d', time + FairOrder.TURN) .. string.sub(lane, 9))
  call('HSET', base .. 'body:' .. name, field, created .. '\n' .. tail)
  call('SETRANGE', base .. 'mark:' .. name, Marks.offsetOf(serial), Marks.of(epoch, Marks.ownerOf(tenant), now, 0))
  call('HSET', base .. 'claims', claim, Claims.packed(request, now, expiresAt, 1))
  call('HSET', base .. 'claimed', claim, Claims.runOf(serial, 1))
  call('ZADD', base .. 'leases', digits(expiresAt), 'c' .. claim)
  call('HINCRBY', base .. 'plain', tenant, 1)
  call('SETRANGE', base .. 'queue', '0', struct.pack('>dc1I6I4I6I6', time, 'f', serial, 0, activation, epoch)
    .. string.sub(head, 32, 73) .. struct.pack('>dI4', -1, leased + 1) .. string.sub(head, 86, 97)
    .. struct.pack('>I4', running + 1))
  return answerOf(created, head, name, field) .. ' ' .. claim
end
`
