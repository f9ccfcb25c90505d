import type { NewJob } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { sameLane } from '../model-job.ts'
import type { ModelState } from '../model-state.ts'
import { applying } from './limits.ts'

type Lane = Pick<NewJob, 'queue' | 'tenantId'>

function waitingIn(model: ModelState, lane: Lane): number {
  return model.jobs.filter((job) => job.state === 'pending' && sameLane(job.ref, lane)).length
}

function quotaOf(model: ModelState, { queue, tenantId }: Lane): number {
  return applying(model, { queue, tenantId }).backlog ?? Infinity
}

/** A call was refused: for one of its tenants there must have been no room. */
export function expectFull(model: ModelState, inputs: readonly Lane[]): void {
  const full = inputs.find((lane) => {
    const more = inputs.filter((other) => sameLane(other, lane)).length
    return waitingIn(model, lane) + more > quotaOf(model, lane)
  })
  expect(full ?? null, 'a tenant whose backlog is full').not.toBeNull()
}

/** A call was let in: these are the jobs it has added. */
export function expectWithinQuota(model: ModelState, added: readonly Lane[]): void {
  for (const lane of added) {
    expect(waitingIn(model, lane), `waiting of ${lane.tenantId}`).toBeLessThanOrEqual(
      quotaOf(model, lane),
    )
  }
}
