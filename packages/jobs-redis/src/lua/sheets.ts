import { lua } from './lua.ts'

const MOST_PACKED = 100

/**
 * Plain jobs that were claimed together, each of another tenant, on one sheet: their ends (0 while leased), their serials
 * and their tenants, each at the place it had in the claim. What workers complete together lies together there, wherever
 * its jobs do. Their marks only name the claim, of which the sheet is a part as long as a mark names it.
 */
export const sheets: string = lua`
local WIDTH = 6
local HELD, TAKEN = '${'\\0'.repeat(6)}', '${'\\255'.repeat(6)}'

-- So many numbers are packed at once.
local MOST_PACKED, FORM = ${MOST_PACKED}, '>${'I6'.repeat(MOST_PACKED)}'

local function packed(numbers)
  local parts = {}
  for from = 1, #numbers, MOST_PACKED do
    local to = math.min(#numbers, from + MOST_PACKED - 1)
    parts[#parts + 1] = struct.pack(string.sub(FORM, 1, 1 + 2 * (to - from + 1)), unpack(numbers, from, to))
  end
  return table.concat(parts)
end

local function numbersIn(text)
  local numbers, size = {}, #text / WIDTH
  for from = 1, size, MOST_PACKED do
    local count = math.min(MOST_PACKED, size - from + 1)
    local some = { struct.unpack(string.sub(FORM, 1, 1 + 2 * count), text, (from - 1) * WIDTH + 1) }
    for index = 1, count do numbers[#numbers + 1] = some[index] end
  end
  return numbers
end

local function sheetKey(number)
  return C.base .. 'sheet:' .. digits(number)
end

-- Those of which some job is leased, and has not been asked for.
local function heldKey()
  return C.base .. 'sheets'
end

local function fetch(number, from, size)
  return call('GETRANGE', sheetKey(number), digits(from), digits(from + size - 1))
end

-- A claim's sheet as far as this call has read it.
local function sheetOf(number)
  local sheet = C.sheets[number]
  if not sheet then
    sheet = { size = Claims.find(number).sheet }
    C.sheets[number] = sheet
  end
  return sheet
end

local function endsOf(number)
  local sheet = sheetOf(number)
  if not sheet.ends then sheet.ends = fetch(number, 0, sheet.size * WIDTH) end
  return sheet.ends
end

local function setEnds(number, from, ends)
  call('SETRANGE', sheetKey(number), digits((from - 1) * WIDTH), ends)
  sheetOf(number).ends = nil
end

function Sheets.serials(number)
  local sheet = sheetOf(number)
  if not sheet.serials then
    sheet.serials = numbersIn(fetch(number, sheet.size * WIDTH, sheet.size * WIDTH))
  end
  return sheet.serials
end

function Sheets.tenants(number)
  local sheet = sheetOf(number)
  if not sheet.tenants then
    sheet.tenants = {}
    local text = call('GETRANGE', sheetKey(number), digits(2 * sheet.size * WIDTH), '-1')
    for tenant in string.gmatch(text, '([^\n]*)\n') do sheet.tenants[#sheet.tenants + 1] = tenant end
  end
  return sheet.tenants
end

local function placeOf(number, serial)
  local sheet = sheetOf(number)
  if not sheet.places then
    sheet.places = {}
    for place, each in ipairs(Sheets.serials(number)) do sheet.places[each] = place end
  end
  return sheet.places[serial]
end

function Sheets.make(number, serials, tenants)
  local text = string.rep(HELD, #serials) .. packed(serials) .. table.concat(tenants, '\n') .. '\n'
  call('SET', sheetKey(number), text)
  call('SADD', heldKey(), digits(number))
end

-- No job of it is leased any more.
function Sheets.letGo(number)
  call('SREM', heldKey(), digits(number))
end

function Sheets.drop(number)
  call('DEL', sheetKey(number))
end

-- Whether all of those places are leased.
function Sheets.areHeld(number, from, count)
  return fetch(number, (from - 1) * WIDTH, count * WIDTH) == string.rep(HELD, count)
end

function Sheets.complete(number, from, count, endedAt)
  setEnds(number, from, string.rep(Marks.endOf(endedAt), count))
end

-- When a job ended, 0 while it is leased.
function Sheets.endOf(number, serial)
  return (struct.unpack('>I6', endsOf(number), (placeOf(number, serial) - 1) * WIDTH + 1))
end

-- The tenants of those jobs that are still on a sheet.
function Sheets.owners(number)
  local owners, ends, tenants = {}, endsOf(number), Sheets.tenants(number)
  for place = 1, sheetOf(number).size do
    if string.sub(ends, (place - 1) * WIDTH + 1, place * WIDTH) ~= TAKEN then owners[#owners + 1] = tenants[place] end
  end
  return owners
end

-- Jobs at those places, in their order, were deleted.
function Sheets.forget(number, places)
  local size = #places
  if size == 0 then return end
  if places[size] - places[1] + 1 == size then
    setEnds(number, places[1], string.rep(TAKEN, size))
  else
    for index = 1, size do setEnds(number, places[index], TAKEN) end
  end
end

-- What becomes of a job is not on the sheet any more.
function Sheets.take(number, serial)
  setEnds(number, placeOf(number, serial), TAKEN)
end

-- The places among 'count' at which a job has that end.
function Sheets.placesOf(number, from, count, endedAt)
  local places, ends, wanted = {}, endsOf(number), Marks.endOf(endedAt)
  if string.sub(ends, (from - 1) * WIDTH + 1, (from + count - 1) * WIDTH) == string.rep(wanted, count) then
    for index = 1, count do places[index] = from + index - 1 end
    return places
  end
  for place = from, from + count - 1 do
    if string.sub(ends, (place - 1) * WIDTH + 1, place * WIDTH) == wanted then places[#places + 1] = place end
  end
  return places
end

-- The sheets of which some job is leased that were not taken before.
function Sheets.takeHeld()
  local numbers = call('SMEMBERS', heldKey())
  if #numbers > 0 then call('DEL', heldKey()) end
  for index, number in ipairs(numbers) do numbers[index] = tonumber(number) end
  return numbers
end

-- The tenants of those jobs that are leased.
function Sheets.holders(number)
  local holders, tenants = {}, Sheets.tenants(number)
  for index, place in ipairs(Sheets.placesOf(number, 1, sheetOf(number).size, 0)) do holders[index] = tenants[place] end
  return holders
end
`
