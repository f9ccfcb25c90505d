import { lua } from './lua.ts'

/** The beginning and the end that all functions share. */
export const functions: string = lua`
-- The first arguments of every call: the time that a test gives, the channel of hints, 16 random digits,
-- and how many ended jobs are kept of each kind.
local HEAD = 6

-- Of a function that writes nothing.
local function beginReading(base, args)
  call = redis.call
  Context.open(base, Context.now(args[1]))
  C.random = args[3]
  C.maxCounts = {
    [COMPLETED] = tonumber(args[4]), [FAILED] = tonumber(args[5]), [CANCELLED] = tonumber(args[6]),
  }
  if not C.queue.series then C.queue.series = string.sub(args[3], 1, 6) end
end

local function begin(base, args)
  beginReading(base, args)
  FairOrder.rebase()
end

-- Writes down what was changed. Nothing before may fail once this has begun.
local function finish(args)
  History.settle()
  Hints.send(args[2])
  Jobs.flush()
  Claims.flush()
  Leases.flush()
  FairOrder.flush()
  Lane.flush()
  PlainTally.flush()
  Marks.flush()
  Records.flush()
  Context.close()
end
`
