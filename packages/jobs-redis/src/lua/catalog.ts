import { lua } from './lua.ts'

/** What of the jobs of a queue a list is to show. */
export const catalog: string = lua`
local function setOf(list)
  if not list then return end
  local set = {}
  for _, item in ipairs(list) do set[item] = true end
  return set
end

local function hasKey(extras, prefix)
  for _, key in ipairs({ extras.u or '', extras.o or '', extras.c or '' }) do
    if key ~= '' and string.sub(key, 1, #prefix) == prefix then return true end
  end
  return false
end

local function isMeant(job, filter)
  local extras = job.extras
  if filter.standings and not filter.standings[job.state.st] then return false end
  if filter.tenant and job.tenant ~= filter.tenant then return false end
  if filter.names and not filter.names[job.name] then return false end
  if filter.keyPrefix and not hasKey(extras, filter.keyPrefix) then return false end
  if filter.group and extras.m ~= filter.group then return false end
  if filter.schedule and not (extras.s and extras.s.id == filter.schedule) then return false end
  return true
end

-- So many jobs are sorted in one call; where more could be meant, all jobs are looked at in their order.
local MOST_SORTED = 50000

-- Whether jobs of those standings are few enough, and not among those that wait.
local function areApart(standings)
  if not standings then return false end
  local size = 0
  for standing in pairs(standings) do
    if standing < RUNNING then return false end
    size = size + C.queue.tally[standing]
  end
  return size <= MOST_SORTED
end

local function eachShelf(standings, act)
  local mayBeLoose = false
  for standing in pairs(standings) do
    if standing == RUNNING then
      act(Leases.serials())
    else
      act(History.serials(standing))
      mayBeLoose = true
    end
  end
  if mayBeLoose then act(call('SMEMBERS', C.base .. 'loose')) end
end

local function descending(one, two)
  return one > two
end

-- The serials of those standings below the one given, newest first. A cancelled job that is held is in two
-- places.
local function serialsOfStandings(standings, before)
  local serials, isThere = {}, {}
  eachShelf(standings, function(found)
    for _, text in ipairs(found) do
      local serial = tonumber(text)
      if serial < before and not isThere[serial] then
        serials[#serials + 1] = serial
        isThere[serial] = true
      end
    end
  end)
  table.sort(serials, descending)
  return serials
end

-- The serials of a bucket below the one given, newest first.
local function serialsOf(bucket, before)
  local serials, isThere, first = {}, {}, tonumber(bucket) * BUCKET
  for _, field in ipairs(call('HKEYS', C.base .. 'body:' .. bucket)) do isThere[field] = true end
  for serial = math.min(first + BUCKET, before) - 1, first, -1 do
    if isThere[fieldOf(serial)] then serials[#serials + 1] = serial end
  end
  return serials
end

-- Bodies may be large: so many are read at a time.
local STRETCH = 32

-- Looks at jobs for those that the filter means, and notes them in 'search'. Answers with the serial at
-- which it stopped, because it had found or looked at enough.
local function look(search, serials)
  for from = 1, #serials, STRETCH do
    local stretch = { unpack(serials, from, math.min(#serials, from + STRETCH - 1)) }
    Jobs.preload(stretch)
    for _, serial in ipairs(stretch) do
      local job = Jobs.load(serial)
      if job and isMeant(job, search.filter) then
        search.found[#search.found + 1] = job
        if #search.found >= search.limit then return serial end
      end
    end
    search.looked = search.looked + #stretch
    if search.looked >= search.most then return stretch[#stretch] end
  end
end

-- Up to 'limit' jobs that the filter means, newest first, of those below the serial 'before'. After a look
-- at 'most' jobs it stops; the second answer is where to go on, nothing at the end.
function Catalog.list(filter, before, limit, most)
  filter.standings, filter.names = setOf(filter.standings), setOf(filter.names)
  local search = { filter = filter, found = {}, looked = 0, limit = limit, most = most }
  if areApart(filter.standings) then
    return search.found, look(search, serialsOfStandings(filter.standings, before))
  end
  while true do
    local highest = before == INFINITY and '+inf' or bucketOf(before - 1)
    local bucket = call('ZREVRANGEBYSCORE', C.base .. 'bodies', highest, '-inf', 'LIMIT', 0, 1)[1]
    if not bucket then return search.found, nil end
    local stoppedAt = look(search, serialsOf(bucket, before))
    if stoppedAt then return search.found, stoppedAt end
    before = tonumber(bucket) * BUCKET
  end
end

-- The earliest start of the jobs of a lane that are due and wait; nothing where none does.
function Catalog.oldestDueAt(lane)
  local oldest = call('ZRANGE', C.base .. 'waiting:' .. lane.tenant, 0, 0, 'WITHSCORES')[2]
  local at = oldest and tonumber(oldest) or INFINITY
  at = math.min(at, Ready.oldestCreation(lane))
  if at < INFINITY then return at end
end
`
