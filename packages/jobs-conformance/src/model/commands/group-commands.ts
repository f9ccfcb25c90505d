import type { NewGroup, NewJob, StoreCapabilities } from '@cgk/jobs-core'
import fc, { type Arbitrary } from 'fast-check'
import * as draw from '../arbitraries.ts'
import { jobCommand, type JobCommand } from '../job-command.ts'
import { handleOf } from '../real-store.ts'
import { answerOf } from '../rules/enqueueing.ts'
import { enqueueGroups } from '../rules/groups.ts'

export function enqueueGroupsCommand(able: StoreCapabilities): Arbitrary<JobCommand> {
  const member = draw.drawnMember(able)
  const callback = fc.option(member, { nil: null, freq: 3 })
  const group = fc.record({
    members: fc.array(member, { maxLength: 3 }),
    onComplete: callback,
    onAnyFailed: callback,
    /** Picks the parent among the groups listed earlier. */
    parent: draw.choice,
  })
  return fc
    .record({
      handle: draw.handle,
      queue: draw.queue,
      tenantId: draw.tenantId,
      id: fc.constantFrom(...draw.GROUP_IDS),
      /** Makes the ids of nested groups their own: of these only the root's may be taken. */
      mark: fc.stringMatching(/^[0-9a-f]{8}$/),
      groups: fc.array(group, { minLength: 1, maxLength: 3 }),
    })
    .map((input) =>
      jobCommand('enqueueGroups', input, async (model, real, { queue, tenantId, groups }) => {
        const within = (job: draw.DrawnFollowUp): NewJob => ({ ...job, queue, tenantId })
        const made: NewGroup[] = []
        for (const [index, { parent, members, onComplete, onAnyFailed }] of groups.entries()) {
          made.push({
            queue,
            tenantId,
            id: index === 0 ? input.id : `${input.id}-${input.mark}-${index}`,
            parentId: draw.pick(made, parent)?.id ?? null,
            members: members.map(within),
            onComplete: onComplete && within(onComplete),
            onAnyFailed: onAnyFailed && within(onAnyFailed),
          })
        }
        enqueueGroups(model, made, await answerOf(handleOf(real, input.handle).enqueueGroups(made)))
      }),
    )
}
