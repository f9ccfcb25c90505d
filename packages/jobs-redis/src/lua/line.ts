import { lua } from './lua.ts'

/**
 * Jobs in the order of a lane, higher priority first and then by admission: a sorted set whose members
 * sort as bytes. In front of a member are two bytes of priority, falling, and six of admission.
 */
export const line: string = lua`
function Line.member(priority, admission, serial)
  return struct.pack('>I2I6I6', 32767 - priority, admission, serial)
end

function Line.push(key, job)
  call('ZADD', key, 0, Line.member(job.extras.p or 0, job.state.ad, job.serial))
end

function Line.remove(key, job)
  call('ZREM', key, Line.member(job.extras.p or 0, job.state.ad, job.serial))
end

-- The serial of the first job and the place it has; nothing where the line is empty.
function Line.first(key)
  local member = call('ZRANGE', key, 0, 0)[1]
  if not member then return end
  local _, _, serial = struct.unpack('>I2I6I6', member)
  return serial, string.sub(member, 1, 8)
end

-- Where a job has its place, to be compared by isBefore.
function Line.place(job)
  return struct.pack('>I2I6', 32767 - (job.extras.p or 0), job.state.ad)
end

-- Whether a place is before another. Lua compares texts as the language of the server has it, and Redis their bytes.
function Line.isBefore(place, other)
  local priority, admission = struct.unpack('>I2I6', place)
  local otherPriority, otherAdmission = struct.unpack('>I2I6', other)
  return priority < otherPriority or (priority == otherPriority and admission < otherAdmission)
end
`
