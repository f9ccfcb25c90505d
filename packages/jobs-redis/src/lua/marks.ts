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

-- Where in its text each mark begins and ends, by its place from 1: a number costs as much as a command.
local STARTS, ENDS = {}, {}
for place = 1, BUCKET do STARTS[place], ENDS[place] = (place - 1) * WIDTH .. '', place * WIDTH - 1 .. '' end

-- Where in its text the mark of a job is.
function Marks.offsetOf(serial)
  return STARTS[serial % BUCKET + 1]
end

local function markKey(bucket)
  return C.base .. 'mark:' .. digits(bucket)
end

local PADDING = { [0] = '', '\0\0\0', '\0\0', '\0' }
local lastTenant, lastOwner

-- What a mark has of the tenant, so that who mistakes it for another settles nothing. A linear congruence over its words,
-- which is many times as quick as SHA-1. Tenants that have the same are easily found: against a forger it is the nonce
-- of the token that protects.
function Marks.ownerOf(tenant)
  if tenant == lastTenant then return lastOwner end
  local size = #tenant
  local owner, text = size, tenant .. PADDING[size % 4]
  for at = 1, size, 16 do
    local words = math.min(4, math.ceil((size - at + 1) / 4))
    local one, two, three, four = struct.unpack(string.sub('>I4I4I4I4', 1, 1 + 2 * words), text, at)
    owner = (owner * 1664525 + one) % 4294967296
    if words > 1 then owner = (owner * 1664525 + two) % 4294967296 end
    if words > 2 then owner = (owner * 1664525 + three) % 4294967296 end
    if words > 3 then owner = (owner * 1664525 + four) % 4294967296 end
  end
  lastTenant, lastOwner = tenant, owner
  return owner
end

function Marks.of(claim, owner, created, endedAt)
  return struct.pack(FORM, claim, owner, created, endedAt)
end

-- What the mark of a job that has ended ends with.
function Marks.endOf(endedAt)
  return struct.pack('>I6', endedAt)
end

-- The mark of a leased job with another end.
function Marks.ended(mark, ending)
  return string.sub(mark, 1, -7) .. ending
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
  local text = call('GETRANGE', markKey(bucket), STARTS[offset + 1], ENDS[offset + count])
  return #text == count * WIDTH and text or text .. string.rep('\0', count * WIDTH - #text)
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
    list = { isSorted = true, last = -1, offsets = {}, texts = {} }
    C.marked[bucket] = list
  end
  local offsets = list.offsets
  list.isSorted = list.isSorted and offset > list.last
  list.last = offset
  offsets[#offsets + 1] = offset
  list.texts[offset] = count == 1 and mark or string.rep(mark, count)
end

-- Gives jobs that follow one another the same mark; no job twice before a flush.
function Marks.write(first, count, mark)
  local bucket = math.floor(first / BUCKET)
  local offset = first - bucket * BUCKET
  if offset + count <= BUCKET then note(bucket, offset, count, mark)
  else eachBucket(first, count, note, mark) end
end

-- Gives jobs without marks, which may lie anywhere, the same mark at once.
function Marks.writeEach(serials, mark)
  local sorted, count, bucket, key = {}, #serials, nil, nil
  for index = 1, count do sorted[index] = serials[index] end
  table.sort(sorted)
  local from = 1
  while from <= count do
    local first, last = sorted[from], from
    local offset = first % BUCKET
    local itsBucket = (first - offset) / BUCKET
    while sorted[last + 1] == first + last + 1 - from and offset + last - from < BUCKET - 1 do last = last + 1 end
    if itsBucket ~= bucket then bucket, key = itsBucket, markKey(itsBucket) end
    call('SETRANGE', key, STARTS[offset + 1], last == from and mark or string.rep(mark, last - from + 1))
    from = last + 1
  end
end

function Marks.clear(serial)
  Marks.write(serial, 1, NONE)
end

local function put(key, offset, parts, size)
  call('SETRANGE', key, STARTS[offset + 1], size == 1 and parts[1] or table.concat(parts, '', 1, size))
end

function Marks.flush()
  if not next(C.marked) then return end
  local parts = {}
  for bucket, list in pairs(C.marked) do
    local offsets, texts = list.offsets, list.texts
    if not list.isSorted then table.sort(offsets) end
    local key, from, to, size = markKey(bucket), offsets[1], offsets[1], 0
    for _, offset in ipairs(offsets) do
      local text = texts[offset]
      if offset ~= to then
        put(key, from, parts, size)
        from, to, size = offset, offset, 0
      end
      size = size + 1
      parts[size] = text
      to = to + #text / WIDTH
    end
    put(key, from, parts, size)
  end
  C.marked, C.marks = {}, {}
end

-- Lets go of the marks of a bucket without jobs.
function Marks.drop(bucket)
  C.marked[bucket], C.marks = nil, {}
  call('DEL', markKey(bucket))
end
`
