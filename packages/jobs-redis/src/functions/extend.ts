import { lua } from '../lua/lua.ts'

/** Heartbeats. `ARGV` after the head: leaseMs, and of each lease the tenant, the id and the token. */
export const extend: string = lua`
redis.register_function{function_name = '{extend}', flags = { 'allow-oom' }, callback = function(keys, args)
  begin(keys[1], args)
  local expiresAt = C.now + tonumber(args[HEAD + 1])
  local ids = {}
  for at = HEAD + 2, #args, 3 do ids[#ids + 1] = args[at + 1] end
  Jobs.preloadIds(ids)
  local states = {}
  for at = HEAD + 2, #args, 3 do
    local job, state = Jobs.findHeld(args[at], args[at + 1], args[at + 2]), 'lost'
    if job then
      Leases.extend(job, expiresAt)
      state = job.state.st == CANCELLED and 'cancelled' or Dispatch.isPaused(job) and 'paused' or 'held'
    end
    states[#states + 1] = state
  end
  return states
end}
`
