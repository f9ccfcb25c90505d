import { lua } from './lua.ts'

/**
 * The unique keys that are taken. A hold has the tenant, the key and the serials of its holder and of the
 * successor, when the burst of duplicates began that a debounce counts from, and when a window ends
 * (endsAt; none where the key is held until its holder ends).
 */
export const uniqueHolds: string = lua`
local function holdField(tenant, key)
  return pair(tenant, key)
end

function UniqueHolds.touch(hold)
  Records.touch('unique', holdField(hold.tenant, hold.key))
end

-- Who holds the key now. A window that is over holds nothing, unless somebody waits to succeed.
function UniqueHolds.find(tenant, key)
  local hold = Records.find('unique', holdField(tenant, key))
  if hold and hold.endsAt and hold.endsAt <= C.now and not hold.successor then
    UniqueHolds.drop(hold)
    return
  end
  return hold
end

function UniqueHolds.take(tenant, key, holder, windowMs)
  Records.put('unique', holdField(tenant, key), {
    tenant = tenant, key = key, holder = holder.serial, burstAt = C.now,
    endsAt = windowMs and C.now + windowMs or nil,
  })
end

function UniqueHolds.drop(hold)
  Records.delete('unique', holdField(hold.tenant, hold.key))
end

-- That which a job has, or waits for as the successor of who has it.
function UniqueHolds.of(job)
  if not job.extras.u then return end
  local hold = Records.find('unique', holdField(job.tenant, job.extras.u))
  if hold and (hold.holder == job.serial or hold.successor == job.serial) then return hold end
end

function UniqueHolds.isSuccessor(job)
  local hold = UniqueHolds.of(job)
  return hold ~= nil and hold.successor == job.serial
end
`
