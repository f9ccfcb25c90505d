import { lua } from './lua.ts'

/**
 * The jobs of one tenant in one queue: a record in a hash of all lanes. The empty name is nobody's.
 *
 * A record begins with the virtual time. There may be as many lanes as jobs: what most are made of is of one form,
 * in which a number of leases is all that their allowance has; any other is a map.
 */
export const lane: string = lua`
local MAP, FORM, FORM_SIZE = 'm', '>dc1I4I6I4I4I4I4I4I4I4I4I4', 55
local IN_FORM = {
  tenant = true, isDirty = true, time = true, era = true, fair = true, activation = true,
  ready = true, ranges = true, tail = true, size = true, tally = true, allowance = true,
}

local function fromForm(packed)
  local time, _, era, activation, leased, spilled, t1, t2, t3, t4, t5, t6, t7 = struct.unpack(FORM, packed)
  -- All that a lane may have is named here, so that its table is made in its size.
  local lane = {
    time = time, era = era, ready = spilled, size = t1 + t2 + t3 + t4 + t5 + t6 + t7,
    tally = { t1, t2, t3, t4, t5, t6, t7 }, allowance = { leased = leased > 0 and leased or nil },
    fair = activation > 0 or nil, activation = activation > 0 and activation or nil,
    tenant = nil, ranges = nil, tail = nil, isDirty = nil,
  }
  if spilled > 0 then
    if #packed > FORM_SIZE then lane.tail = Ready.rangeIn(packed, FORM_SIZE + 1) end
  elseif #packed > FORM_SIZE then
    lane.ranges = {}
    for at = FORM_SIZE + 1, #packed, 12 do
      local range = Ready.rangeIn(packed, at)
      lane.ranges[#lane.ranges + 1] = range
      lane.ready = lane.ready + range[3]
    end
  end
  return lane
end

local function fromMap(packed)
  local lane = cmsgpack.unpack(string.sub(packed, 10))
  lane.time = struct.unpack('>d', packed)
  return lane
end

local function adopt(tenant, packed)
  if not packed then
    C.lanes[tenant] = false
    return
  end
  local lane = string.sub(packed, 9, 9) == MAP and fromMap(packed) or fromForm(packed)
  lane.tenant = tenant
  lane.time = FairOrder.timeOf(lane)
  C.lanes[tenant] = lane
  if not Allowance.isFree(lane.allowance) then Lane.countPlain(lane) end
  return lane
end

function Lane.find(tenant)
  local lane = C.lanes[tenant]
  if lane ~= nil then return lane or nil end
  local text = C.laneTexts[tenant]
  if text == nil then text = call('HGET', C.base .. 'lanes', tenant) end
  lane = adopt(tenant, text)
  if lane then lane.isDirty = C.dirtyTexts[tenant] end
  return lane
end

-- Reads lanes at once, so that many cost one command.
function Lane.preload(tenants)
  local lanes, texts, unread = C.lanes, C.laneTexts, {}
  for _, tenant in ipairs(tenants) do
    if lanes[tenant] == nil and texts[tenant] == nil then
      unread[#unread + 1] = tenant
      texts[tenant] = false
    end
  end
  for from = 1, #unread, CHUNK do
    local to = math.min(#unread, from + CHUNK - 1)
    local found = call('HMGET', C.base .. 'lanes', unpack(unread, from, to))
    for index = from, to do texts[unread[index]] = found[index - from + 1] end
  end
end

-- The text of a lane that was preloaded, of which nobody needs more yet, and which nothing limits.
local function textInForm(tenant)
  local text = C.lanes[tenant] == nil and C.laneTexts[tenant]
  return text and string.byte(text, 9) == 102 and text or nil
end

-- The text of a lane with more ready jobs behind those that it offers already; nothing where they have their places
-- elsewhere.
function Lane.appended(text, priority, serial, count)
  local size = #text
  if string.byte(text, 9) ~= 102 or size == FORM_SIZE then return end
  local activation, _, spilled, pending = struct.unpack('>I6I4I4I4', text, 14)
  if activation == 0 or spilled > 0 then return end
  local head, after = string.sub(text, 1, 27), struct.pack('>I4', pending + count)
  local rank, first, number = struct.unpack('>I2I6I4', text, size - 11)
  local itsRank = Ready.rankOf(priority)
  if rank == itsRank and first + number == serial then
    return head .. after .. string.sub(text, 32, -5) .. struct.pack('>I4', number + count)
  elseif rank <= itsRank and size < FORM_SIZE + 12 * Ready.MOST_RANGES then
    return head .. after .. string.sub(text, 32) .. struct.pack('>I2I6I4', itsRank, serial, count)
  end
end

-- The virtual time of a lane of that era that offers nothing, from its text; nothing where it is anything else.
function Lane.restsAt(text, era)
  if string.byte(text, 9) ~= 102 or #text ~= FORM_SIZE then return end
  local time, _, itsEra, activation, _, spilled = struct.unpack('>dc1I4I6I4I4', text)
  if itsEra == era and activation == 0 and spilled == 0 then return time end
end

-- Adds ready jobs to a lane that was preloaded; whether that was all there is to do.
function Lane.append(tenant, priority, serial, count)
  local text = textInForm(tenant)
  local appended = text and Lane.appended(text, priority, serial, count)
  if not appended then return false end
  C.laneTexts[tenant], C.dirtyTexts[tenant] = appended, true
  return true
end

-- Whether a lane that offers something weighs 1, and nothing but its turn decides about its next job.
local function isOrdinary(lane)
  return not lane.weight and FairOrder.isSimple(lane)
end

-- The texts of lanes that offer something, false for those that have another form; nothing where a lane is not ordinary.
function Lane.textsInForm(tenants)
  local count, lanes, known = #tenants, C.lanes, C.laneTexts
  local texts = count <= CHUNK and call('HMGET', C.base .. 'lanes', unpack(tenants)) or {}
  local isKnown, byte = count > CHUNK or next(lanes) ~= nil or next(known) ~= nil, string.byte
  for index = 1, count do
    local tenant = tenants[index]
    if isKnown and (lanes[tenant] ~= nil or known[tenant] ~= nil) then texts[index] = false end
    local text = texts[index]
    if not text or byte(text, 9) ~= 102 then
      texts[index] = false
      if not isOrdinary(Lane.find(tenant)) then return end
    end
  end
  return texts
end

-- What the text of a lane of that time begins with.
function Lane.headOf(time)
  return struct.pack('>dc1I4', time, 'f', C.queue.era)
end

-- Small counts in the bytes that they have in a text.
local COUNTS = {}
local MOST_COUNTS = 4096

local function countText(count)
  local text = COUNTS[count]
  if text then return text end
  text = struct.pack('>I4', count)
  if count < MOST_COUNTS then COUNTS[count] = text end
  return text
end

-- Of a text of that form, from byte 24 on: how many have their places elsewhere, how many are pending, and behind the rest
-- of the tally the first range.
local BEHIND_LEASED, NOT_FAIR = '>I4I4dddI2I6I4', '${'\\0'.repeat(6)}'

local function takeFirstOf(lane, time)
  local serials = {}
  Ready.take(lane, 1, serials)
  lane.time, lane.size, lane.tally[PENDING] = time, lane.size - 1, lane.tally[PENDING] - 1
  if lane.ready == 0 then lane.fair, lane.activation = nil, nil end
  Lane.touch(lane)
  return serials[1], lane.ready > 0
end

-- Takes the first job out of an ordinary lane, as one that is pending no longer: its serial, whether the lane offers
-- more, and its text if that is all that changes. The lane goes on at that time, which its head says.
function Lane.takeFirst(tenant, text, time, head)
  if not text or #text == FORM_SIZE then return takeFirstOf(Lane.find(tenant), time) end
  local spilled, pending, _, _, _, _, serial, count = struct.unpack(BEHIND_LEASED, text, 24)
  -- Where none is pending it is one that is retried.
  if spilled > 0 or pending == 0 then return takeFirstOf(Lane.find(tenant), time) end
  local sub, left = string.sub, countText(pending - 1)
  if count > 1 then
    return serial, true, head .. sub(text, 14, 27) .. left .. sub(text, 32, FORM_SIZE + 2)
      .. struct.pack('>I6I4', serial + 1, count - 1) .. sub(text, FORM_SIZE + 13)
  elseif #text > FORM_SIZE + 12 then
    return serial, true, head .. sub(text, 14, 27) .. left .. sub(text, 32, FORM_SIZE) .. sub(text, FORM_SIZE + 13)
  end
  return serial, false, head .. NOT_FAIR .. sub(text, 20, 27) .. left .. sub(text, 32, FORM_SIZE)
end

-- Writes texts of lanes that were not read but for them: a list of tenants and texts.
function Lane.put(tenantsAndTexts)
  callWith('HSET', C.base .. 'lanes', tenantsAndTexts)
end

-- A job that was taken so is pending all the same.
function Lane.keep(tenant)
  local lane = Lane.find(tenant)
  lane.size, lane.tally[PENDING] = lane.size + 1, lane.tally[PENDING] + 1
  Lane.touch(lane)
end

-- Whether nothing limits the lane of a tenant.
function Lane.isFree(tenant)
  if textInForm(tenant) then return true end
  local lane = Lane.find(tenant)
  return lane ~= nil and Allowance.isFree(lane.allowance)
end

-- Lets the allowance of a lane know of the plain jobs that are leased.
function Lane.countPlain(lane)
  lane.allowance.plain = PlainTally.of(lane.tenant)
end

-- A job that had a mark is counted here from now on.
function Lane.adopt(job)
  local lane, isHeld = Lane.of(job.tenant), job.isHeld
  local standing = isHeld and RUNNING or COMPLETED
  if job.isOnSheet then PlainTally.takeFromSheet(job)
  else PlainTally.add(job.tenant, isHeld and -1 or 0, isHeld and 0 or -1) end
  if isHeld then lane.allowance.leased = (lane.allowance.leased or 0) + 1 end
  lane.tally[standing] = lane.tally[standing] + 1
  lane.size = lane.size + 1
  Lane.touch(lane)
end

-- The tenant's lane, made if there is none.
function Lane.of(tenant)
  local lane = Lane.find(tenant)
  if lane then return lane end
  lane = { tenant = tenant, allowance = {}, tally = { 0, 0, 0, 0, 0, 0, 0 }, ready = 0, size = 0, time = 0 }
  C.lanes[tenant] = lane
  if C.queue.limits > 0 then Queue.applyTo(lane) end
  return lane
end

function Lane.touch(lane)
  lane.isDirty = true
end

local function fitsForm(lane)
  for key in pairs(lane) do
    if not IN_FORM[key] then return false end
  end
  for key in pairs(lane.allowance) do
    if key ~= 'leased' and key ~= 'plain' then return false end
  end
  return true
end

local function inForm(lane)
  local tally, ranges = lane.tally, lane.ranges
  local text = struct.pack(FORM, lane.time, 'f', C.queue.era, lane.activation or 0,
    lane.allowance.leased or 0, ranges and 0 or lane.ready, unpack(tally))
  if not ranges then
    return lane.ready > 0 and lane.tail and text .. Ready.rangeMember(lane.tail) or text
  end
  for _, range in ipairs(ranges) do text = text .. Ready.rangeMember(range) end
  return text
end

local function inMap(lane)
  local record = {}
  for key, value in pairs(lane) do record[key] = value end
  record.tenant, record.isDirty, record.time = nil, nil, nil
  record.allowance.plain = nil
  record.era = C.queue.era
  return struct.pack('>d', lane.time) .. MAP .. cmsgpack.pack(record)
end

function Lane.flush()
  local written, emptied = {}, {}
  for tenant in pairs(C.dirtyTexts) do
    if C.lanes[tenant] == nil then
      written[#written + 1] = tenant
      written[#written + 1] = C.laneTexts[tenant]
    end
  end
  C.dirtyTexts = {}
  for tenant, lane in pairs(C.lanes) do
    if lane and lane.isDirty then
      written[#written + 1] = tenant
      written[#written + 1] = fitsForm(lane) and inForm(lane) or inMap(lane)
      if lane.size == 0 and (C.plain[tenant] or 0) == 0 then emptied[#emptied + 1] = tenant end
      lane.isDirty = nil
    end
  end
  callWith('HSET', C.base .. 'lanes', written)
  callWith('SADD', C.base .. 'emptied', emptied)
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

-- How many jobs of a tenant there are of each standing.
function Lane.allOf(tenant)
  local lane, leased, completed = Lane.find(tenant), PlainTally.of(tenant)
  local tally = lane and { unpack(lane.tally) } or { 0, 0, 0, 0, 0, 0, 0 }
  tally[RUNNING], tally[COMPLETED] = tally[RUNNING] + leased, tally[COMPLETED] + completed
  return tally
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
      if not place or Line.isBefore(itsPlace, place) then first, place = { bucket, serial }, itsPlace end
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
