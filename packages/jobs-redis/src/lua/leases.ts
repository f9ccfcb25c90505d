import { lua } from './lua.ts'

/** Who holds which job, and until when. Expiry ends no lease: it permits to take the job back. */
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

-- Never shortens a lease.
function Leases.extend(job, expiresAt)
  call('ZADD', leasesKey(), 'GT', digits(expiresAt), digits(job.serial))
end

-- 'stage' is nothing for a lease that was lost, else what its settlement is answered with.
function Leases.finish(job, stage)
  job.state.ls, job.state.h = stage, ''
  C.leased[job.serial] = false
  Jobs.touch(job)
end

function Leases.flush()
  local granted, ended = {}, {}
  for serial, expiresAt in pairs(C.leased) do
    if expiresAt then
      granted[#granted + 1] = digits(expiresAt)
      granted[#granted + 1] = digits(serial)
    else
      ended[#ended + 1] = digits(serial)
    end
  end
  C.leased = {}
  callWith('ZREM', leasesKey(), ended)
  callWith('ZADD', leasesKey(), granted)
end

-- The serials of leases that have expired, the one that expired first first.
function Leases.expired(most)
  return call('ZRANGEBYSCORE', leasesKey(), '-inf', digits(C.now), 'LIMIT', 0, most)
end

-- When the first lease ends; infinite for never.
function Leases.nextExpiryAt()
  local first = call('ZRANGE', leasesKey(), 0, 0, 'WITHSCORES')
  return first[2] and tonumber(first[2]) or INFINITY
end
`
