import { lua } from '../lua/lua.ts'

/**
 * What operators do. `ARGV` after the head: cancel, retry or remove, and of each job the tenant and the id.
 * Answers with `[status, record, holderId]`, or 0 where there is no such job.
 */
export const act: string = lua`
redis.register_function{function_name = '{act}', flags = { 'allow-oom' }, callback = function(keys, args)
  begin(keys[1], args)
  local action, answers = Transitions[args[HEAD + 1]], {}
  for at = HEAD + 2, #args, 2 do
    local job, answer = Jobs.find(args[at], args[at + 1]), 0
    if job then
      local isDone, holder = action(job)
      local status = isDone and 'changed' or holder and 'keyTaken' or 'unchanged'
      answer = { status, Reply.record(job), holder and Jobs.id(holder) or '' }
    end
    answers[#answers + 1] = answer
  end
  if not C.isNew then finish(args) end
  return { C.queue.series, answers }
end}
`
