import type { NewJob, Outcome, Settlement, StoreCapabilities } from '@cgk/jobs-core'
import { expect } from 'vitest'
import fc, { type Arbitrary } from 'fast-check'
import * as draw from '../arbitraries.ts'
import { jobCommand, type JobCommand } from '../job-command.ts'
import { hasEnded, keyOf } from '../model-job.ts'
import type { ModelState } from '../model-state.ts'
import { handleOf } from '../real-store.ts'
import * as leases from '../rules/leases.ts'
import { chooseLeases, leaseChoice } from './choose.ts'

const { handle } = draw

export const claim: Arbitrary<JobCommand> = fc
  .record({ handle, request: draw.claimRequest })
  .map((input) =>
    jobCommand('claim', input, async (model, real, { request }) => {
      leases.claim(model, request, await handleOf(real, input.handle).claim(request))
    }),
  )

export const extend: Arbitrary<JobCommand> = fc
  .record({
    handle,
    worker: draw.worker,
    choices: fc.array(fc.record({ lease: leaseChoice }), { minLength: 1, maxLength: 4 }),
    leaseMs: draw.leaseMs,
  })
  .map((input) =>
    jobCommand('extend', input, async (model, real, { worker, choices, leaseMs }) => {
      const chosen = chooseLeases(model, worker, choices).map(({ lease }) => lease)
      const states = await handleOf(real, input.handle).extend({ leases: chosen, leaseMs })
      leases.extend(model, chosen, leaseMs, states)
    }),
  )

const mendable = fc.constant({ message: 'refused', retryable: true })
const error = fc.constantFrom(
  { message: 'refused', retryable: true },
  { message: 'gone', retryable: false, code: 'GONE', stack: 'at x\nat y' },
)

function drawnOutcome(able: StoreCapabilities): Arbitrary<Outcome> {
  return able.limits ? fc.oneof({ arbitrary: outcome, weight: 6 }, wait) : outcome
}

/** What is behind the limiter asks to wait. */
const wait: Arbitrary<Outcome> = fc.record({
  type: fc.constant('release' as const),
  delayMs: fc.constant(0),
  pauseLimiterMs: fc.constantFrom(20, 500, 4_000),
})

const outcome: Arbitrary<Outcome> = fc.oneof(
  fc.record({
    type: fc.constant('complete' as const),
    result: fc.constantFrom(null, '{"ok":1.0}'),
  }),
  fc.record({ type: fc.constant('retry' as const), delayMs: draw.delayMs, error: mendable }),
  fc.record({ type: fc.constant('release' as const), delayMs: draw.delayMs }),
  fc.record({ type: fc.constant('fail' as const), error }),
)

function drawnSettlement(able: StoreCapabilities) {
  return fc.record(
    {
      lease: leaseChoice,
      outcome: drawnOutcome(able),
      followUps: fc.array(draw.drawnFollowUp(able), { maxLength: 2 }),
      discard: draw.seldom,
      headers: fc.constantFrom('{"trace":"2"}', '{}'),
    },
    { requiredKeys: ['lease', 'outcome', 'followUps', 'discard'] },
  )
}

export function settleCommand(able: StoreCapabilities): Arbitrary<JobCommand> {
  return fc
    .record({
      handle,
      worker: draw.worker,
      choices: fc.array(drawnSettlement(able), { minLength: 1, maxLength: 5 }),
      repeats: fc.boolean(),
      claim: fc.option(draw.claimRequest, { nil: undefined, freq: 3 }),
    })
    .map((input) =>
      jobCommand(
        'settle',
        input,
        async (model, real, { worker, choices, repeats, claim: next }) => {
          const chosen = chooseLeases(model, worker, choices)
          const settled = new Set(chosen.map(({ lease }) => keyOf(lease)))
          const settlements = chosen.map(({ outcome: how, ...rest }): Settlement => ({
            ...rest,
            outcome: how,
            followUps: rest.followUps
              .map((job): NewJob => ({
                ...job,
                queue: rest.lease.queue,
                tenantId: rest.lease.tenantId,
              }))
              .filter((job) => isSure(model, job, settled)),
            // Only an end is discarded; the constructors of settlements allow nothing else.
            discard: rest.discard && (how.type === 'complete' || how.type === 'fail'),
          }))
          const store = handleOf(real, input.handle)
          const answer = await store.settle(
            next === undefined ? { settlements } : { settlements, claim: next },
          )
          leases.settle(model, settlements, answer.results)
          if (next === undefined) expect(answer.claimed, 'no claim asked for').toBeNull()
          else if (answer.claimed === null) throw new Error('the claim was not answered')
          else leases.claim(model, next, answer.claimed)
          if (repeats) {
            // The reply was lost, and the worker asks again through another connection.
            const again = await handleOf(real, input.handle + 1).settle({ settlements })
            leases.settle(model, settlements, again.results)
          }
        },
      ),
    )
}

/**
 * Whether it is certain what a follow-up's id will meet: history may lose a job to another that ends
 * in the very call, before the follow-up looks for its id or after.
 */
function isSure(model: ModelState, job: NewJob, settled: ReadonlySet<string>): boolean {
  if (job.jobId === undefined) return true
  const ref = { queue: job.queue, tenantId: job.tenantId, id: job.jobId }
  const holder = model.find(ref)
  return holder === undefined || (!hasEnded(holder) && !settled.has(keyOf(ref)))
}

export const report: Arbitrary<JobCommand> = fc
  .record({
    handle,
    worker: draw.worker,
    choices: fc.array(
      fc
        .tuple(
          fc.record({ lease: leaseChoice }),
          fc.record(
            {
              progress: fc.constantFrom('1', '{"a":1.0}'),
              log: fc.array(fc.constantFrom('one', 'two\n'), { maxLength: 60 }),
              effects: fc.dictionary(fc.constantFrom('paid', 'sent'), fc.constantFrom('1', '2'), {
                minKeys: 1,
              }),
            },
            { requiredKeys: [] },
          ),
        )
        .map(([lease, said]) => ({ ...lease, ...said })),
      { maxLength: 3 },
    ),
  })
  .map((input) =>
    jobCommand('report', input, async (model, real, { worker, choices }) => {
      const reports = chooseLeases(model, worker, choices)
      leases.report(model, reports, await handleOf(real, input.handle).report(reports))
    }),
  )

export const crash: Arbitrary<JobCommand> = fc
  .record({ handle, worker: draw.worker })
  .map((input) =>
    jobCommand('crash', input, async (model, _real, { worker }) => {
      model.crash(worker)
    }),
  )
