import type {
  JobRecord,
  JobRef,
  JobState,
  Lease,
  NewJob,
  Outcome,
  Settlement,
} from '@cgk/jobs-core'
import { expect } from 'vitest'
import fc, { type Arbitrary } from 'fast-check'
import * as draw from './arbitraries.ts'
import { jobCommand, type JobCommand } from './job-command.ts'
import { keyOf } from './model-job.ts'
import { handleOf, type RealStore } from './real-store.ts'
import type { ReferenceModel } from './reference-model.ts'

const { handle } = draw

const enqueue: Arbitrary<JobCommand> = fc
  .record({ handle, jobs: fc.array(draw.drawnJob, { minLength: 1, maxLength: 6 }) })
  .map((input) =>
    jobCommand('enqueue', input, async (model, real, { jobs }) => {
      const inputs = jobs.map(({ runInMs, ...job }): NewJob => {
        return runInMs === undefined ? job : { ...job, runAt: model.now + runInMs }
      })
      model.enqueue(inputs, await handleOf(real, input.handle).enqueue(inputs))
    }),
  )

const claim: Arbitrary<JobCommand> = fc
  .record({ handle, request: draw.claimRequest })
  .map((input) =>
    jobCommand('claim', input, async (model, real, { request }) => {
      model.claim(request, await handleOf(real, input.handle).claim(request))
    }),
  )

/** Which leases a worker names: its own, or, now and then, any that was ever handed out. */
interface LeaseChoice {
  readonly which: number
  readonly from: 'own' | 'any'
  readonly forged: boolean
}

const leaseChoice: Arbitrary<LeaseChoice> = fc.record({
  which: draw.choice,
  from: fc.oneof(
    { arbitrary: fc.constant<'own' | 'any'>('own'), weight: 4 },
    fc.constant<'own' | 'any'>('any'),
  ),
  forged: draw.rarely,
})

/** Puts the leases in the place of what was drawn for them, no job named twice. */
function chooseLeases<T extends { readonly lease: LeaseChoice }>(
  model: ReferenceModel,
  worker: string,
  choices: readonly T[],
): (Omit<T, 'lease'> & { readonly lease: Lease })[] {
  const chosen = new Map<string, Omit<T, 'lease'> & { readonly lease: Lease }>()
  for (const choice of choices) {
    const { which, from, forged } = choice.lease
    const lease = draw.pick(from === 'own' ? model.leasesOf(worker) : model.leases, which)
    if (lease === undefined || chosen.has(keyOf(lease))) continue
    chosen.set(keyOf(lease), {
      ...choice,
      lease: forged ? { ...lease, token: `${lease.token}x` } : lease,
    })
  }
  return [...chosen.values()]
}

const extend: Arbitrary<JobCommand> = fc
  .record({
    handle,
    worker: draw.worker,
    choices: fc.array(fc.record({ lease: leaseChoice }), { minLength: 1, maxLength: 4 }),
    leaseMs: draw.leaseMs,
  })
  .map((input) =>
    jobCommand('extend', input, async (model, real, { worker, choices, leaseMs }) => {
      const leases = chooseLeases(model, worker, choices).map(({ lease }) => lease)
      const states = await handleOf(real, input.handle).extend({ leases, leaseMs })
      model.extend(leases, leaseMs, states)
    }),
  )

const error = fc.constantFrom(
  { message: 'refused', retryable: true },
  { message: 'gone', retryable: false, code: 'GONE', stack: 'at x\nat y' },
)

const outcome: Arbitrary<Outcome> = fc.oneof(
  fc.record({
    type: fc.constant('complete' as const),
    result: fc.constantFrom(null, '{"ok":1.0}'),
  }),
  fc.record({ type: fc.constant('retry' as const), delayMs: draw.delayMs, error }),
  fc.record({ type: fc.constant('release' as const), delayMs: draw.delayMs }),
  fc.record({ type: fc.constant('fail' as const), error }),
)

const drawnSettlement = fc.record({
  lease: leaseChoice,
  outcome,
  followUps: fc.array(draw.drawnFollowUp, { maxLength: 2 }),
  discard: draw.seldom,
})

const settle: Arbitrary<JobCommand> = fc
  .record({
    handle,
    worker: draw.worker,
    choices: fc.array(drawnSettlement, { minLength: 1, maxLength: 5 }),
    repeats: fc.boolean(),
    claim: fc.option(draw.claimRequest, { nil: undefined, freq: 3 }),
  })
  .map((input) =>
    jobCommand('settle', input, async (model, real, { worker, choices, repeats, claim: next }) => {
      const chosen = chooseLeases(model, worker, choices)
      const settled = new Set(chosen.map(({ lease }) => keyOf(lease)))
      const settlements = chosen.map(({ lease, outcome: how, followUps, discard }): Settlement => ({
        lease,
        outcome: how,
        followUps: followUps.flatMap((job): NewJob[] => {
          const ref = { queue: lease.queue, tenantId: lease.tenantId, id: job.jobId ?? '' }
          // History may lose its job to another that ends in this very call, and whether it did
          // before or after the follow-up looked for the id nobody can tell.
          const isSure = !model.isRetained(ref) || (model.isLive(ref) && !settled.has(keyOf(ref)))
          return isSure ? [{ ...job, queue: lease.queue, tenantId: lease.tenantId }] : []
        }),
        // Only an end is discarded; the constructors of settlements allow nothing else.
        discard: discard && (how.type === 'complete' || how.type === 'fail'),
      }))
      const store = handleOf(real, input.handle)
      const answer = await store.settle(
        next === undefined ? { settlements } : { settlements, claim: next },
      )
      model.settle(settlements, answer.results)
      if (next === undefined) expect(answer.claimed, 'no claim asked for').toBeNull()
      else if (answer.claimed === null) throw new Error('the claim was not answered')
      else model.claim(next, answer.claimed)
      if (repeats) {
        // The reply was lost, and the worker asks again through another connection.
        const again = await handleOf(real, input.handle + 1).settle({ settlements })
        model.settle(settlements, again.results)
      }
    }),
  )

const report: Arbitrary<JobCommand> = fc
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
      model.report(reports, await handleOf(real, input.handle).report(reports))
    }),
  )

interface RefChoice {
  readonly which: number
  /** `fitting`: one of those the action can change. */
  readonly from: 'fitting' | 'any'
  /** Another tenant than the job's to ask as. */
  readonly tenant: string | null | undefined
}

const refChoices: Arbitrary<RefChoice[]> = fc.array(
  fc.record({
    which: draw.choice,
    from: fc.constantFrom<RefChoice['from']>('fitting', 'any'),
    tenant: fc.oneof({ arbitrary: fc.constant(undefined), weight: 7 }, draw.tenantId),
  }),
  { maxLength: 4 },
)

/** Refs of jobs that are or were there, some under another tenant, none twice. */
function chooseRefs(
  model: ReferenceModel,
  choices: readonly RefChoice[],
  fitting: readonly JobState[],
): JobRef[] {
  const refs = new Map<string, JobRef>()
  for (const { which, from, tenant } of choices) {
    const ref = draw.pick(from === 'any' ? model.refs : model.refsIn(fitting), which)
    if (ref === undefined) continue
    const named = tenant === undefined ? ref : { ...ref, tenantId: tenant }
    refs.set(keyOf(named), named)
  }
  return [...refs.values()]
}

function action(
  name: 'cancel' | 'retry' | 'remove',
  fitting: readonly JobState[],
): Arbitrary<JobCommand> {
  return fc.record({ handle, choices: refChoices }).map((input) =>
    jobCommand(name, input, async (model, real, { choices }) => {
      const refs = chooseRefs(model, choices, fitting)
      model[name](refs, await handleOf(real, input.handle)[name](refs))
    }),
  )
}

const cancel = action('cancel', ['running'])
const retry = action('retry', ['failed', 'cancelled'])
const remove = action('remove', ['completed', 'failed', 'cancelled'])

const advance: Arbitrary<JobCommand> = fc.record({ handle, ms: draw.advanceMs }).map((input) =>
  jobCommand('advance', input, async (model, real, { ms }) => {
    await real.open.advance(ms)
    model.advance(ms)
    expect(await real.open.now(), 'the clock moves through the harness alone').toBe(model.now)
  }),
)

const crash: Arbitrary<JobCommand> = fc.record({ handle, worker: draw.worker }).map((input) =>
  jobCommand('crash', input, async (model, _real, { worker }) => {
    model.crash(worker)
  }),
)

const maintain: Arbitrary<JobCommand> = fc
  .record({
    handle,
    limit: fc.oneof({ arbitrary: fc.constant(1_000), weight: 3 }, fc.integer({ min: 1, max: 3 })),
  })
  .map((input) =>
    jobCommand('maintain', input, async (model, real, { limit }) => {
      const store = handleOf(real, input.handle)
      const done = await store.maintain({ limit })
      model.maintain(limit, done, await store.get(model.refs))
    }),
  )

const pause: Arbitrary<JobCommand> = fc
  .record({ handle, scope: draw.controlScope, on: draw.seldom })
  .map((input) =>
    jobCommand('pause', input, async (model, real, { scope, on }) => {
      const store = handleOf(real, input.handle)
      await (on ? store.pause(scope) : store.resume(scope))
      if (on) model.pause(scope)
      else model.resume(scope)
      expect(await handleOf(real, input.handle + 1).isPaused(scope), 'isPaused').toBe(on)
      const queueScope = { queue: scope.queue }
      expect(await store.isPaused(queueScope), 'isPaused').toBe(model.isPaused(queueScope))
    }),
  )

const list: Arbitrary<JobCommand> = fc
  .record({ handle, filter: draw.listFilter, limit: fc.integer({ min: 1, max: 7 }) })
  .map((input) =>
    jobCommand('list', input, async (model, real, { filter, limit }) => {
      model.list(filter, await readPages(real, input.handle, filter, limit))
    }),
  )

async function readPages(
  real: RealStore,
  through: number,
  filter: typeof draw.listFilter extends Arbitrary<infer F> ? F : never,
  limit: number,
): Promise<JobRecord[]> {
  const jobs: JobRecord[] = []
  let cursor: string | null | undefined
  for (let page = 0; cursor !== null; page += 1) {
    const answer = await handleOf(real, through + page).list(
      cursor === undefined ? { ...filter, limit } : { ...filter, limit, cursor },
    )
    expect(answer.jobs.length, 'jobs of one page').toBeLessThanOrEqual(limit)
    expect(page, 'pages').toBeLessThan(1_000)
    jobs.push(...answer.jobs)
    cursor = answer.nextCursor
  }
  return jobs
}

/** Everything that can happen to a store; the usual is in the list more often. */
export const commands: Arbitrary<JobCommand>[] = (
  [
    [enqueue, 4],
    [claim, 7],
    [settle, 6],
    [extend, 2],
    [report, 1],
    [advance, 4],
    [maintain, 3],
    [crash, 1],
    [cancel, 1],
    [retry, 1],
    [remove, 1],
    [pause, 2],
    [list, 1],
  ] as const
).flatMap(([command, weight]) => Array.from({ length: weight }, () => command))
