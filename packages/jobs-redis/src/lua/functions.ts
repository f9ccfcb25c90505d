import { lua } from './lua.ts'

/** The beginning and the end that all functions share. */
export const functions: string = lua`
-- The first arguments of every call: the time that a test gives, what a store says with each of its calls, and 16 random
-- digits.
local HEAD = 3

-- How many ended jobs are kept of each kind, and the channel of hints. They are one argument, for each costs a good part
-- of a command, and most are those of the call before.
local lastSettings = {}
local function settingsIn(text)
  if lastSettings.text ~= text then
    local completed, failed, cancelled, channel = string.match(text, '^(%S+) (%S+) (%S+) (.*)$')
    lastSettings = {
      text = text, channel = channel,
      maxCounts = { [COMPLETED] = tonumber(completed), [FAILED] = tonumber(failed), [CANCELLED] = tonumber(cancelled) },
    }
  end
  return lastSettings
end

-- Of a function that writes nothing.
local function beginReading(base, args)
  call = redis.call
  Context.open(base, Context.now(args[1]))
  C.random = args[3]
  C.maxCounts = settingsIn(args[2]).maxCounts
  if not C.queue.series then C.queue.series = string.sub(args[3], 1, 6) end
end

local function begin(base, args)
  beginReading(base, args)
  FairOrder.rebase()
end

-- Writes down what was changed. Nothing before may fail once this has begun.
local function finish(args)
  History.settle()
  Hints.send(settingsIn(args[2]).channel)
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
