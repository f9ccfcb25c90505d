import { lua } from './lua.ts'

/** The jobs of one tenant in one queue: a record in a hash of all lanes. The empty name is nobody's. */
export const lane: string = lua`
local function adopt(tenant, packed)
  if not packed then
    C.lanes[tenant] = false
    return
  end
  local lane = cmsgpack.unpack(packed)
  lane.tenant = tenant
  lane.allowance = lane.allowance or {}
  lane.tally = lane.tally or { 0, 0, 0, 0, 0, 0, 0 }
  lane.ready = lane.ready or 0
  lane.time = FairOrder.timeOf(lane)
  C.lanes[tenant] = lane
  return lane
end

function Lane.find(tenant)
  local lane = C.lanes[tenant]
  if lane ~= nil then return lane or nil end
  return adopt(tenant, call('HGET', C.base .. 'lanes', tenant))
end

-- Reads lanes at once, so that many cost one command.
function Lane.preload(tenants)
  local unread = {}
  for _, tenant in ipairs(tenants) do
    if C.lanes[tenant] == nil then
      unread[#unread + 1] = tenant
      C.lanes[tenant] = false
    end
  end
  for from = 1, #unread, CHUNK do
    local to = math.min(#unread, from + CHUNK - 1)
    local records = call('HMGET', C.base .. 'lanes', unpack(unread, from, to))
    for index = from, to do adopt(unread[index], records[index - from + 1]) end
  end
end

-- The tenant's lane, made if there is none.
function Lane.of(tenant)
  local lane = Lane.find(tenant)
  if lane then return lane end
  local queue = C.queue
  queue.lanes = (queue.lanes or 0) + 1
  lane = {
    tenant = tenant, number = queue.lanes, allowance = {}, tally = { 0, 0, 0, 0, 0, 0, 0 }, ready = 0, size = 0,
    time = 0,
  }
  C.lanes[tenant] = lane
  if C.queue.limits > 0 then Queue.applyTo(lane) end
  return lane
end

function Lane.touch(lane)
  lane.isDirty = true
end

-- What is as in a new lane is left out: there may be as many lanes as jobs.
local function packed(lane)
  local record = {}
  for key, value in pairs(lane) do record[key] = value end
  record.tenant, record.isDirty = nil, nil
  record.era = C.queue.era > 0 and C.queue.era or nil
  if record.ready == 0 then record.ready = nil end
  if not next(record.allowance) then record.allowance = nil end
  return cmsgpack.pack(record)
end

function Lane.flush()
  local written = {}
  for tenant, lane in pairs(C.lanes) do
    if lane and lane.isDirty then
      lane.isDirty = nil
      written[#written + 1] = tenant
      written[#written + 1] = packed(lane)
      if lane.size == 0 then call('SADD', C.base .. 'emptied', tenant) end
    end
  end
  callWith('HSET', C.base .. 'lanes', written)
end

function Lane.hasReady(lane)
  if lane.ready > 0 then return true end
  for _, limiter in ipairs(lane.open or {}) do
    if Bucket.find(lane, limiter).jobs > 0 then return true end
  end
  return false
end

function Lane.hasSuspects(lane)
  if (lane.suspects or 0) > 0 then return true end
  for _, limiter in ipairs(lane.open or {}) do
    if Bucket.find(lane, limiter).suspects > 0 then return true end
  end
  return false
end

function Lane.waiting(lane)
  local tally = lane.tally
  return tally[PENDING] + tally[SCHEDULED] + tally[RETRYING]
end

function Lane.suspectsKey(lane)
  return C.base .. 'alone:' .. lane.tenant
end

-- Takes the first of what lies in the lane itself and of what its open buckets hold.
local function takeFirst(lane, ownPlace, part)
  local first, place = nil, ownPlace
  for _, limiter in ipairs(lane.open or {}) do
    local bucket = Bucket.find(lane, limiter)
    if bucket[part] > 0 then
      local serial, itsPlace = Line.first(Bucket.key(bucket, part))
      if not place or itsPlace < place then first, place = { bucket, serial }, itsPlace end
    end
  end
  if not first then return end
  local job = Jobs.load(first[2])
  Bucket.remove(first[1], part, job)
  return job
end

-- Takes the next of what may be claimed in fair order.
function Lane.takeReady(lane)
  Lane.touch(lane)
  if lane.open and #lane.open > 0 then
    local job = takeFirst(lane, Ready.place(lane), 'jobs')
    if job then return job end
  end
  local serials = {}
  Ready.take(lane, 1, serials)
  return Jobs.load(serials[1])
end

-- Takes the next of what may be claimed alone.
function Lane.takeSuspect(lane)
  Lane.touch(lane)
  local serial, place
  if (lane.suspects or 0) > 0 then serial, place = Line.first(Lane.suspectsKey(lane)) end
  local job = takeFirst(lane, place, 'suspects')
  if job then return job end
  job = Jobs.load(serial)
  Line.remove(Lane.suspectsKey(lane), job)
  lane.suspects = lane.suspects - 1
  return job
end

-- Whether the lane may as well be made anew: nothing that limits remember is lost with it.
function Lane.mayForget(lane)
  if lane.size > 0 or Allowance.restsAt(lane.allowance) > C.now then return false end
  for _, limiter in ipairs(lane.limiters or {}) do
    local bucket = Bucket.find(lane, limiter)
    if bucket.allowance and Allowance.restsAt(bucket.allowance) > C.now then return false end
  end
  for _, key in ipairs(lane.keys or {}) do
    if Allowance.restsAt(KeyScope.find(lane, key).allowance) > C.now then return false end
  end
  return true
end

function Lane.drop(lane)
  for _, limiter in ipairs(lane.limiters or {}) do
    Openings.rest(Bucket.find(lane, limiter).allowance, 'b' .. pair(lane.tenant, limiter))
    Records.delete('limiters', pair(lane.tenant, limiter))
  end
  for _, key in ipairs(lane.keys or {}) do
    Openings.rest(KeyScope.find(lane, key).allowance, 'k' .. pair(lane.tenant, key))
    Records.delete('scopes', pair(lane.tenant, key))
  end
  Openings.rest(lane.allowance, 't' .. lane.tenant)
  C.lanes[lane.tenant] = false
  call('HDEL', C.base .. 'lanes', lane.tenant)
end
`
