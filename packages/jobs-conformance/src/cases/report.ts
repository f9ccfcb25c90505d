import { complete, fail, MAX_LOG_LINES, release, retry } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs, claimOne, claimSuspect, leaseOf, read, settleOne } from '../claim-jobs.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueAll, enqueueOne, ERROR, newJobs, only, OTHER_TENANT } from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

export const reportCases: CaseGroup = {
  operation: 'report',
  cases: [
    storeCase('what an attempt reports every handle reads', async (open) => {
      const { store } = open
      const other = await open.another()
      await enqueueOne(store)
      const job = await claimOne(store)
      expect(await store.report([{ lease: job, progress: '0.5', log: ['one', 'two'] }])).toEqual([
        true,
      ])
      expect(await read(other, job)).toMatchObject({ progress: '0.5', log: ['one', 'two'] })

      expect(await other.report([{ lease: leaseOf(job), progress: '{"a":1.0}' }])).toEqual([true])
      expect(await read(store, job)).toMatchObject({ progress: '{"a":1.0}', log: ['one', 'two'] })

      expect(await store.report([{ lease: job, log: ['three'] }])).toEqual([true])
      expect(await read(store, job)).toMatchObject({
        state: 'running',
        progress: '{"a":1.0}',
        log: ['one', 'two', 'three'],
      })
    }),

    storeCase('progress and log lines are kept as they are', async ({ store }) => {
      await enqueueOne(store)
      const job = await claimOne(store)
      const lines = [
        '',
        ' spaced ',
        'two\nlines',
        '{"json":1.0}',
        '🚀 "quoted" \\ \'%s\' $1',
        'x',
        'x',
      ]
      const progress = '{"b":1.50,"a":[1e3,"\\u00e9 🚀"]}'
      await store.report([{ lease: job, progress, log: lines }])
      const record = await read(store, job)

      expect(record.log).toEqual(lines)
      expect(record.progress).toBe(progress)
    }),

    storeCase('of many log lines the newest are kept', async ({ store }) => {
      await enqueueOne(store)
      const job = await claimOne(store)
      const lines = Array.from({ length: 2 * MAX_LOG_LINES + 30 }, (_, n) => `line ${n}`)
      await store.report([{ lease: job, log: lines.slice(0, MAX_LOG_LINES + 10) }])
      expect((await read(store, job)).log).toEqual(lines.slice(10, MAX_LOG_LINES + 10))

      await store.report([{ lease: job, log: lines.slice(MAX_LOG_LINES + 10, MAX_LOG_LINES + 60) }])
      await store.report([{ lease: job, log: lines.slice(MAX_LOG_LINES + 60) }])
      expect((await read(store, job)).log).toEqual(lines.slice(-MAX_LOG_LINES))
    }),

    storeCase('the log outlives the attempt, and the next appends to it', async ({ store }) => {
      await enqueueOne(store)
      const first = await claimOne(store)
      await store.report([{ lease: first, progress: '10', log: ['first'] }])
      await settleOne(store, retry(first, ERROR, 0))
      expect(await read(store, first)).toMatchObject({ progress: '10', log: ['first'] })

      const second = await claimOne(store)
      await store.report([{ lease: second, log: ['second'] }])
      await settleOne(store, complete(second))
      expect(await read(store, first)).toMatchObject({
        state: 'completed',
        progress: '10',
        log: ['first', 'second'],
      })
    }),

    storeCase('only the holder of the lease reports', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'job'))
      await enqueueOne(store, { tenantId: OTHER_TENANT, jobId: 'job-1' })
      const jobs = await claimJobs(store)
      const job = only(jobs.filter((each) => each.id === 'job-1' && each.tenantId !== OTHER_TENANT))
      const lease = leaseOf(job)
      const said = { progress: '"forged"', log: ['forged'] }

      expect(
        await store.report([
          { lease: { ...lease, token: 'made-up' }, ...said },
          { lease: { ...lease, id: 'job-0' }, ...said },
          { lease, progress: '"mine"', log: ['mine'] },
          { lease: { ...lease, tenantId: OTHER_TENANT }, ...said },
          { lease: { ...lease, tenantId: null }, ...said },
          { lease: { ...lease, id: 'never-was' }, ...said },
          { lease: { ...lease, queue: 'mails' }, ...said },
        ]),
      ).toEqual([false, false, true, false, false, false, false])
      const records = await store.get(jobs)
      expect(records.map((record) => record?.log)).toEqual(
        jobs.map((each) => (each === job ? ['mine'] : [])),
      )
      expect(await read(store, job)).toMatchObject({ progress: '"mine"', log: ['mine'] })
    }),

    storeCase('an attempt that has ended has nothing more to say', async ({ store }) => {
      await enqueueAll(store, newJobs(4, 'job'))
      const jobs = await claimJobs(store)
      const [first, second, third, fourth] = jobs
      if (!first || !second || !third || !fourth) throw new Error('expected four jobs')
      await store.settle({
        settlements: [
          complete(first),
          fail(second, ERROR),
          retry(third, ERROR, 0),
          release(fourth, 0),
        ],
      })
      const late = jobs.map((lease) => ({ lease, progress: '"late"', log: ['late'] }))
      expect(await store.report(late)).toEqual([false, false, false, false])
      await claimJobs(store)
      expect(await store.report(late)).toEqual([false, false, false, false])

      const records = await store.get(jobs)
      expect(records.map((record) => record?.progress)).toEqual([null, null, null, null])
      expect(records.map((record) => record?.log)).toEqual([[], [], [], []])
    }),

    storeCase('a worker whose lease was taken back has nothing more to say', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const lost = only(await loseWorker(open))
      expect(await store.report([{ lease: lost, log: ['late'] }])).toEqual([false])
      const next = await claimSuspect(store)
      expect(await store.report([{ lease: lost, log: ['late'] }])).toEqual([false])
      expect(await store.report([{ lease: next, log: ['mine'] }])).toEqual([true])

      expect((await read(store, next)).log).toEqual(['mine'])
    }),

    storeCase('a report renews no lease', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = await claimOne(store, { leaseMs: 5_000 })
      await open.advance(4_000)
      await store.report([{ lease: job, progress: '1' }])
      await open.advance(1_001)

      expect(await store.maintain({ limit: 10 })).toMatchObject({ reclaimed: 1 })
    }),

    storeCase('an empty report is answered with an empty list', async ({ store }) => {
      expect(await store.report([])).toEqual([])
    }),
  ],
}
