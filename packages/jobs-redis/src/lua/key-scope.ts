import { lua } from './lua.ts'

/** A key of one lane about which limits say something. */
export const keyScope: string = lua`
function KeyScope.find(lane, key)
  if C.queue.limits == 0 and not lane.keys then return end
  return Records.find('scopes', pair(lane.tenant, key))
end

function KeyScope.touch(scope)
  Records.touch('scopes', pair(scope.tenant, scope.key))
end

-- That of a key, made where limits say something about it and there is none.
function KeyScope.of(lane, key)
  local scope = KeyScope.find(lane, key)
  if scope or not Limits.concernsKey(lane.tenant, key) then return scope end
  scope = { tenant = lane.tenant, key = key, allowance = {} }
  Allowance.apply(scope.allowance, Limits.effective(lane.tenant, 'k' .. key))
  local leased = 0
  for _, gate in ipairs(Gate.ofKey(lane, key)) do leased = leased + gate.held end
  scope.allowance.leased = leased
  lane.keys = lane.keys or {}
  lane.keys[#lane.keys + 1] = key
  Lane.touch(lane)
  Records.put('scopes', pair(lane.tenant, key), scope)
  return scope
end

-- That of a job which has a key and lives.
function KeyScope.ofJob(job)
  local key = job.extras.o or job.extras.c
  if key then return KeyScope.find(Lane.of(job.tenant), key) end
end

-- Whether a job of the key may start; what waits for it is looked at again when it may.
function KeyScope.admits(scope)
  KeyScope.touch(scope)
  return Openings.admits(scope.allowance, 'k' .. pair(scope.tenant, scope.key), true)
end

function KeyScope.reconsider(scope)
  KeyScope.touch(scope)
  Openings.rest(scope.allowance, 'k' .. pair(scope.tenant, scope.key))
  local opened = false
  for _, gate in ipairs(Gate.ofKey(Lane.of(scope.tenant), scope.key)) do
    opened = Gate.reconsider(gate) or opened
  end
  return opened
end
`
