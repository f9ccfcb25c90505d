import { lua } from './lua.ts'

/** What a call has to tell others of, published at its end and at most once of each kind. */
export const hints: string = lua`
-- Claimers may want to look: more may be claimed now, or something may be due sooner than they know.
function Hints.ready(more)
  C.isHinting = true
  C.hasMore = C.hasMore or more
end

-- Leases were cancelled, or a pause began.
function Hints.changed()
  C.hasChanged = true
end

-- Decides whether claimers are told, as things stand now.
function Hints.decide()
  if not C.isHinting then return end
  C.isHinting = false
  local at = C.hasMore and C.now or Queue.nextDueAt()
  if not C.hasMore and at >= (C.queue.restUntil or INFINITY) then return end
  C.hasMore = false
  C.queue.restUntil = at
  C.tellsReady = true
end

-- A claim has taken what it could: of that nobody needs to hear.
function Hints.claimed(hasLeft)
  C.hasMore = C.hasMore and hasLeft
  Hints.decide()
end

-- A claimer was told that it may rest until then; infinite for until it is hinted at something.
function Hints.told(restUntil)
  local known = C.queue.restUntil
  if not known or restUntil == INFINITY then
    C.queue.restUntil = nil
  else
    C.queue.restUntil = math.max(known, restUntil)
  end
end

function Hints.send(channel)
  Hints.decide()
  if C.tellsReady then call('PUBLISH', channel, 'ready ' .. C.base) end
  if C.hasChanged then call('PUBLISH', channel, 'changed ' .. C.base) end
end
`
