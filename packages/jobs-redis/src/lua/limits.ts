import { lua } from './lua.ts'

/**
 * What was said about the scopes of one queue, and what of it applies. A scope is named by whose it is
 * (q the queue, n nobody's jobs, t and the tenant) and what of it (nothing, l and a limiter, k and a key).
 */
export const limits: string = lua`
local NOTHING = { operator = {}, directory = {} }

local function scopeField(mark, part)
  return pair(mark, part)
end

local function markOf(tenant)
  return tenant == '' and 'n' or 't' .. tenant
end

function Limits.said(mark, part)
  if C.queue.limits == 0 then return NOTHING end
  return Records.find('limits', scopeField(mark, part)) or NOTHING
end

local function merge(before, change)
  local after = {}
  for name, value in pairs(before) do after[name] = value end
  for name, value in pairs(change) do
    if value == cjson.null then after[name] = nil else after[name] = value end
  end
  return after
end

-- Takes note of what is said about a scope; 'scope' is the text by which it is listed.
function Limits.change(mark, part, scope, source, change)
  local field = scopeField(mark, part)
  local entry = Records.find('limits', field)
  local after = { scope = scope }
  for _, each in ipairs({ 'operator', 'directory' }) do after[each] = entry and entry[each] or {} end
  after[source] = merge(after[source], change)
  local isEmpty = not next(after.operator) and not next(after.directory)
  if not entry and not isEmpty then C.queue.limits = C.queue.limits + 1 end
  if entry and isEmpty then C.queue.limits = C.queue.limits - 1 end
  if isEmpty then Records.delete('limits', field) else Records.put('limits', field, after) end
end

local function firstSaid(layers, name)
  for _, layer in ipairs(layers) do
    if layer[name] ~= nil then return layer[name] end
  end
end

local function limitOf(layers, name, default)
  local said = firstSaid(layers, name)
  if said == nil then said = default end
  if said ~= 'none' then return said end
end

local DEFAULT_BREAKER = { failures = 10, cooldownMs = 30000 }

-- What applies to a scope by its mark; see Limits.effective for a tenant's.
function Limits.applying(mark, part)
  local own = Limits.said(mark, part)
  local isTenants = mark ~= 'q' and mark ~= 't*'
  local each = isTenants and Limits.said('t*', part) or NOTHING
  local layers = { own.operator, own.directory, each.operator, each.directory }
  local isLimiter = string.sub(part, 1, 1) == 'l'
  local byDirectory = own.directory.paused
  if byDirectory == nil then byDirectory = each.directory.paused end
  return {
    weight = (part == '' and mark ~= 'q') and (firstSaid(layers, 'weight') or 1) or nil,
    concurrency = limitOf(layers, 'concurrency'),
    rate = limitOf(layers, 'rate'),
    backlog = limitOf(layers, 'backlog'),
    breaker = isLimiter and limitOf(layers, 'breaker', DEFAULT_BREAKER) or nil,
    paused = own.operator.paused == true or each.operator.paused == true or byDirectory == true,
  }
end

function Limits.effective(tenant, part)
  return Limits.applying(markOf(tenant), part)
end

-- Whether nothing was said of anything, and all have been told.
function Limits.areNone()
  return C.queue.limits == 0 and not C.queue.isStale
end

-- Whether something was said that applies to a key of a tenant.
function Limits.concernsKey(tenant, key)
  if C.queue.limits == 0 then return false end
  return Limits.said(markOf(tenant), 'k' .. key) ~= NOTHING or Limits.said('t*', 'k' .. key) ~= NOTHING
end

local function applyToLane(lane, part)
  local kind, name = string.sub(part, 1, 1), string.sub(part, 2)
  if part == '' then Queue.applyTo(lane)
  elseif kind == 'l' then Queue.applyToLimiter(lane, name)
  else Queue.applyToKey(lane, name) end
end

-- So many lanes keep to a change for each tenant at once; more are told one after the other.
local MOST_AT_ONCE = 1000

local function applyToEach(part)
  local tenants = call('HKEYS', C.base .. 'lanes')
  if #tenants > MOST_AT_ONCE then
    local stale = {}
    for index, tenant in ipairs(tenants) do stale[index] = pair(part, tenant) end
    callWith('SADD', C.base .. 'stale', stale)
    C.queue.isStale = true
    return
  end
  for _, tenant in ipairs(tenants) do
    local lane = Lane.find(tenant)
    if lane then applyToLane(lane, part) end
  end
end

-- Tells up to 'most' of the lanes that were not told yet of a change for each tenant; how many are left.
-- Who made the change does so until none is; should it die before, claims go on.
function Limits.applyStale(most)
  if not C.queue.isStale then return 0 end
  local key = C.base .. 'stale'
  for _, member in ipairs(call('SPOP', key, most)) do
    local length, from = string.match(member, '^(%d+):()')
    local part, tenant = string.sub(member, from, from + length - 1), string.sub(member, from + length)
    local lane = Lane.find(tenant)
    if lane then applyToLane(lane, part) end
  end
  local left = call('SCARD', key)
  if left == 0 then C.queue.isStale = nil end
  return left
end

-- Keeps to what was said about a scope from now on.
function Limits.apply(mark, part)
  Queue.promote()
  if mark == 'q' then
    local effective = Limits.applying('q', '')
    Allowance.apply(C.queue.allowance, effective)
    Hints.ready(Dispatch.reconsider())
  elseif mark == 't*' then
    applyToEach(part)
  else
    local lane = Lane.find(mark == 'n' and '' or string.sub(mark, 2))
    if lane then applyToLane(lane, part) end
  end
end

-- What is left of the limits of a scope; nothing where nothing has come of it yet.
local function allowanceOf(mark, part)
  if mark == 'q' then return C.queue.allowance end
  local lane = mark ~= 't*' and Lane.find(mark == 'n' and '' or string.sub(mark, 2))
  if not lane then return end
  if part == '' then
    Lane.countPlain(lane)
    return lane.allowance
  end
  local name = string.sub(part, 2)
  if string.sub(part, 1, 1) == 'l' then
    local bucket = Bucket.find(lane, name)
    return bucket and bucket.allowance
  end
  local scope = KeyScope.find(lane, name)
  if scope then return scope.allowance end
  local leased = 0
  for _, gate in ipairs(Gate.ofKey(lane, name)) do leased = leased + gate.held end
  return { leased = leased }
end

-- A scope as the port shows it, without the scope.
function Limits.state(mark, part)
  Queue.promote()
  local said, allowance = Limits.said(mark, part), allowanceOf(mark, part) or {}
  return {
    operator = said.operator, directory = said.directory,
    effective = Limits.applying(mark, part),
    leased = Allowance.leased(allowance),
    opensInMs = math.max(0, Allowance.clearsAt(allowance) - C.now),
    breaker = string.sub(part, 1, 1) == 'l' and Allowance.breakerState(allowance) or nil,
  }
end
`
