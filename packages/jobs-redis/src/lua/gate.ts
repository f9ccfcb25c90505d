import { lua } from './lua.ts'

/**
 * Decides which of the jobs that share an ordering or a concurrency key may be claimed. What may not is in
 * nothing that a claim looks at, so that a blocked key costs claims nothing.
 *
 * Calls that can let a job through tell whether they did. A record has the tenant, the kind (o or c) and
 * the key, how many jobs live (size) and how many of them are leased (held).
 */
export const gate: string = lua`
local function gateField(tenant, kind, key)
  return pair(tenant, kind .. key)
end

function Gate.fieldOf(gate)
  return gateField(gate.tenant, gate.kind, gate.key)
end

function Gate.touch(gate)
  Records.touch('gates', Gate.fieldOf(gate))
end

local function kindOf(job)
  if job.extras.o then return 'o', job.extras.o end
  if job.extras.c then return 'c', job.extras.c end
end

-- That of a job which is in one; a job that has ended and was let go of is in none.
function Gate.of(job)
  local kind, key = kindOf(job)
  if kind and job.state.g then return Records.find('gates', gateField(job.tenant, kind, key)) end
end

-- The gates of a key, be it an ordering or a concurrency key.
function Gate.ofKey(lane, key)
  local gates = {}
  for _, kind in ipairs({ 'o', 'c' }) do
    gates[#gates + 1] = Records.find('gates', gateField(lane.tenant, kind, key))
  end
  return gates
end

local function implementation(gate)
  return gate.kind == 'o' and OrderingLine or ConcurrencyGate
end

-- A job with an ordering or a concurrency key begins to live.
function Gate.enter(job)
  local kind, key = kindOf(job)
  if not kind then return end
  local lane = Lane.of(job.tenant)
  local field = gateField(job.tenant, kind, key)
  local gate = Records.find('gates', field)
  if not gate then
    gate = { tenant = job.tenant, kind = kind, key = key, size = 0, held = 0 }
    Records.put('gates', field, gate)
    KeyScope.of(lane, key)
  end
  gate.size = gate.size + 1
  Gate.touch(gate)
  job.state.g = 1
  Jobs.touch(job)
  implementation(gate).enter(gate, job)
end

-- A job has ended that no worker holds, or is to have other keys.
function Gate.leave(job)
  local gate = Gate.of(job)
  if not gate then return end
  job.state.g = nil
  Jobs.touch(job)
  gate.size = gate.size - 1
  Gate.touch(gate)
  local opened = implementation(gate).leave(gate, job)
  Hints.ready(opened and Dispatch.offers(Lane.of(gate.tenant)))
  if gate.size == 0 then Records.delete('gates', Gate.fieldOf(gate)) end
end

-- The limits of the key, where something is said about it.
function Gate.scope(gate)
  return KeyScope.find(Lane.of(gate.tenant), gate.key)
end

function Gate.offer(gate, job)
  return implementation(gate).offer(gate, job)
end

-- A waiting job was taken out of whatever it waits in.
function Gate.withdrawn(gate, job)
  local opened = implementation(gate).withdrawn(gate, job)
  local scope = Gate.scope(gate)
  return (scope and KeyScope.reconsider(scope)) or opened
end

function Gate.granted(gate, job)
  gate.held = gate.held + 1
  Gate.touch(gate)
  implementation(gate).granted(gate, job)
end

function Gate.released(gate)
  gate.held = gate.held - 1
  Gate.touch(gate)
  return Gate.reconsider(gate)
end

function Gate.reconsider(gate)
  return implementation(gate).letThrough(gate)
end

-- Whether a job that waits for its time could be claimed then, as things stand.
function Gate.admits(gate, job)
  return implementation(gate).admits(gate, job)
end

-- Takes back what was offered; whether it was.
function Gate.conceal(job)
  if not Dispatch.isExposed(job) then return false end
  Dispatch.takeOut(job)
  return true
end
`
