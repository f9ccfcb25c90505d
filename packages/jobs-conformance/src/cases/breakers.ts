import {
  complete,
  DEFAULT_BREAKER,
  fail,
  pauseLimiter,
  release,
  retry,
  type ClaimedJob,
  type JobStore,
  type Settlement,
} from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimJobs,
  claimOne,
  claimRequest,
  LEASE_MS,
  maintainAll,
  settleOne,
} from '../claim-jobs.ts'
import type { OpenStore } from '../harness.ts'
import { LIMITER, limitsOf, ofLimiter, sayLimits } from '../limit-scopes.ts'
import { enqueueAll, enqueueOne, ERROR, newJobs, OTHER_TENANT } from '../new-job.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const limitsCase = caseNeeding('limits')

const COOLDOWN_MS = 5_000
const BREAKER = { failures: 3, cooldownMs: COOLDOWN_MS }

const failed = (job: ClaimedJob): Settlement => retry(job, ERROR, 3_600_000)
const failedForGood = (job: ClaimedJob): Settlement =>
  fail(job, { message: 'no such shop', retryable: false })

/** Thirty jobs of the limiter, whose breaker opens after three failures. */
async function prepare(store: JobStore): Promise<void> {
  await sayLimits(store, ofLimiter(), { breaker: BREAKER })
  await enqueueAll(store, newJobs(30, 'job', { limiter: LIMITER }))
}

/** Runs one job after the other, each to the end given. */
async function run(
  store: JobStore,
  ...ends: readonly ((job: ClaimedJob) => Settlement)[]
): Promise<void> {
  for (const end of ends) {
    expect(await settleOne(store, end(await claimOne(store)))).toBe('settled')
  }
}

async function breakerOf(store: JobStore): Promise<unknown> {
  return (await limitsOf(store, ofLimiter())).breaker
}

/** Opens the breaker and waits until it lets one try. */
async function openAndCool(open: OpenStore): Promise<void> {
  await prepare(open.store)
  await run(open.store, failed, failed, failed)
  await open.advance(COOLDOWN_MS)
}

/** When a limiter stops, and how it comes back. */
export const breakersCases: CaseGroup = {
  operation: 'breakers',
  cases: [
    limitsCase('so many failures in a row open it for the cooldown', async (open) => {
      const { store } = open
      await prepare(store)
      await run(store, failed, failed)
      expect(await breakerOf(store)).toBe('closed')
      await run(store, failed)
      expect(await limitsOf(store, ofLimiter())).toMatchObject({
        breaker: 'open',
        opensInMs: COOLDOWN_MS,
      })
      expect(await (await open.another()).claim(claimRequest())).toMatchObject({
        jobs: [],
        nextDueInMs: COOLDOWN_MS,
        awaitsRelease: false,
      })
      await open.advance(COOLDOWN_MS - 1)
      expect(await claimJobs(store)).toEqual([])
      await open.advance(1)

      expect(await claimJobs(store)).toHaveLength(1)
    }),

    limitsCase('a completion between failures begins the row anew', async ({ store }) => {
      await prepare(store)
      await run(store, failed, failed, complete, failed, failed)
      expect(await breakerOf(store)).toBe('closed')
      await run(store, failed)

      expect(await breakerOf(store)).toBe('open')
    }),

    limitsCase('the last failure of a job counts as any other', async ({ store }) => {
      await prepare(store)
      const last = (job: ClaimedJob): Settlement => fail(job, ERROR)
      await run(store, last, last, last)

      expect(await breakerOf(store)).toBe('open')
      expect(await claimJobs(store)).toEqual([])
    }),

    limitsCase(
      'what no attempt could mend and what is given back counts neither way',
      async ({ store }) => {
        await prepare(store)
        const neither = [failedForGood, (job: ClaimedJob) => release(job, 3_600_000)]
        await run(store, ...neither, ...neither, failed, ...neither, failed, ...neither)
        expect(await breakerOf(store)).toBe('closed')
        await run(store, failed)

        expect(await breakerOf(store), 'nor did it begin the row anew').toBe('open')
      },
    ),

    limitsCase('a worker that was lost is no failure of what is behind', async (open) => {
      const { store } = open
      await prepare(store)
      await run(store, failed, failed)
      await claimJobs(store, { slots: 5 })
      await open.advance(LEASE_MS + 1)
      expect(await maintainAll(store)).toMatchObject({ reclaimed: 5 })
      expect(await breakerOf(store)).toBe('closed')
      await run(store, failed)

      expect(await breakerOf(store)).toBe('open')
    }),

    limitsCase('a settlement refused or repeated counts nothing', async ({ store }) => {
      await prepare(store)
      const job = await claimOne(store)
      for (let turn = 0; turn < 4; turn += 1) {
        expect(await settleOne(store, failed(job))).toBe('settled')
        expect(await settleOne(store, failed({ ...job, token: 'stale' }))).toBe('lost')
      }
      const cancelled = await claimJobs(store, { slots: 4 })
      await store.cancel(cancelled)
      for (const each of cancelled) {
        expect(await settleOne(store, failed(each))).toBe('cancelled')
      }

      expect(await breakerOf(store)).toBe('closed')
    }),

    limitsCase('after the cooldown one job at a time may try', async (open) => {
      const { store } = open
      await openAndCool(open)
      expect(await breakerOf(store)).toBe('probing')
      expect(await claimJobs(store, { slots: 20 })).toHaveLength(1)
      expect(await claimJobs(await open.another(), { slots: 20 })).toEqual([])
      await open.advance(1_000)

      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], awaitsRelease: true })
      expect(await breakerOf(store)).toBe('probing')
    }),

    limitsCase('a try that completes closes it', async (open) => {
      const { store } = open
      await openAndCool(open)
      await run(store, complete)
      expect(await limitsOf(store, ofLimiter())).toMatchObject({ breaker: 'closed', opensInMs: 0 })
      expect(await claimJobs(store, { slots: 5 })).toHaveLength(5)
      await run(store, failed, failed)

      expect(await breakerOf(store), 'the row begins anew').toBe('closed')
    }),

    limitsCase('a try that fails opens it again for a whole cooldown', async (open) => {
      const { store } = open
      await openAndCool(open)
      const probe = await claimOne(store)
      await open.advance(1_000)
      await settleOne(store, failed(probe))
      expect(await limitsOf(store, ofLimiter())).toMatchObject({
        breaker: 'open',
        opensInMs: COOLDOWN_MS,
      })
      await open.advance(COOLDOWN_MS - 1)
      expect(await claimJobs(store)).toEqual([])
      await open.advance(1)
      await run(store, complete)

      expect(await claimJobs(store, { slots: 5 })).toHaveLength(5)
    }),

    limitsCase('a try that says nothing is followed by another', async (open) => {
      const { store } = open
      await openAndCool(open)
      await run(store, failedForGood, (job) => release(job, 3_600_000))
      expect(await breakerOf(store)).toBe('probing')
      const third = await claimJobs(store)
      expect(third).toHaveLength(1)
      await settleOne(store, complete(third[0]!))

      expect(await breakerOf(store)).toBe('closed')
    }),

    limitsCase('a try whose worker is lost is followed by another', async (open) => {
      const { store } = open
      await openAndCool(open)
      await claimOne(store)
      await open.advance(LEASE_MS + 1)
      expect(await claimJobs(store), 'it counts until it is taken back').toEqual([])
      await maintainAll(store)

      expect(await claimJobs(store, { slots: 9 })).toHaveLength(1)
    }),

    limitsCase('a cancelled try holds its place until its worker lets go', async (open) => {
      const { store } = open
      await openAndCool(open)
      const probe = await claimOne(store)
      await store.cancel([probe])
      expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(probe))

      expect(await claimJobs(store)).toHaveLength(1)
      expect(await breakerOf(store)).toBe('probing')
    }),

    limitsCase('an outside that asks the try to wait is let wait, and then tried', async (open) => {
      const { store } = open
      await openAndCool(open)
      await run(store, (job) => pauseLimiter(job, 7_000))
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: 7_000 })
      await open.advance(7_000)

      expect(await claimJobs(store, { slots: 9 })).toHaveLength(1)
    }),

    limitsCase('handles racing for the try begin one', async (open) => {
      const handles = [open.store, await open.another()]
      await openAndCool(open)
      const claims = await Promise.all(
        Array.from({ length: 8 }, (_, index) => claimJobs(handles[index % 2]!)),
      )

      expect(claims.flat()).toHaveLength(1)
    }),

    limitsCase("an open breaker is its own tenant's and limiter's", async (open) => {
      const { store } = open
      await prepare(store)
      await run(store, failed, failed, failed)
      await enqueueAll(store, newJobs(2, 'plain'))
      await enqueueAll(store, newJobs(2, 'bank', { limiter: 'bank-api' }))
      await enqueueAll(store, newJobs(2, 'job', { limiter: LIMITER, tenantId: OTHER_TENANT }))
      const other = await limitsOf(store, ofLimiter(OTHER_TENANT))

      expect(other.breaker).toBe('closed')
      expect(await claimJobs(store)).toHaveLength(6)
    }),

    limitsCase('a breaker outlives the jobs of its limiter', async (open) => {
      const { store } = open
      const discarded = (job: ClaimedJob): Settlement => fail(job, ERROR, true)
      const given = { limiter: LIMITER }
      await sayLimits(store, ofLimiter(), { breaker: BREAKER })
      for (let failures = 1; failures <= BREAKER.failures; failures += 1) {
        expect(await breakerOf(store)).toBe('closed')
        await enqueueOne(store, given)
        await run(store, discarded)
        await maintainAll(store)
      }
      expect(await breakerOf(store)).toBe('open')
      await open.advance(COOLDOWN_MS)
      await maintainAll(store)
      expect(await breakerOf(store)).toBe('probing')
      await enqueueAll(store, newJobs(5, 'job', given))

      expect(await claimJobs(store)).toHaveLength(1)
    }),

    limitsCase('a limiter of which nothing is said has a breaker', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(30, 'job', { limiter: LIMITER }))
      await run(store, ...Array.from({ length: DEFAULT_BREAKER.failures - 1 }, () => failed))
      expect(await breakerOf(store)).toBe('closed')
      await run(store, failed)
      expect(await claimJobs(store)).toEqual([])
      await open.advance(DEFAULT_BREAKER.cooldownMs)

      expect(await claimJobs(store, { slots: 9 })).toHaveLength(1)
    }),

    limitsCase("with 'none' nothing opens", async ({ store }) => {
      await prepare(store)
      await sayLimits(store, ofLimiter(), { breaker: 'none' })
      await run(store, ...Array.from({ length: 15 }, () => failed))

      expect(await claimJobs(store, { slots: 5 })).toHaveLength(5)
    }),

    limitsCase("'none' said of an open one lets all start", async ({ store }) => {
      await prepare(store)
      await run(store, failed, failed, failed)
      await sayLimits(store, ofLimiter(), { breaker: 'none' })

      expect(await claimJobs(store, { slots: 5 })).toHaveLength(5)
    }),

    limitsCase('a breaker and a concurrency of the limiter both hold', async (open) => {
      const { store } = open
      await openAndCool(open)
      await sayLimits(store, ofLimiter(), { concurrency: 4 })
      expect(await claimJobs(store, { slots: 9 })).toHaveLength(1)
    }),
  ],
}
