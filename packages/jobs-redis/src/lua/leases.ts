import { lua } from './lua.ts'

/**
 * Who holds which job, and until when: a sorted set of the serials of jobs and of the names of claims, for
 * all leases of a claim are one there. Expiry ends no lease: it permits to take the job back.
 */
export const leases: string = lua`
local function leasesKey()
  return C.base .. 'leases'
end

-- The token has a counter that never goes back, and what nobody can guess: one will do for a claim.
function Leases.grant(job, expiresAt, nonce)
  local queue, state = C.queue, job.state
  queue.epoch = queue.epoch + 1
  state.tk = string.format('%x', queue.epoch) .. '.' .. nonce
  state.ls, state.h = 'held', 'l'
  C.leased[job.serial] = expiresAt
  Jobs.touch(job)
end

-- Never shortens a lease. That of a job with a mark becomes its own.
function Leases.extend(job, expiresAt)
  if job.claim then
    C.leased[job.serial] = math.max(expiresAt, Claims.find(job.claim).expiresAt)
    Jobs.touch(job)
    return
  end
  call('ZADD', leasesKey(), 'GT', digits(expiresAt), digits(job.serial))
end

-- 'stage' is nothing for a lease that was lost, else what its settlement is answered with.
function Leases.finish(job, stage)
  job.state.ls, job.state.h = stage, ''
  C.leased[job.serial] = false
  Jobs.touch(job)
end

function Leases.flush()
  if not next(C.leased) then return end
  local granted, ended = {}, {}
  for name, expiresAt in pairs(C.leased) do
    local member = type(name) == 'number' and digits(name) or name
    if expiresAt then
      granted[#granted + 1] = digits(expiresAt)
      granted[#granted + 1] = member
    else
      ended[#ended + 1] = member
    end
  end
  C.leased = {}
  callWith('ZREM', leasesKey(), ended)
  callWith('ZADD', leasesKey(), granted)
end

local function serialsIn(members, most)
  local serials = {}
  for _, member in ipairs(members) do
    if #serials >= most then break end
    local claim = Claims.numberIn(member)
    local held = claim and Claims.held(claim, most - #serials) or { tonumber(member) }
    for _, serial in ipairs(held) do serials[#serials + 1] = serial end
  end
  return serials
end

-- The serials of leases that have expired, the one that expired first first.
function Leases.expired(most)
  return serialsIn(call('ZRANGEBYSCORE', leasesKey(), '-inf', digits(C.now), 'LIMIT', 0, most), most)
end

-- The serials of all leases; of those alone that a claim with that nonce may hold, if there is one.
function Leases.serials(nonce)
  local members = {}
  for _, member in ipairs(call('ZRANGE', leasesKey(), 0, -1)) do
    local claim = nonce and Claims.numberIn(member)
    if not claim or Claims.find(claim).nonce == nonce then members[#members + 1] = member end
  end
  return serialsIn(members, INFINITY)
end

-- When the first lease ends; infinite for never.
function Leases.nextExpiryAt()
  local first = call('ZRANGE', leasesKey(), 0, 0, 'WITHSCORES')
  return first[2] and tonumber(first[2]) or INFINITY
end
`
