import { lua } from './lua.ts'

/**
 * The claims that plain jobs were leased by: what the leases of one claim have in common is kept once.
 *
 * Fields: nonce, worker and instant of the claim, expiresAt, how many of its leases are held, how many
 * marks name it, how many jobs are on its sheet if it has one, whether PlainTally counts these, and whether it counts those
 * that are leased as such. It is among the leases as long as some are held; which jobs they were of, a text beside it says
 * in ranges.
 */
export const claims: string = lua`
local RUN = '>I6I4'

-- What it is called among the leases.
local function memberOf(number)
  return 'c' .. digits(number)
end

-- The number in the name of a lease; nothing in that of a job.
function Claims.numberIn(member)
  return string.byte(member) == 99 and tonumber(string.sub(member, 2)) or nil
end

function Claims.find(number)
  return Records.find('claims', digits(number))
end

local function touched(number)
  local claim = C.claims[number]
  if claim then return claim end
  claim = Claims.find(number)
  C.claims[number] = claim
  Records.touch('claims', digits(number))
  return claim
end

local function claimOf(request, at, expiresAt, held)
  return {
    nonce = request.nonce, worker = request.worker, at = at, expiresAt = expiresAt, held = held, marks = held,
  }
end

-- The record of a claim that has leased so many.
function Claims.packed(request, at, expiresAt, held)
  return cmsgpack.pack(claimOf(request, at, expiresAt, held))
end

-- The text of one range of jobs.
function Claims.runOf(first, count)
  return struct.pack(RUN, first, count)
end

-- Begins a claim; its number.
function Claims.begin(request)
  local queue = C.queue
  queue.epoch = queue.epoch + 1
  local expiresAt = C.now + request.leaseMs
  Records.put('claims', digits(queue.epoch), claimOf(request, C.now, expiresAt, 0))
  C.leased[memberOf(queue.epoch)] = expiresAt
  return queue.epoch
end

-- Leases jobs that follow one another.
function Claims.take(number, first, count)
  local claim = touched(number)
  claim.held, claim.marks = claim.held + count, claim.marks + count
  claim.runs = claim.runs or {}
  local runs = claim.runs
  local size = #runs
  if size > 0 and runs[size - 1] + runs[size] == first then
    runs[size] = runs[size] + count
  else
    runs[size + 1], runs[size + 2] = first, count
  end
end

-- Leases jobs that are on a sheet.
function Claims.takeSheet(number, count)
  local claim = touched(number)
  claim.held, claim.marks, claim.sheet = count, count, count
end

function Claims.isCounted(number)
  return Claims.find(number).isCounted == true
end

function Claims.noteCounted(number)
  touched(number).isCounted = true
end

function Claims.isTallied(number)
  return Claims.find(number).isTallied == true
end

function Claims.noteTallied(number)
  touched(number).isTallied = true
end

function Claims.hasSheet(number)
  return Claims.find(number).sheet ~= nil
end

-- Leases have ended.
function Claims.letGo(number, count)
  local claim = touched(number)
  claim.held = claim.held - count
end

-- Marks that name it are gone.
function Claims.forget(number, count)
  local claim = touched(number)
  claim.marks = claim.marks - count
end

-- Never shortens the leases.
function Claims.extend(number, expiresAt)
  local claim = touched(number)
  claim.expiresAt = math.max(claim.expiresAt, expiresAt)
  C.leased[memberOf(number)] = claim.expiresAt
end

function Claims.token(number, serial)
  return digits(number) .. '-' .. digits(serial) .. '.' .. Claims.find(number).nonce
end

local function heldOnSheet(number, most)
  local serials, onSheet = {}, Sheets.serials(number)
  for index, place in ipairs(Sheets.placesOf(number, 1, #onSheet, 0)) do
    if index > most then break end
    serials[index] = onSheet[place]
  end
  return serials
end

-- The serials of up to 'most' jobs that it still holds.
function Claims.held(number, most)
  if Claims.hasSheet(number) then return heldOnSheet(number, most) end
  local serials, runs = {}, call('HGET', C.base .. 'claimed', digits(number)) or ''
  for at = 1, #runs, 10 do
    local first, count = struct.unpack(RUN, runs, at)
    local marks = Marks.read(first, count)
    for index = 1, count do
      local claim, _, endedAt = Marks.decode(Marks.at(marks, index))
      if claim == number and endedAt == 0 then
        serials[#serials + 1] = first + index - 1
        if #serials == most then return serials end
      end
    end
  end
  return serials
end

-- So many runs are packed at once.
local MOST_PACKED = 100

local function packed(runs)
  local parts = {}
  for from = 1, #runs, 2 * MOST_PACKED do
    local to = math.min(#runs, from + 2 * MOST_PACKED - 1)
    parts[#parts + 1] = struct.pack('>' .. string.rep('I6I4', (to - from + 1) / 2), unpack(runs, from, to))
  end
  return table.concat(parts)
end

-- To be called before the leases and the records are written.
function Claims.flush()
  if not next(C.claims) then return end
  local claimed, ended = {}, {}
  for number, claim in pairs(C.claims) do
    local field = digits(number)
    if claim.held == 0 then
      C.leased[memberOf(number)] = false
      ended[#ended + 1] = field
      if claim.sheet then Sheets.letGo(number) end
    elseif claim.runs then
      claimed[#claimed + 1] = field
      claimed[#claimed + 1] = packed(claim.runs)
    end
    claim.runs = nil
    if claim.marks == 0 then
      if claim.sheet then
        PlainTally.dropSheet(number)
        Sheets.drop(number)
      end
      Records.delete('claims', field)
    end
  end
  C.claims = {}
  callWith('HSET', C.base .. 'claimed', claimed)
  callWith('HDEL', C.base .. 'claimed', ended)
end
`
