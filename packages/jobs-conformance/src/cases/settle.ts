import { complete, fail, release, retry, type Settlement } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  claimSuspect,
  idsOf,
  leaseOf,
  maintainAll,
  read,
  refOf,
  settleOne,
  stateOf,
} from '../claim-jobs.ts'
import { loseWorker } from '../lose-worker.ts'
import {
  enqueueAll,
  enqueueOne,
  ERROR,
  newJob,
  newJobs,
  only,
  OTHER_TENANT,
  QUEUE,
} from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

export const settleCases: CaseGroup = {
  operation: 'settle',
  cases: [
    storeCase("a tenant cannot settle another tenant's job", async ({ store }) => {
      await enqueueOne(store)
      const job = await claimOne(store)
      for (const tenantId of [OTHER_TENANT, null]) {
        expect(await settleOne(store, complete({ ...job, tenantId }))).toBe('lost')
      }
      expect(await settleOne(store, complete(job))).toBe('settled')
    }),

    storeCase('a completed job keeps its result byte for byte and when it ended', async (open) => {
      const { store } = open
      const other = await open.another()
      await enqueueOne(store)
      const job = await claimOne(store)
      await open.advance(700)
      const now = await open.now()
      const result = '{"z":1.0,"a":[12345678901234567890,"✓ \\u00e9"]}'
      expect(await settleOne(store, complete(job, result))).toBe('settled')

      expect(await read(other, job)).toMatchObject({
        state: 'completed',
        result,
        error: null,
        attempts: 1,
        startedAt: now - 700,
        endedAt: now,
        updatedAt: now,
      })
    }),

    storeCase('a job may complete without a result', async ({ store }) => {
      await enqueueOne(store)
      const job = await claimOne(store)
      await settleOne(store, complete(job))

      expect(await read(store, job)).toMatchObject({ state: 'completed', result: null })
    }),

    storeCase("a failed attempt is spent and the job waits by the store's clock", async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = await claimOne(store)
      await open.advance(500)
      const now = await open.now()
      const error = {
        message: 'timeout',
        retryable: true,
        code: 'ETIMEDOUT',
        stack: 'at shop\n  x',
      }
      expect(await settleOne(store, retry(job, error, 4_000))).toBe('settled')

      expect(await read(store, job)).toMatchObject({
        state: 'pending',
        attempts: 1,
        releases: 0,
        runAt: now + 4_000,
        endedAt: null,
        result: null,
        error,
      })
      await open.advance(3_999)
      expect(await claimJobs(store)).toEqual([])
      await open.advance(1)
      expect(await claimOne(store)).toMatchObject({ id: job.id, attempts: 2, error })
    }),

    storeCase(
      'an attempt given back is not spent, and the job waits as long as told',
      async (open) => {
        const { store } = open
        await enqueueOne(store)
        const job = await claimOne(store)
        const now = await open.now()
        expect(await settleOne(store, release(job, 4_000))).toBe('settled')

        expect(await read(store, job)).toMatchObject({
          state: 'pending',
          attempts: 0,
          releases: 1,
          lostLeases: 0,
          runAt: now + 4_000,
          endedAt: null,
          error: null,
        })
        await open.advance(3_999)
        expect(await claimJobs(store)).toEqual([])
        await open.advance(1)
        expect(await claimOne(store)).toMatchObject({ id: job.id, attempts: 1, releases: 1 })
      },
    ),

    storeCase(
      'an attempt given back or failed without delay can begin again at once',
      async (open) => {
        const { store } = open
        await enqueueOne(store)
        await settleOne(store, release(await claimOne(store)))
        await settleOne(store, retry(await claimOne(store), ERROR, 0))

        expect(await claimOne(store)).toMatchObject({ attempts: 2, releases: 1 })
      },
    ),

    storeCase('delays of retries and releases may be longer than 2³¹ ms', async (open) => {
      const { store } = open
      const delayMs = 2 ** 31 + 1_000
      await enqueueAll(store, newJobs(2, 'job'))
      const [first, second] = await claimJobs(store)
      if (first === undefined || second === undefined) throw new Error('expected two jobs')
      await store.settle({
        settlements: [retry(first, ERROR, delayMs), release(second, delayMs)],
      })
      await open.advance(2 ** 31)
      expect(await claimJobs(store)).toEqual([])

      await open.advance(1_000)
      expect(await claimJobs(store)).toHaveLength(2)
    }),

    storeCase(
      'a job that failed for good keeps its error and is not claimed again',
      async (open) => {
        const { store } = open
        await enqueueOne(store)
        const job = await claimOne(store)
        await open.advance(100)
        const now = await open.now()
        const error = { message: 'order was deleted', retryable: false, code: 'ORDER_GONE' }
        expect(await settleOne(store, fail(job, error))).toBe('settled')

        const record = await read(store, job)
        expect(record).toMatchObject({ state: 'failed', attempts: 1, endedAt: now, result: null })
        expect(record.error).toEqual(error)
        await open.advance(86_400_000)
        expect(await claimJobs(store)).toEqual([])
      },
    ),

    storeCase('the last error stays until the job completes', async ({ store }) => {
      await enqueueOne(store)
      const first = await claimOne(store)
      await settleOne(store, retry(first, { message: 'first', retryable: true }, 0))
      const second = await claimOne(store)
      expect(second.error?.message).toBe('first')
      await settleOne(store, release(second))
      expect((await read(store, first)).error?.message).toBe('first')
      const third = await claimOne(store)
      await settleOne(store, retry(third, { message: 'second', retryable: true }, 0))
      expect((await read(store, first)).error?.message).toBe('second')

      await settleOne(store, complete(await claimOne(store)))
      expect((await read(store, first)).error).toBeNull()
    }),

    storeCase('a made-up token settles nothing', async ({ store }) => {
      await enqueueOne(store)
      const job = await claimOne(store)
      const before = await read(store, job)
      for (const token of ['made-up', '', job.token.toUpperCase() + '0', `${job.token} `]) {
        const lease = { ...leaseOf(job), token }
        expect(await settleOne(store, complete(lease, '1'))).toBe('lost')
        expect(await settleOne(store, fail(lease, ERROR))).toBe('lost')
        expect(await settleOne(store, retry(lease, ERROR, 0))).toBe('lost')
        expect(await settleOne(store, release(lease))).toBe('lost')
      }

      expect(await read(store, job)).toEqual(before)
    }),

    storeCase('a token settles its own job alone', async ({ store }) => {
      await enqueueAll(store, newJobs(2, 'job'))
      await enqueueOne(store, { tenantId: OTHER_TENANT, jobId: 'job-0' })
      const jobs = await claimJobs(store)
      const job = only(jobs.filter((each) => each.id === 'job-1'))
      const { results } = await store.settle({
        settlements: [
          complete({ ...leaseOf(job), id: 'job-0' }),
          complete({ ...leaseOf(job), tenantId: OTHER_TENANT, id: 'job-0' }),
          complete({ ...leaseOf(job), tenantId: OTHER_TENANT }),
          complete({ ...leaseOf(job), tenantId: null }),
          complete({ ...leaseOf(job), queue: 'mails' }),
        ],
      })

      expect(results).toEqual(['lost', 'lost', 'lost', 'lost', 'lost'])
      const records = await store.get(jobs.map(refOf))
      expect(records.map((record) => record?.state)).toEqual(['running', 'running', 'running'])
    }),

    storeCase('a worker whose lease was taken back cannot settle the job', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = only(await loseWorker(open))
      const before = await read(store, job)

      for (const late of [
        complete(job, '"late"'),
        retry(job, ERROR, 0),
        release(job),
        fail(job, ERROR),
      ]) {
        expect(await settleOne(store, late)).toBe('lost')
      }
      expect(await read(store, job)).toEqual(before)
    }),

    storeCase(
      'a worker whose lease was taken back cannot settle for the next one',
      async (open) => {
        const { store } = open
        await enqueueOne(store)
        const first = only(await loseWorker(open))
        const second = only(await loseWorker(open, { suspects: true }))
        const third = await claimSuspect(store)

        expect(await settleOne(store, complete(first, '1'))).toBe('lost')
        expect(await settleOne(store, fail(second, ERROR))).toBe('lost')
        expect(await read(store, third)).toMatchObject({ state: 'running', lostLeases: 2 })
        expect(await settleOne(store, complete(third, '3'))).toBe('settled')
        expect(await read(store, third)).toMatchObject({ state: 'completed', result: '3' })
      },
    ),

    storeCase('the token of an attempt that was given back is dead', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const first = await claimOne(store)
      await settleOne(store, release(first))
      await settleOne(store, complete(first, '"too late"'))
      expect(await stateOf(store, first)).toBe('pending')

      const second = await claimOne(store)
      expect(second.attempts).toBe(first.attempts)
      expect(await settleOne(store, complete(first, '"too late"'))).toBe('lost')
      expect(await stateOf(store, first)).toBe('running')
      expect(await settleOne(store, complete(second, '"mine"'))).toBe('settled')
      expect((await read(store, first)).result).toBe('"mine"')
    }),

    storeCase(
      'the token of an attempt that failed is dead once the next has begun',
      async (open) => {
        const { store } = open
        await enqueueOne(store)
        const first = await claimOne(store)
        await settleOne(store, retry(first, ERROR, 0))
        const second = await claimOne(store)

        expect(await settleOne(store, retry(first, ERROR, 0))).toBe('lost')
        expect(await settleOne(store, complete(first))).toBe('lost')
        expect(await read(store, second)).toMatchObject({ state: 'running', attempts: 2 })
      },
    ),

    storeCase('an expired lease that nobody took back can still settle', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = await claimOne(store, { leaseMs: 5_000 })
      await open.advance(60_000)

      expect(await settleOne(store, complete(job, '1'))).toBe('settled')
      expect(await maintainAll(store)).toMatchObject({ reclaimed: 0 })
      expect(await read(store, job)).toMatchObject({ state: 'completed', lostLeases: 0 })
    }),

    storeCase('a settlement repeated answers the same and changes nothing', async (open) => {
      const { store } = open
      const other = await open.another()
      await enqueueAll(store, newJobs(4, 'job'))
      const [first, second, third, fourth] = await claimJobs(store)
      if (!first || !second || !third || !fourth) throw new Error('expected four jobs')
      const settlements = [
        complete(first, '{"paid":true}'),
        retry(second, ERROR, 5_000),
        release(third, 5_000),
        fail(fourth, ERROR),
      ]
      const refs = settlements.map((settlement) => refOf(settlement.lease))
      expect((await store.settle({ settlements })).results).toEqual(Array(4).fill('settled'))
      const before = await store.get(refs)

      await open.advance(1_000)
      expect((await store.settle({ settlements })).results).toEqual(Array(4).fill('settled'))
      expect((await other.settle({ settlements })).results).toEqual(Array(4).fill('settled'))
      expect(await store.get(refs)).toEqual(before)
      expect(before.map((record) => record?.attempts)).toEqual([1, 1, 0, 1])
      expect(before.map((record) => record?.releases)).toEqual([0, 0, 1, 0])
    }),

    storeCase('a settlement repeated with another outcome changes nothing', async ({ store }) => {
      await enqueueAll(store, newJobs(2, 'job'))
      const [first, second] = await claimJobs(store)
      if (first === undefined || second === undefined) throw new Error('expected two jobs')
      await store.settle({ settlements: [complete(first, '1'), retry(second, ERROR, 60_000)] })
      const before = await store.get([refOf(first), refOf(second)])

      await store.settle({ settlements: [fail(first, ERROR), complete(second, '2')] })
      await store.settle({ settlements: [retry(first, ERROR, 0), release(second)] })
      expect(await store.get([refOf(first), refOf(second)])).toEqual(before)
      expect(await claimJobs(store)).toEqual([])
    }),

    storeCase('a settlement repeated enqueues its follow-ups once', async (open) => {
      const { store } = open
      const other = await open.another()
      await enqueueOne(store, { jobId: 'parent' })
      const parent = await claimOne(store)
      const settlement = complete(parent, null, {
        followUps: [newJob({ name: 'follow-up' }), newJob({ name: 'follow-up' })],
      })
      expect(await settleOne(store, settlement)).toBe('settled')
      expect(await settleOne(store, settlement)).toBe('settled')
      expect(await settleOne(other, settlement)).toBe('settled')

      expect((await claimEverything(store)).map((job) => job.name)).toEqual([
        'follow-up',
        'follow-up',
      ])
    }),

    storeCase('a refused settlement does not stop the others of its batch', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(6, 'job'))
      const lost = await claimJobs(store, { slots: 1, leaseMs: 1_000 })
      await open.advance(1_001)
      await maintainAll(store)
      const jobs = [...lost, ...(await claimJobs(store))]
      const byId = (id: string) => only(jobs.filter((job) => job.id === id))
      await store.cancel([refOf(byId('job-2'))])

      const { results } = await store.settle({
        settlements: [
          complete(byId('job-5')),
          complete(byId('job-0')),
          fail(byId('job-4'), ERROR),
          complete(byId('job-2')),
          complete({ ...leaseOf(byId('job-1')), token: 'made-up' }),
          retry(byId('job-3'), ERROR, 1_000),
          complete({ ...leaseOf(byId('job-1')), id: 'never-was' }),
        ],
      })
      expect(results).toEqual([
        'settled',
        'lost',
        'settled',
        'cancelled',
        'lost',
        'settled',
        'lost',
      ])
      const records = await store.get(
        ['job-5', 'job-0', 'job-4', 'job-2', 'job-1', 'job-3'].map((id) => refOf(byId(id))),
      )
      expect(records.map((record) => record?.state)).toEqual([
        'completed',
        'pending',
        'failed',
        'cancelled',
        'running',
        'pending',
      ])
    }),

    storeCase('follow-ups are enqueued with the outcome, whatever it is', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(4, 'parent', { priority: 9 }))
      const [first, second, third, fourth] = await claimJobs(store)
      if (!first || !second || !third || !fourth) throw new Error('expected four jobs')
      const followUps = (name: string) => [newJob({ name, payload: '{"n":1.0}', delayMs: 2_000 })]
      const settlements: Settlement[] = [
        complete(first, null, { followUps: followUps('after-complete') }),
        { ...fail(second, ERROR), followUps: followUps('after-fail') },
        { ...retry(third, ERROR, 60_000), followUps: followUps('after-retry') },
        { ...release(fourth, 60_000), followUps: followUps('after-release') },
      ]
      expect((await store.settle({ settlements })).results).toEqual(Array(4).fill('settled'))
      expect(await claimJobs(store)).toEqual([])

      await open.advance(2_000)
      const claimed = await claimJobs(store)
      expect(claimed.map((job) => job.name).sort()).toEqual([
        'after-complete',
        'after-fail',
        'after-release',
        'after-retry',
      ])
      expect(claimed[0]).toMatchObject({ payload: '{"n":1.0}', attempts: 1, generation: 1 })
    }),

    storeCase('follow-ups of one settlement keep their order and priority', async ({ store }) => {
      await enqueueOne(store)
      const parent = await claimOne(store)
      await settleOne(
        store,
        complete(parent, null, {
          followUps: [
            newJob({ jobId: 'c' }),
            newJob({ jobId: 'b', priority: 1 }),
            newJob({ jobId: 'a' }),
          ],
        }),
      )

      expect(idsOf(await claimJobs(store))).toEqual(['b', 'c', 'a'])
    }),

    storeCase('a refused settlement enqueues none of its follow-ups', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(3, 'job'))
      const jobs = await claimJobs(store)
      const byId = (id: string) => only(jobs.filter((job) => job.id === id))
      await store.cancel([refOf(byId('job-1'))])
      const followUps = [newJob({ name: 'follow-up' })]
      const { results } = await store.settle({
        settlements: [
          complete({ ...leaseOf(byId('job-0')), token: 'made-up' }, null, { followUps }),
          complete(byId('job-1'), null, { followUps }),
          complete({ ...leaseOf(byId('job-2')), id: 'never-was' }, null, { followUps }),
        ],
      })

      expect(results).toEqual(['lost', 'cancelled', 'lost'])
      expect(await claimJobs(store)).toEqual([])
      expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0, running: 2 })
    }),

    storeCase(
      'the follow-ups of a worker whose lease was taken back are not enqueued',
      async (open) => {
        const { store } = open
        await enqueueOne(store)
        const job = only(await loseWorker(open))
        const late = complete(job, null, { followUps: [newJob({ jobId: 'orphan' })] })

        expect(await settleOne(store, late)).toBe('lost')
        expect(await stateOf(store, { ...refOf(job), id: 'orphan' })).toBeNull()
      },
    ),

    storeCase(
      'a follow-up that is there already is left out and the outcome recorded',
      async (open) => {
        const { store } = open
        const taken = await enqueueOne(store, { jobId: 'taken', delayMs: 60_000 })
        await enqueueOne(store, { jobId: 'parent' })
        const parent = await claimOne(store)
        const settlement = complete(parent, '1', {
          followUps: [newJob({ jobId: 'taken', priority: 5 }), newJob({ jobId: 'fresh' })],
        })

        expect(await settleOne(store, settlement)).toBe('settled')
        expect(await stateOf(store, parent)).toBe('completed')
        expect(await read(store, taken)).toMatchObject({ state: 'pending', priority: 0 })
        expect(idsOf(await claimJobs(store))).toEqual(['fresh'])
      },
    ),

    storeCase(
      'a follow-up whose id belongs to another job refuses its settlement, and the lease stays',
      async ({ store }) => {
        await enqueueOne(store, { jobId: 'taken', delayMs: 60_000, payload: '"old"' })
        await enqueueAll(store, newJobs(2, 'parent'))
        const [first, second] = await claimJobs(store)
        if (first === undefined || second === undefined) throw new Error('expected two jobs')
        const followUps = [newJob({ name: 'fresh' }), newJob({ jobId: 'taken', payload: '"new"' })]
        const { results } = await store.settle({
          settlements: [complete(first, '1', { followUps }), complete(second, '2')],
        })

        expect(results).toEqual([
          { status: 'conflict', index: 1, holderName: 'send-invoice' },
          'settled',
        ])
        expect(await stateOf(store, first)).toBe('running')
        expect(await claimJobs(store)).toEqual([])
        expect(await settleOne(store, fail(first, ERROR))).toBe('settled')
      },
    ),

    storeCase('workers racing to settle with one token record one outcome', async (open) => {
      const handles = [open.store, await open.another()]
      for (let round = 0; round < 10; round += 1) {
        await enqueueOne(open.store, { jobId: `parent-${round}`, priority: 1 })
        const parent = await claimOne(open.store)
        const answers = await Promise.all(
          Array.from({ length: 4 }, async (_, index) => {
            const handle = handles[index % 2] ?? open.store
            return settleOne(
              handle,
              complete(parent, `${index}`, {
                followUps: [newJob({ name: `after-${index}` })],
              }),
            )
          }),
        )

        expect(answers).toContain('settled')
        const followUp = only(await claimJobs(open.store))
        expect(followUp.name).toBe(`after-${(await read(open.store, parent)).result}`)
        await settleOne(open.store, complete(followUp))
      }
    }),

    storeCase('a discarded job leaves nothing behind', async ({ store }) => {
      await enqueueAll(store, newJobs(2, 'job'))
      const [first, second] = await claimJobs(store)
      if (first === undefined || second === undefined) throw new Error('expected two jobs')
      const followUps = [newJob({ jobId: 'next' })]
      const { results } = await store.settle({
        settlements: [
          complete(first, '1', { discard: true, followUps }),
          fail(second, ERROR, true),
        ],
      })

      expect(results).toEqual(['settled', 'settled'])
      expect(await store.get([refOf(first), refOf(second)])).toEqual([null, null])
      expect(await store.counts({ queue: QUEUE })).toMatchObject({ completed: 0, failed: 0 })
      expect(idsOf(await claimJobs(store))).toEqual(['next'])
    }),

    storeCase('a discarded job is not enqueued again by a repeated settlement', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = await claimOne(store)
      const settlement = complete(job, null, {
        discard: true,
        followUps: [newJob({ name: 'follow-up' })],
      })
      expect(await settleOne(store, settlement)).toBe('settled')
      await settleOne(store, settlement)

      expect(await stateOf(store, job)).toBeNull()
      expect(await claimJobs(store)).toHaveLength(1)
    }),

    storeCase('what one handle settled every handle reads', async (open) => {
      const { store } = open
      const other = await open.another()
      const refs = await enqueueAll(store, newJobs(1_000, 'job'))
      const jobs = await claimEverything(other, { slots: 1_000 })
      const { results } = await other.settle({
        settlements: jobs.map((job) => complete(job, JSON.stringify(job.id))),
      })
      const records = await store.get(refs)

      expect(new Set(results)).toEqual(new Set(['settled']))
      expect(results).toHaveLength(1_000)
      expect(records.map((record) => record?.result)).toEqual(
        refs.map((ref) => JSON.stringify(ref.id)),
      )
      expect(await store.counts({ queue: QUEUE })).toMatchObject({ running: 0, completed: 1_000 })
    }),

    storeCase('an empty settle is answered with an empty list and no claim', async ({ store }) => {
      expect(await store.settle({ settlements: [] })).toEqual({ results: [], claimed: null })
    }),
  ],
}
