import { lua } from './lua.ts'

const WIDTH = 22

/**
 * What became of plain jobs, 22 bytes of each in texts of 512: the claim that leased it, the number of its
 * lane, its creation and its end, 0 while it is leased. Jobs that follow one another are read, compared
 * and written as one. Bytes of nothing but zeros are no mark: the job has a state, or none yet.
 */
export const marks: string = lua`
local FORM, WIDTH = '>I6I4I6I6', ${WIDTH}
local NONE = '${'\\0'.repeat(WIDTH)}'

local function markKey(bucket)
  return C.base .. 'mark:' .. digits(bucket)
end

function Marks.of(claim, laneNumber, created, endedAt)
  return struct.pack(FORM, claim, laneNumber, created, endedAt)
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

local function readIn(bucket, offset, count)
  local known = C.marks[bucket]
  if not known or offset < known.from or offset + count > known.to then return fetch(bucket, offset, count) end
  local start = (offset - known.from) * WIDTH
  return string.sub(known.text, start + 1, start + count * WIDTH)
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

-- Reads at once what 'read' will ask for, until something is written.
function Marks.preload(serials, counts)
  Marks.flush()
  local spans = {}
  local function widen(bucket, offset, count)
    local span = spans[bucket]
    if not span then
      spans[bucket] = { from = offset, to = offset + count }
    else
      if offset < span.from then span.from = offset end
      if offset + count > span.to then span.to = offset + count end
    end
  end
  for index, serial in ipairs(serials) do eachBucket(serial, counts[index], widen) end
  for bucket, span in pairs(spans) do
    span.text = fetch(bucket, span.from, span.to - span.from)
    C.marks[bucket] = span
  end
end

-- The marks of jobs that follow one another, as they were before this call wrote any that are not flushed.
function Marks.read(first, count)
  local bucket = math.floor(first / BUCKET)
  local offset = first - bucket * BUCKET
  if offset + count <= BUCKET then return readIn(bucket, offset, count) end
  local parts = {}
  eachBucket(first, count, function(...) parts[#parts + 1] = readIn(...) end)
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
    C.marks[bucket] = nil
  end
  C.marked = {}
end

-- Lets go of the marks of a bucket without jobs.
function Marks.drop(bucket)
  C.marked[bucket], C.marks[bucket] = nil, nil
  call('DEL', markKey(bucket))
end
`
