import { lua } from './lua.ts'

/**
 * The claim of one job from each of many lanes, which is what claims among very many tenants come to: their order is
 * that of the lanes, and of a lane no more than a few bytes of its text is read and changed.
 */
export const oneEach: string = lua`
-- From how many lanes on two more commands cost less than a score of each: a number costs as much as a command to
-- become a text.
local MANY = 16

-- Whether each of the lanes from the first to the last has a turn before any has another, if all weigh 1.
local function isOneEach(first, last)
  local again, time = tonumber(first[2]) + FairOrder.TURN, tonumber(last[2])
  if time ~= again then return time < again end
  return FairOrder.activationOf(last[1]) < FairOrder.activationOf(first[1])
end

local function firstLanes(count)
  local all = call('ZRANGE', FairOrder.key(), 0, count - 1, 'WITHSCORES')
  local members, scores = {}, {}
  for index = 1, count do members[index], scores[index] = all[2 * index - 1], all[2 * index] end
  return members, scores
end

-- The members of the first lanes, and the score of each or of all; nothing where they would give more than one each.
local function lanesInTurn(count)
  if C.queue.fair < count then return end
  if count < MANY then
    local members, scores = firstLanes(count)
    if isOneEach({ members[1], scores[1] }, { members[count], scores[count] }) then return members, scores end
    return
  end
  local key = FairOrder.key()
  local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  local last = call('ZRANGE', key, count - 1, count - 1, 'WITHSCORES')
  if not isOneEach(first, last) then return end
  if first[2] ~= last[2] then return firstLanes(count) end
  return call('ZRANGE', key, 0, count - 1), nil, first[2]
end

-- Takes a job out of each of the first 'count' lanes, and counts it as waiting no longer: the serials and the
-- tenants. Nothing where lanes would give more than one, or limits or weights have a say.
function OneEach.take(count)
  local members, scores, score = lanesInTurn(count)
  if not members then return end
  local tenants = {}
  for index = 1, count do tenants[index] = string.sub(members[index], 7) end
  local texts = Lane.textsInForm(tenants)
  if not texts then return end
  local serials, changed, stayed, left, queue = {}, {}, {}, {}, C.queue
  local takeFirst, stays, changes, leaves = Lane.takeFirst, 0, 0, 0
  local time, nextScore, head
  for index = 1, count do
    local itsScore = score or scores[index]
    if itsScore ~= time then
      time = itsScore
      queue.time = tonumber(time)
      local nextTime = queue.time + FairOrder.TURN
      nextScore, head = digits(nextTime), Lane.headOf(nextTime)
    end
    local serial, hasMore, text = takeFirst(tenants[index], texts[index], queue.time + FairOrder.TURN, head)
    serials[index] = serial
    if text then
      changed[changes + 1], changed[changes + 2] = tenants[index], text
      changes = changes + 2
    end
    if hasMore then
      stayed[stays + 1], stayed[stays + 2] = nextScore, members[index]
      stays = stays + 2
    else
      leaves = leaves + 1
      left[leaves] = members[index]
    end
  end
  queue.fair = queue.fair - leaves
  Lane.put(changed)
  FairOrder.move(stayed, left)
  return serials, tenants
end
`
