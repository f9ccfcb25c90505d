import type { NewJob, StoreCapabilities } from '@cgk/jobs-core'
import fc, { type Arbitrary } from 'fast-check'
import * as draw from '../arbitraries.ts'
import { jobCommand, type JobCommand } from '../job-command.ts'
import type { ModelState } from '../model-state.ts'
import { handleOf } from '../real-store.ts'
import { answerOf, enqueue } from '../rules/enqueueing.ts'

export function enqueueCommand(able: StoreCapabilities): Arbitrary<JobCommand> {
  return fc
    .record({
      handle: draw.handle,
      jobs: fc.array(draw.drawnJob(able), { minLength: 1, maxLength: 6 }),
    })
    .map((input) =>
      jobCommand('enqueue', input, async (model, real, { jobs }) => {
        const inputs = unambiguous(jobs).map((job) => newJob(model, job))
        enqueue(model, inputs, await answerOf(handleOf(real, input.handle).enqueue(inputs)))
      }),
    )
}

/**
 * Whether a job's id counts against a later one of the call when its unique key keeps it from being
 * stored, or when a job between them replaces it, the contract does not say.
 */
function unambiguous(jobs: readonly draw.DrawnJob[]): readonly draw.DrawnJob[] {
  if (jobs.length === 1 || jobs.every(({ unique }) => unique === undefined)) return jobs
  return jobs.map((job) => draw.withoutId(job))
}

function newJob(model: ModelState, { runInMs, ...job }: draw.DrawnJob): NewJob {
  return runInMs === undefined ? job : { ...job, runAt: model.now + runInMs }
}
