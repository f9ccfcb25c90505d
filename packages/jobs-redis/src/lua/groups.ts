import { lua } from './lua.ts'

/**
 * The groups of a queue: counts their members, and makes the job at the end. The members that are retained
 * are in a set of their own. A member is counted in the transition that ends it, and the last of them
 * makes the callback there: no two can both be the last.
 */
export const groups: string = lua`
local function groupField(tenant, id)
  return pair(tenant, id)
end

local function membersKey(group)
  return C.base .. 'members:' .. groupField(group.tenant, group.id)
end

local function touchGroup(group)
  Records.touch('groups', groupField(group.tenant, group.id))
end

function Groups.find(tenant, id)
  return Records.find('groups', groupField(tenant, id))
end

local function parentOf(group)
  return group.parent and Groups.find(group.tenant, group.parent)
end

local function addMember(group, job)
  call('SADD', membersKey(group), digits(job.serial))
  group.retained = group.retained + 1
  touchGroup(group)
end

local function countMember(group, standing, by)
  local name = standing == COMPLETED and 'completed' or standing == FAILED and 'failed' or 'cancelled'
  group[name] = group[name] + by
  touchGroup(group)
end

local function hasAllEnded(group)
  return group.completed + group.failed + group.cancelled == group.total
end

local function forgetUnused(group)
  local isRetained = not group.isOver or group.retained > 0 or group.callback or group.nested > 0
  if isRetained or Groups.find(group.tenant, group.id) ~= group then return end
  local parent = parentOf(group)
  Records.delete('groups', groupField(group.tenant, group.id))
  if not parent then return end
  parent.nested = parent.nested - 1
  touchGroup(parent)
  forgetUnused(parent)
end

local function finishOver(group)
  if group.isOver then return end
  group.isOver = true
  touchGroup(group)
  C.over[#C.over + 1] = group
end

local countEnded

local function finishGroup(group)
  group.endedAt = C.now
  touchGroup(group)
  local parent = parentOf(group)
  local isCompleted = group.completed == group.total
  local callback = isCompleted and group.onComplete or not isCompleted and group.onAnyFailed
  if not callback then
    finishOver(group)
    if parent then countEnded(parent, isCompleted and COMPLETED or FAILED) end
    return
  end
  local job = Enqueuer.create(callback.input, callback.tail)
  group.callback, group.callbackId = job.serial, Jobs.id(job)
  -- What the parent waits for is this job.
  if parent then addMember(parent, job) end
end

countEnded = function(group, standing)
  if group.endedAt then return end
  countMember(group, standing, 1)
  if hasAllEnded(group) then finishGroup(group) end
end

-- A job has ended: counts it where it is a member, in this one transition.
function Groups.ended(job, standing)
  local extras = job.extras
  if extras.b then finishOver(Groups.find(job.tenant, extras.b)) end
  if extras.m then countEnded(Groups.find(job.tenant, extras.m), standing) end
end

-- An ended member is to run again: it counts no more, as long as its group has not ended.
function Groups.uncount(job)
  local group = job.extras.m and Groups.find(job.tenant, job.extras.m)
  if group and not group.endedAt then countMember(group, job.state.st, -1) end
end

-- Whether the job is a member of a group that still needs it.
function Groups.retains(job)
  local id = job.extras.m
  return id ~= nil and not Groups.find(job.tenant, id).isOver
end

-- Lets go of the members of groups that are over by now.
function Groups.release()
  while #C.over > 0 do
    local group = table.remove(C.over)
    local serials = call('SMEMBERS', membersKey(group))
    for index, serial in ipairs(serials) do serials[index] = tonumber(serial) end
    table.sort(serials)
    Jobs.preload(serials)
    for _, serial in ipairs(serials) do
      local job = Jobs.load(serial)
      if job and job.state.h == '' and job.state.ls ~= 'held' and Jobs.hasEnded(job) then
        Transitions.retire(job)
      end
    end
    forgetUnused(group)
  end
end

-- A job was deleted.
function Groups.forgotten(job)
  local extras = job.extras
  local ended = extras.b and Groups.find(job.tenant, extras.b)
  if ended then
    ended.callback = nil
    touchGroup(ended)
    forgetUnused(ended)
  end
  local group = extras.m and Groups.find(job.tenant, extras.m)
  if group then
    group.retained = group.retained - call('SREM', membersKey(group), digits(job.serial))
    touchGroup(group)
    forgetUnused(group)
  end
end

local function makeGroup(input)
  local parent = input.parent and Groups.find(input.tenant, input.parent)
  local group = {
    tenant = input.tenant, id = input.id, parent = input.parent, createdAt = C.now,
    onComplete = input.onComplete, onAnyFailed = input.onAnyFailed,
    total = #input.members, completed = 0, failed = 0, cancelled = 0, retained = 0, nested = 0,
  }
  Records.put('groups', groupField(group.tenant, group.id), group)
  if parent then
    parent.total = parent.total + 1
    parent.nested = parent.nested + 1
    touchGroup(parent)
  end
  return group
end

-- Makes the groups, the root first, and their members; answers with the members of each.
function Groups.enqueue(inputs)
  local made, members = {}, {}
  for index, input in ipairs(inputs) do made[index] = makeGroup(input) end
  for index, input in ipairs(inputs) do
    members[index] = {}
    for place, member in ipairs(input.members) do
      local job = Enqueuer.create(member.input, member.tail)
      addMember(made[index], job)
      members[index][place] = Enqueuer.enqueued(job)
    end
  end
  -- What is empty ends at once, what is nested first.
  for index = #made, 1, -1 do
    local group = made[index]
    if not group.endedAt and hasAllEnded(group) then finishGroup(group) end
  end
  local records = {}
  for index, group in ipairs(made) do records[index] = Groups.record(group) end
  Groups.release()
  for index = #made, 1, -1 do forgetUnused(made[index]) end
  return members, records
end

-- A group as the port shows it, without its queue and tenant.
function Groups.record(group)
  return cjson.encode({
    id = group.id, parentId = group.parent, total = group.total, completed = group.completed,
    failed = group.failed, cancelled = group.cancelled, createdAt = group.createdAt,
    endedAt = group.endedAt, callbackId = group.callbackId,
  })
end
`
