import { lua } from './lua.ts'

/**
 * Jobs: what was enqueued is a body, written once; what became of it is a state, and one that was never
 * claimed and waits for nothing has none. Log, failures and effects are apart, because few have them.
 *
 * A body is text in lines: creation, extras, tenant, name, payload. Bodies are fields of hashes of 4096, and
 * so are states, and the results of jobs that have marks.
 */
export const jobs: string = lua`
local NO_EXTRAS = {}

local function keyOf(part, bucket)
  return C.base .. part .. ':' .. digits(bucket)
end

local function bodyOf(created, tail)
  return digits(created) .. '\n' .. tail
end

-- Extras: p priority, i id, u unique key, o ordering key, c concurrency key, n its limit, l limiter,
-- m member of, b callback of, s schedule; the others are for readers alone.
local function decodeTail(job, body, from)
  local extras, tenant, name, payloadAt = string.match(body, '^([^\n]*)\n([^\n]*)\n([^\n]*)\n()', from)
  job.name, job.tenant, job.payloadAt = name, tenant, payloadAt
  job.extras = extras == '' and NO_EXTRAS or cjson.decode(extras)
end

local function decodeBody(job, body)
  local created, from = string.match(body, '^(%d+)\n()')
  job.body, job.created = body, tonumber(created)
  decodeTail(job, body, from)
end

-- cjson writes 14 digits of a number: a start in the far future is a text.
local function encodeState(state)
  local runAt = state.ru
  if runAt < 1e14 then return cjson.encode(state) end
  state.ru = digits(runAt)
  local text = cjson.encode(state)
  state.ru = runAt
  return text
end

-- The state as a reply has it.
function Jobs.stateText(job)
  return encodeState(job.state)
end

-- The state of a job that has a mark. The claim stays with the job until the mark is taken away.
local function adoptMark(job, number, created, endedAt)
  local claim, serial = Claims.find(number), job.serial
  local isHeld = endedAt == 0
  job.claim, job.isHeld = number, isHeld
  job.state = {
    st = isHeld and RUNNING or COMPLETED, h = isHeld and 'l' or 'e', ls = isHeld and 'held' or 'settled',
    at = 1, ge = 1, sa = claim.at, up = isHeld and claim.at or endedAt, wk = claim.worker,
    tk = Claims.token(number, serial), ru = created, ad = serial,
  }
  if isHeld then return end
  job.state.en = endedAt
  job.state.rs = call('HGET', keyOf('result', bucketOf(serial)), fieldOf(serial)) or nil
end

local function adopt(serial, body, state)
  local job = { serial = serial }
  decodeBody(job, body)
  local claim, created, endedAt
  if not state then claim, created, endedAt = Marks.decode(Marks.read(serial, 1)) end
  if claim and Claims.hasSheet(claim) then
    job.isOnSheet, created, endedAt = true, job.created, Sheets.endOf(claim, serial)
  end
  if state then
    job.state = cjson.decode(state)
    job.state.ru = tonumber(job.state.ru)
  elseif claim then
    adoptMark(job, claim, created, endedAt)
  else
    job.isFresh = true
    job.state = { st = PENDING, h = 'r', up = job.created, ru = job.created, at = 0, ad = serial, ge = 1 }
  end
  C.jobs[serial] = job
  return job
end

-- A job that is not stored yet.
function Jobs.make(serial, tail, runAt)
  local job = { serial = serial, isNew = true, isFresh = true }
  decodeBody(job, bodyOf(C.now, tail))
  job.state = { st = PENDING, h = '', up = C.now, ru = runAt, at = 0, ad = 0, ge = 1 }
  C.jobs[serial] = job
  C.dirtyJobs[job] = true
  return job
end

function Jobs.load(serial)
  local job = C.jobs[serial]
  if job ~= nil then return job or nil end
  local body = C.bodies[serial]
  if body then return adopt(serial, body, C.states[serial]) end
  local bucket, field = bucketOf(serial), fieldOf(serial)
  body = call('HGET', keyOf('body', bucket), field)
  if not body then
    C.jobs[serial] = false
    return
  end
  return adopt(serial, body, call('HGET', keyOf('state', bucket), field))
end

-- Ended jobs that are not in history, because a worker, a key or a group still has them.
local function noteLoose(job)
  local state = job.state
  local isLoose = not job.isDeleted and state.st >= COMPLETED and state.h ~= 'e'
  if isLoose == (state.o ~= nil) then return end
  call(isLoose and 'SADD' or 'SREM', C.base .. 'loose', digits(job.serial))
  state.o = isLoose and 1 or nil
end

local function listIn(buckets, bucket)
  local list = buckets[bucket]
  if not list then
    list = {}
    buckets[bucket] = list
  end
  return list
end

-- How many there are of those hashes of buckets, which are the keys of a table.
local function exist(buckets, ...)
  local keys, found = {}, 0
  for bucket in pairs(buckets) do
    for _, part in ipairs({ ... }) do keys[#keys + 1] = keyOf(part, bucket) end
  end
  for from = 1, #keys, CHUNK do found = found + call('EXISTS', unpack(keys, from, math.min(#keys, from + CHUNK - 1))) end
  return found, #keys
end

-- Reads the texts of many at once, so that a batch costs a command a bucket.
function Jobs.preload(serials)
  local buckets, fieldsOf, jobs, bodies = {}, {}, C.jobs, C.bodies
  for index = 1, #serials do
    local serial = serials[index]
    if jobs[serial] == nil and bodies[serial] == nil then
      local place = serial % BUCKET
      local bucket = (serial - place) / BUCKET
      local list, fields = buckets[bucket], fieldsOf[bucket]
      if not list then
        list, fields = {}, {}
        buckets[bucket], fieldsOf[bucket] = list, fields
      end
      local size = #list + 1
      list[size], fields[size] = serial, FIELDS[place + 1]
      bodies[serial] = false
    end
  end
  local hasStates = exist(buckets, 'state') > 0
  for bucket, list in pairs(buckets) do
    local fields = fieldsOf[bucket]
    local found = call('HMGET', keyOf('body', bucket), unpack(fields))
    local states = hasStates and call('HMGET', keyOf('state', bucket), unpack(fields))
    for index = 1, #list do
      local serial, body = list[index], found[index]
      bodies[serial] = body
      if states then C.states[serial] = states[index] end
      if not body then jobs[serial] = false end
    end
  end
end

function Jobs.touch(job)
  if C.dirtyJobs[job] then return end
  C.dirtyJobs[job] = true
  if job.claim then Lane.adopt(job) end
end

-- Adds the results of jobs that have marks and follow one another to those that writeResults keeps.
function Jobs.addResults(buckets, first, results)
  for index, result in ipairs(results) do
    local serial = first + index - 1
    local list = listIn(buckets, bucketOf(serial))
    list[#list + 1] = fieldOf(serial)
    list[#list + 1] = result
  end
end

function Jobs.writeResults(buckets)
  for bucket, list in pairs(buckets) do callWith('HSET', keyOf('result', bucket), list) end
end

local function forgetBucket(bucket)
  call('ZREM', C.base .. 'bodies', digits(bucket))
  if C.queue.bucket == bucket + 1 then C.queue.bucket = 0 end
  Marks.drop(bucket)
end

local function deleteAll(fieldsOf)
  for bucket, fields in pairs(fieldsOf) do callWith('HDEL', keyOf('body', bucket), fields) end
  if exist(fieldsOf, 'state', 'result') > 0 then
    for bucket, fields in pairs(fieldsOf) do
      callWith('HDEL', keyOf('state', bucket), fields)
      callWith('HDEL', keyOf('result', bucket), fields)
    end
  end
  local left, all = exist(fieldsOf, 'body')
  if left == all then return end
  for bucket in pairs(fieldsOf) do
    if call('EXISTS', keyOf('body', bucket)) == 0 then forgetBucket(bucket) end
  end
end

local function noteGone(bucket, offset, count)
  local list = listIn(C.gone, bucket)
  for place = offset + 1, offset + count do list[#list + 1] = FIELDS[place] end
end

-- Deletes jobs that follow one another and have marks. The marks go with those of the whole bucket.
function Jobs.deletePlain(first, count)
  if count == 1 then
    local list = listIn(C.gone, bucketOf(first))
    list[#list + 1] = fieldOf(first)
  else
    Marks.eachBucket(first, count, noteGone)
  end
end

-- The same of jobs that may lie anywhere.
function Jobs.deleteEach(serials)
  local gone = C.gone
  for index = 1, #serials do
    local place = serials[index] % BUCKET
    local bucket = (serials[index] - place) / BUCKET
    local list = gone[bucket] or listIn(gone, bucket)
    list[#list + 1] = FIELDS[place + 1]
  end
end

-- What becomes of a job that has a mark now goes into a state; a lease that it holds becomes its own.
local function takeMark(job)
  local number = job.claim
  if not number then return end
  job.claim = nil
  if job.isHeld then
    Claims.letGo(number, 1)
    if job.state.ls == 'held' and C.leased[job.serial] == nil then
      C.leased[job.serial] = Claims.find(number).expiresAt
    end
  end
  Claims.forget(number, 1)
  Marks.clear(job.serial)
end

-- Gives a job another body, at the creation it had. The id that its producer chose goes into the state.
local function rewrite(job, tail)
  job.state.i = Jobs.chosenId(job)
  decodeBody(job, bodyOf(job.created, tail))
  job.isRewritten = true
  Jobs.touch(job)
end

function Jobs.delete(job)
  job.isDeleted = true
  C.jobs[job.serial] = false
  Jobs.touch(job)
end

-- Whether nothing has to be kept of a job but its body.
local function isPlain(job)
  local state = job.state
  return job.isFresh and state.st == PENDING and state.h == 'r' and state.ad == job.serial
    and state.ru == job.created and state.up == job.created and not state.i
end

local function isDueAndWaits(state)
  return (state.st == PENDING or state.st == RETRYING) and state.h ~= 'd' and state.h ~= 'z'
end

-- Since when the jobs of a tenant wait that have a state; of the others their place says it.
local function noteWaiting(job)
  local state = job.state
  local key, field = C.base .. 'waiting:' .. job.tenant, digits(job.serial)
  if not job.isDeleted and isDueAndWaits(state) then
    call('ZADD', key, digits(state.ru), field)
    state.w = 1
  elseif state.w then
    call('ZREM', key, field)
    state.w = nil
  end
end

function Jobs.flush()
  if not next(C.dirtyJobs) and not next(C.gone) then return end
  local bodies, states, gone, cold = {}, {}, C.gone, {}
  C.gone = {}
  for job in pairs(C.dirtyJobs) do
    local bucket, field = bucketOf(job.serial), fieldOf(job.serial)
    takeMark(job)
    if job.isDeleted then
      if not job.isNew then
        local list = listIn(gone, bucket)
        list[#list + 1] = field
        noteWaiting(job)
        noteLoose(job)
        if job.state.x then cold[#cold + 1] = digits(job.serial) end
      end
    else
      if job.isNew or job.isRewritten then
        local list = listIn(bodies, bucket)
        list[#list + 1] = field
        list[#list + 1] = job.body
        job.isNew, job.isRewritten = nil, nil
      end
      if not isPlain(job) then
        local list = listIn(states, bucket)
        noteWaiting(job)
        noteLoose(job)
        list[#list + 1] = field
        list[#list + 1] = encodeState(job.state)
        job.isFresh = nil
      end
    end
  end
  C.dirtyJobs = {}
  for bucket, list in pairs(bodies) do Jobs.writeBodies(bucket, list) end
  for bucket, list in pairs(states) do callWith('HSET', keyOf('state', bucket), list) end
  Marks.flush()
  if next(gone) then deleteAll(gone) end
  callWith('HDEL', C.base .. 'cold', cold)
end

function Jobs.writeBodies(bucket, fieldsAndBodies)
  callWith('HSET', keyOf('body', bucket), fieldsAndBodies)
  if C.queue.bucket == bucket + 1 then return end
  C.queue.bucket = math.max(C.queue.bucket, bucket + 1)
  local name = digits(bucket)
  call('ZADD', C.base .. 'bodies', name, name)
end

local ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz'
local lastInstant, lastText

local function base36(number)
  if number == lastInstant then return lastText end
  local text, rest = '', number
  repeat
    local digit = rest % 36
    text = string.sub(ALPHABET, digit + 1, digit + 1) .. text
    rest = (rest - digit) / 36
  until rest == 0
  lastInstant, lastText = number, text
  return text
end

-- The serial is most of the random part of an id that is made here, so that no index is needed.
function Jobs.idIn(series, created, serial)
  return 'job_' .. base36(created) .. '_' .. series
    .. string.format('%03x%07x', math.floor(serial / 268435456), serial % 268435456)
end

function Jobs.madeId(created, serial)
  return Jobs.idIn(C.queue.series, created, serial)
end

function Jobs.chosenId(job)
  return job.extras.i or job.state.i
end

function Jobs.id(job)
  return Jobs.chosenId(job) or Jobs.madeId(job.created, job.serial)
end

function Jobs.serialIn(id)
  if #id < 22 or string.sub(id, 1, 4) ~= 'job_' then return end
  local hex = string.sub(id, -10)
  if string.find(hex, '[^0-9a-f]') then return end
  return tonumber(string.sub(hex, 1, 3), 16) * 268435456 + tonumber(string.sub(hex, 4), 16)
end

function Jobs.find(tenant, id)
  local serial = Jobs.serialIn(id)
  local job = serial and Jobs.load(serial)
  if job and job.tenant == tenant and Jobs.id(job) == id then return job end
  serial = call('HGET', C.base .. 'named', pair(tenant, id))
  return serial and Jobs.load(tonumber(serial))
end

-- Reads at once what 'find' will ask for one by one.
function Jobs.preloadIds(ids)
  local serials = {}
  for _, id in ipairs(ids) do
    local serial = Jobs.serialIn(id)
    if serial then serials[#serials + 1] = serial end
  end
  Jobs.preload(serials)
end

-- The job, if the token is that of its current lease.
function Jobs.findHeld(tenant, id, token)
  local job = Jobs.find(tenant, id)
  if job and job.state.ls == 'held' and job.state.tk == token then return job end
end

function Jobs.hasEnded(job)
  return job.state.st >= COMPLETED
end

function Jobs.hasTies(job)
  local extras = job.extras
  return extras.u or extras.o or extras.c or extras.m or extras.b
end

local function forgetAttempts(state)
  state.sa, state.en, state.re, state.lo, state.su = nil, nil, nil, nil, nil
  state.rs, state.er, state.pr = nil, nil, nil
  state.at = 0
end

function Jobs.become(job, tail, runAt)
  rewrite(job, tail)
  local state = job.state
  forgetAttempts(state)
  Cold.clear(job)
  state.wk, state.hd = nil, nil
  state.up, state.ru = C.now, runAt
end

function Jobs.beginGeneration(job)
  local state = job.state
  forgetAttempts(state)
  Cold.clearLog(job)
  state.ge = state.ge + 1
  state.up, state.ru, state.ad = C.now, C.now, 0
  Jobs.touch(job)
end
`
