import { lua } from './lua.ts'

/**
 * The claim of one job from each of many lanes, which is what claims among very many tenants come to: their order is
 * that of the lanes, and of a lane no more than a few bytes of its text is read and changed.
 */
export const oneEach: string = lua`
-- Whether each of the first lanes has a turn before any has another, if all weigh 1.
local function isOneEach(members, count)
  if #members < 2 * count then return false end
  local again, last = tonumber(members[2]) + FairOrder.TURN, tonumber(members[2 * count])
  if last ~= again then return last < again end
  return FairOrder.activationOf(members[2 * count - 1]) < FairOrder.activationOf(members[1])
end

-- Takes a job out of each of the first 'count' lanes, and counts it as waiting no longer: the serials and the
-- tenants. Nothing where lanes would give more than one, or limits or weights have a say.
function OneEach.take(members, count)
  if not isOneEach(members, count) then return end
  local tenants = {}
  for index = 1, count do tenants[index] = string.sub(members[2 * index - 1], 7) end
  Lane.preload(tenants)
  for index = 1, count do
    if not Lane.isOrdinary(tenants[index]) then return end
  end
  local serials, stayed, left, queue = {}, {}, {}, C.queue
  local score, nextTime, nextScore, head
  for index = 1, count do
    if members[2 * index] ~= score then
      score = members[2 * index]
      queue.time = tonumber(score)
      nextTime = queue.time + FairOrder.TURN
      nextScore, head = digits(nextTime), Lane.headOf(nextTime)
    end
    local serial, hasMore = Lane.takeFirst(tenants[index], nextTime, head)
    serials[index] = serial
    if hasMore then
      stayed[#stayed + 1] = nextScore
      stayed[#stayed + 1] = members[2 * index - 1]
    else
      left[#left + 1] = members[2 * index - 1]
    end
  end
  queue.fair = queue.fair - #left
  FairOrder.move(stayed, left)
  return serials, tenants
end
`
