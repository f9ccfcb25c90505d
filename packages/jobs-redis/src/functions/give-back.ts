import { lua } from '../lua/lua.ts'

/**
 * Gives back what a claim may have leased whose caller has given it up. `ARGV` after the head: the random
 * digits of that claim. Should the claim arrive only now, it is refused: see Leasing.claim.
 */
export const giveBack: string = lua`
redis.register_function{function_name = '{giveBack}', flags = { 'allow-oom' }, callback = function(keys, args)
  begin(keys[1], args)
  local nonce = args[HEAD + 1]
  Leasing.revoke(nonce)
  local serials = Leases.serials(nonce)
  Jobs.preload(serials)
  local given = 0
  for _, serial in ipairs(serials) do
    local job = Jobs.load(serial)
    local token = job and job.state.tk
    if token and string.sub(token, -#nonce - 1) == '.' .. nonce then
      Leasing.settle({
        tenant = job.tenant, id = Jobs.id(job), token = token, followUps = {},
        outcome = { kind = 'release', delayMs = 0 },
      })
      given = given + 1
    end
  end
  if not C.isNew then finish(args) end
  return given
end}
`
