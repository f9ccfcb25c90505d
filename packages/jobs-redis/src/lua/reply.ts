import { lua } from './lua.ts'

/** Jobs as calls answer with them; 'decode-record.ts' makes records of it. */
export const reply: string = lua`
function Reply.record(job)
  return { job.serial, job.body, Jobs.stateText(job) }
end

function Reply.inFull(job)
  return { job.serial, job.body, Jobs.stateText(job), Cold.text(job) }
end

function Reply.claimed(job)
  return { job.serial, job.body, Jobs.stateText(job), Cold.effectsText(job) }
end
`
