import { lua } from './lua.ts'

/**
 * The jobs of one lane that a limiter or a key governs and that may be claimed but for the limiter. The
 * empty name is the bucket of jobs with a key and without a limiter, which has no allowance.
 */
export const bucket: string = lua`
local BUCKETS = 'limiters'

function Bucket.find(lane, limiter)
  return Records.find(BUCKETS, pair(lane.tenant, limiter))
end

-- Made if there is none.
function Bucket.of(lane, limiter)
  local bucket = Bucket.find(lane, limiter)
  if bucket then return bucket end
  bucket = { tenant = lane.tenant, limiter = limiter, jobs = 0, suspects = 0 }
  if limiter ~= '' then
    bucket.allowance = {}
    Allowance.apply(bucket.allowance, Limits.effective(lane.tenant, 'l' .. limiter))
  end
  Records.put(BUCKETS, pair(lane.tenant, limiter), bucket)
  lane.limiters = lane.limiters or {}
  lane.limiters[#lane.limiters + 1] = limiter
  Lane.touch(lane)
  return bucket
end

function Bucket.touch(bucket)
  Records.touch(BUCKETS, pair(bucket.tenant, bucket.limiter))
end

-- Where its jobs or its suspects are.
function Bucket.key(bucket, part)
  return C.base .. part .. ':' .. pair(bucket.tenant, bucket.limiter)
end

function Bucket.push(bucket, part, job)
  Line.push(Bucket.key(bucket, part), job)
  bucket[part] = bucket[part] + 1
  Bucket.touch(bucket)
end

function Bucket.remove(bucket, part, job)
  Line.remove(Bucket.key(bucket, part), job)
  bucket[part] = bucket[part] - 1
  Bucket.touch(bucket)
end

function Bucket.isEmpty(bucket)
  return bucket.jobs == 0 and bucket.suspects == 0
end
`
