import { lua } from './lua.ts'

const WIDTH = 22

/**
 * What became of plain jobs, 22 bytes of each in texts of 4096: the claim that leased it, a digest of
 * its tenant, its creation and its end, 0 while it is leased. Jobs that follow one another are read, compared
 * and written as one. Bytes of nothing but zeros are no mark: the job has a state, or none yet.
 */
export const marks: string = lua`
local FORM, WIDTH = '>I6I4I6I6', ${WIDTH}
local NONE = '${'\\0'.repeat(WIDTH)}'

local function markKey(bucket)
  return C.base .. 'mark:' .. digits(bucket)
end

local lastTenant, lastOwner

-- What a mark has of the tenant: who settles for another settles nothing.
function Marks.ownerOf(tenant)
  if tenant ~= lastTenant then
    lastTenant, lastOwner = tenant, tonumber(string.sub(redis.sha1hex(tenant), 1, 8), 16)
  end
  return lastOwner
end

function Marks.of(claim, owner, created, endedAt)
  return struct.pack(FORM, claim, owner, created, endedAt)
end

-- The claim, the creation and the end; nothing where there is no mark.
function Marks.decode(mark)
  if mark == NONE then return end
  local claim, _, created, endedAt = struct.unpack(FORM, mark)
  return claim, created, endedAt
end

-- One mark out of many, from 1.
function Marks.at(marks, index)
  return string.sub(marks, (index - 1) * WIDTH + 1, index * WIDTH)
end

local function fetch(bucket, offset, count)
  local text = call('GETRANGE', markKey(bucket), offset * WIDTH, (offset + count) * WIDTH - 1)
  return text .. string.rep('\0', count * WIDTH - #text)
end

-- Calls 'act' with each bucket, the offset in it, and how many of the serials are there.
local function eachBucket(first, count, act, mark)
  while count > 0 do
    local bucket = math.floor(first / BUCKET)
    local offset = first - bucket * BUCKET
    local inBucket = math.min(count, BUCKET - offset)
    act(bucket, offset, inBucket, mark)
    first, count = first + inBucket, count - inBucket
  end
end
Marks.eachBucket = eachBucket

-- Between jobs that are further apart than this another command costs less than what lies there.
local NEAR = 32

-- Reads in few commands what 'read' will ask for before anything is written.
function Marks.preload(firsts, counts)
  Marks.flush()
  local index, size = 1, #firsts
  while index <= size do
    local first, last = firsts[index], index
    local bucket, to = bucketOf(first), first + counts[index]
    while last < size and firsts[last + 1] >= to and firsts[last + 1] <= to + NEAR
      and bucketOf(firsts[last + 1] + counts[last + 1] - 1) == bucket do
      last = last + 1
      to = firsts[last] + counts[last]
    end
    if bucketOf(to - 1) == bucket then
      local text = fetch(bucket, first - bucket * BUCKET, to - first)
      for at = index, last do
        local from = (firsts[at] - first) * WIDTH
        C.marks[firsts[at]] = string.sub(text, from + 1, from + counts[at] * WIDTH)
      end
    end
    index = last + 1
  end
end

-- The marks of jobs that follow one another, as they were before this call wrote any that are not flushed.
function Marks.read(first, count)
  local known = C.marks[first]
  if known and #known == count * WIDTH then return known end
  local parts = {}
  eachBucket(first, count, function(...) parts[#parts + 1] = fetch(...) end)
  return table.concat(parts)
end

local function note(bucket, offset, count, mark)
  local list = C.marked[bucket]
  if not list then
    list = { isSorted = true, last = -1 }
    C.marked[bucket] = list
  end
  list.isSorted = list.isSorted and offset > list.last
  list.last = offset
  list[#list + 1] = { offset * WIDTH, count == 1 and mark or string.rep(mark, count) }
end

-- Gives jobs that follow one another the same mark; no job twice before a flush.
function Marks.write(first, count, mark)
  local bucket = math.floor(first / BUCKET)
  local offset = first - bucket * BUCKET
  if offset + count <= BUCKET then note(bucket, offset, count, mark)
  else eachBucket(first, count, note, mark) end
end

function Marks.clear(serial)
  Marks.write(serial, 1, NONE)
end

local function isFirst(one, two)
  return one[1] < two[1]
end

function Marks.flush()
  if not next(C.marked) then return end
  for bucket, list in pairs(C.marked) do
    if not list.isSorted then table.sort(list, isFirst) end
    local key, at, to, parts = markKey(bucket), nil, nil, {}
    for _, entry in ipairs(list) do
      if entry[1] ~= to then
        if at then call('SETRANGE', key, at, table.concat(parts)) end
        at, to, parts = entry[1], entry[1], {}
      end
      parts[#parts + 1] = entry[2]
      to = to + #entry[2]
    end
    call('SETRANGE', key, at, table.concat(parts))
  end
  C.marked, C.marks = {}, {}
end

-- Lets go of the marks of a bucket without jobs.
function Marks.drop(bucket)
  C.marked[bucket], C.marks = nil, {}
  call('DEL', markKey(bucket))
end
`
