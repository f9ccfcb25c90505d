import { lua } from '../lua/lua.ts'

/** Heartbeats. `ARGV` after the head: leaseMs, and of each lease the tenant, the id and the token. */
export const extend: string = lua`
redis.register_function{function_name = '{extend}', flags = { 'allow-oom' }, callback = function(keys, args)
  begin(keys[1], args)
  local expiresAt = C.now + tonumber(args[HEAD + 1])
  local ids = {}
  for at = HEAD + 2, #args, 3 do ids[#ids + 1] = args[at + 1] end
  Jobs.preloadIds(ids)
  local states, jobs, ofClaims = {}, {}, {}
  for at = HEAD + 2, #args, 3 do
    local job, state = Jobs.findHeld(args[at], args[at + 1], args[at + 2]), 'lost'
    if job and not jobs[job] then
      jobs[job] = true
      if job.claim then ofClaims[job.claim] = (ofClaims[job.claim] or 0) + 1 end
    end
    if job then
      state = job.state.st == CANCELLED and 'cancelled' or Dispatch.isPaused(job) and 'paused' or 'held'
    end
    states[#states + 1] = state
  end
  -- Where all that a claim still holds is extended, its leases stay one.
  for claim, count in pairs(ofClaims) do
    if count == Claims.find(claim).held then Claims.extend(claim, expiresAt) else ofClaims[claim] = 0 end
  end
  for job in pairs(jobs) do
    if not job.claim or ofClaims[job.claim] == 0 then Leases.extend(job, expiresAt) end
  end
  if not C.isNew then finish(args) end
  return states
end}
`
