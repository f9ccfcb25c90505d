import { lua } from '../lua/lua.ts'

/**
 * What attempts tell. `ARGV` after the head: of each report the tenant, the id and the token of the lease,
 * and JSON: p progress, l lines, e effects. Answers 1 where the lease was current, else 0.
 */
export const report: string = lua`
redis.register_function{function_name = '{report}', flags = { 'allow-oom' }, callback = function(keys, args)
  begin(keys[1], args)
  local answers = {}
  for at = HEAD + 1, #args, 4 do
    local job = Jobs.findHeld(args[at], args[at + 1], args[at + 2])
    -- An end absorbs: what a cancelled attempt still says is not written into the record.
    local isCurrent = job and job.state.st == RUNNING
    if isCurrent then
      local said = cjson.decode(args[at + 3])
      if said.p then job.state.pr = said.p end
      if said.l then Cold.addLog(job, said.l) end
      if said.e then Cold.remember(job, said.e) end
      job.state.up = C.now
      Jobs.touch(job)
    end
    answers[#answers + 1] = isCurrent and 1 or 0
  end
  if not C.isNew then finish(args) end
  return answers
end}
`
