import { complete, fail, release, retry, type JobFilter, type JobStatus } from '@cgk/jobs-core'
import type { JobRecord, JobStore } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs, claimOne, idsOf, read, refOf } from '../claim-jobs.ts'
import type { OpenStore } from '../harness.ts'
import { enqueueAll, enqueueOne, ERROR, newJob, newJobs, OTHER_TENANT, QUEUE } from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

type ListFilter = JobFilter & { readonly statuses?: readonly JobStatus[] }

/** Reads every page and calls `between` after each. */
async function listPages(
  store: JobStore,
  filter: ListFilter,
  limit: number,
  between: (page: number) => Promise<void> = async () => {},
): Promise<JobRecord[][]> {
  const pages: JobRecord[][] = []
  let cursor: string | null = null
  do {
    const answer: Awaited<ReturnType<JobStore['list']>> = await store.list(
      cursor === null ? { ...filter, limit } : { ...filter, limit, cursor },
    )
    expect(answer.jobs.length, 'jobs of one page').toBeLessThanOrEqual(limit)
    pages.push([...answer.jobs])
    cursor = answer.nextCursor
    expect(pages.length, 'pages').toBeLessThan(1_000)
    if (cursor !== null) await between(pages.length)
  } while (cursor !== null)
  return pages
}

async function listIds(store: JobStore, filter: ListFilter): Promise<string[]> {
  return idsOf((await listPages(store, filter, 100)).flat())
}

/** Enqueues jobs each in its own millisecond, so that their age is no tie. */
async function enqueueApart(open: OpenStore, count: number, prefix: string): Promise<void> {
  for (const job of newJobs(count, prefix)) {
    await open.store.enqueue([job])
    await open.advance(1)
  }
}

export const listCases: CaseGroup = {
  operation: 'list',
  cases: [
    storeCase('jobs are listed newest first, whatever became of them', async (open) => {
      const { store } = open
      await enqueueApart(open, 4, 'job')
      await store.settle({ settlements: [complete(await claimOne(store))] })

      expect(await listIds(store, { queue: QUEUE })).toEqual(['job-3', 'job-2', 'job-1', 'job-0'])
    }),

    storeCase('a list shows records as get does, but for the log', async (open) => {
      const { store } = open
      await enqueueOne(store, { metadata: '{"a": 1}', delayMs: 0 })
      const job = await claimOne(store)
      await store.report([{ lease: job, progress: '50', log: ['line'] }])
      const { jobs, nextCursor } = await store.list({ queue: QUEUE, limit: 10 })

      expect(jobs).toEqual([{ ...(await read(store, job)), log: [] }])
      expect(nextCursor).toBeNull()
    }),

    storeCase('pages together show every job once', async (open) => {
      await enqueueApart(open, 23, 'job')
      const pages = await listPages(open.store, { queue: QUEUE }, 5)

      expect(idsOf(pages.flat())).toEqual(Array.from({ length: 23 }, (_, n) => `job-${22 - n}`))
    }),

    storeCase('jobs created in one millisecond are neither repeated nor left out', async (open) => {
      const refs = await enqueueAll(open.store, [
        ...newJobs(20, 'job'),
        ...newJobs(20, 'job', { tenantId: OTHER_TENANT }),
        ...newJobs(20, 'job', { tenantId: null, priority: 3 }),
      ])
      const jobs = (await listPages(open.store, { queue: QUEUE }, 7)).flat()
      const name = (job: { tenantId: string | null; id: string }) => `${job.tenantId} ${job.id}`

      expect(jobs.map(name).sort()).toEqual(refs.map(name).sort())
    }),

    storeCase('no page repeats a job while jobs are added between pages', async (open) => {
      const { store } = open
      await enqueueApart(open, 20, 'job')
      const pages = await listPages(store, { queue: QUEUE }, 4, async (page) => {
        await store.enqueue(newJobs(3, `added-${page}`))
        await open.advance(1)
      })
      const ids = idsOf(pages.flat())

      expect(new Set(ids).size).toBe(ids.length)
      expect(ids.filter((id) => id.startsWith('job-'))).toHaveLength(20)
    }),

    storeCase(
      'no page skips or repeats a job while jobs are removed between pages',
      async (open) => {
        const { store } = open
        await enqueueApart(open, 20, 'job')
        // Removes jobs that were shown, the last shown among them, and one that was not yet.
        const pages = await listPages(store, { queue: QUEUE }, 4, async (page) => {
          const shown = 20 - page * 4
          const gone = page === 1 ? [19, 16, 3] : [shown, shown + 1]
          await store.remove(gone.map((n) => ({ queue: QUEUE, tenantId: 'acme', id: `job-${n}` })))
        })
        const ids = idsOf(pages.flat())

        expect(ids).toEqual(
          Array.from({ length: 20 }, (_, n) => `job-${19 - n}`).filter((id) => id !== 'job-3'),
        )
      },
    ),

    storeCase(
      'a long list is paged through though whole stretches of it are removed',
      async (open) => {
        const { store } = open
        for (let n = 0; n < 8; n += 1) {
          await store.enqueue(newJobs(100, `hundred-${n}`))
          await open.advance(1)
        }
        const everything = idsOf((await listPages(store, { queue: QUEUE }, 100)).flat())
        const missed = new Set<string>()
        const left = new Set(everything)
        const shown: string[] = []
        let cursor: string | null | undefined
        while (cursor !== null) {
          const answer: Awaited<ReturnType<JobStore['list']>> = await store.list(
            cursor === undefined
              ? { queue: QUEUE, limit: 30 }
              : { queue: QUEUE, limit: 30, cursor },
          )
          shown.push(...idsOf(answer.jobs))
          cursor = answer.nextCursor
          // A stretch around the cursor goes: jobs that were shown and jobs that were to come.
          const next = everything.indexOf(shown.at(-1) ?? '') + 1
          const gone = everything.slice(Math.max(0, next - 20), next + 70)
          for (const id of gone) {
            left.delete(id)
            if (!shown.includes(id)) missed.add(id)
          }
          await store.remove(gone.map((id) => ({ queue: QUEUE, tenantId: 'acme', id })))
        }

        expect(everything).toHaveLength(800)
        expect(shown).toEqual(everything.filter((id) => !missed.has(id)))
        expect(idsOf((await listPages(store, { queue: QUEUE }, 30)).flat())).toEqual([...left])
        expect(left.size).toBeGreaterThan(50)
      },
    ),

    storeCase('no page repeats a job while jobs change state between pages', async (open) => {
      const { store } = open
      await enqueueApart(open, 20, 'job')
      const pages = await listPages(store, { queue: QUEUE }, 4, async () => {
        const jobs = await claimJobs(store, { slots: 3 })
        await store.settle({
          settlements: jobs.map((job, index) =>
            index === 0 ? complete(job) : index === 1 ? retry(job, ERROR, 0) : fail(job, ERROR),
          ),
        })
      })

      expect(idsOf(pages.flat())).toEqual(Array.from({ length: 20 }, (_, n) => `job-${19 - n}`))
    }),

    storeCase('a filtered list pages through the jobs that pass', async (open) => {
      const { store } = open
      await enqueueApart(open, 20, 'job')
      await store.cancel(
        Array.from({ length: 10 }, (_, n) => ({
          queue: QUEUE,
          tenantId: 'acme',
          id: `job-${2 * n}`,
        })),
      )
      const pages = await listPages(store, { queue: QUEUE, statuses: ['cancelled'] }, 3)

      expect(idsOf(pages.flat())).toEqual(Array.from({ length: 10 }, (_, n) => `job-${18 - 2 * n}`))
    }),

    storeCase('statuses are told apart, the derived ones among them', async (open) => {
      const { store } = open
      await enqueueAll(store, [
        newJob({ jobId: 'retrying', priority: 9 }),
        newJob({ jobId: 'snoozed', priority: 8 }),
        newJob({ jobId: 'failed', priority: 7 }),
        newJob({ jobId: 'completed', priority: 6 }),
        newJob({ jobId: 'running', priority: 5 }),
        newJob({ jobId: 'cancelled', delayMs: 9_000 }),
        newJob({ jobId: 'scheduled', delayMs: 5_000 }),
        newJob({ jobId: 'pending' }),
      ])
      const [first, second, third, fourth, fifth] = await claimJobs(store, { slots: 5 })
      if (!first || !second || !third || !fourth || !fifth) throw new Error('expected five jobs')
      await store.cancel([{ ...refOf(first), id: 'cancelled' }])
      await store.settle({
        settlements: [
          retry(first, ERROR, 5_000),
          release(second, 5_000),
          fail(third, ERROR),
          complete(fourth),
        ],
      })
      const sorted = async (...statuses: JobStatus[]) =>
        (await listIds(store, { queue: QUEUE, statuses })).sort()

      expect(await sorted('pending')).toEqual(['pending'])
      expect(await sorted('scheduled')).toEqual(['scheduled', 'snoozed'])
      expect(await sorted('retrying')).toEqual(['retrying'])
      expect(await sorted('running')).toEqual(['running'])
      expect(await sorted('completed')).toEqual(['completed'])
      expect(await sorted('failed')).toEqual(['failed'])
      expect(await sorted('cancelled')).toEqual(['cancelled'])
      expect(await sorted('failed', 'running', 'scheduled')).toEqual([
        'failed',
        'running',
        'scheduled',
        'snoozed',
      ])

      // Time alone makes a scheduled job pending; one that has failed stays a retrying one.
      await open.advance(5_000)
      expect(await sorted('pending')).toEqual(['pending', 'scheduled', 'snoozed'])
      expect(await sorted('scheduled')).toEqual([])
      expect(await sorted('retrying')).toEqual(['retrying'])
    }),

    storeCase('a cancelled job that a worker still holds is listed once', async ({ store }) => {
      await enqueueAll(store, newJobs(3, 'job'))
      const [held] = await claimJobs(store, { slots: 2 })
      await store.cancel([refOf(held!)])
      const listed = await listIds(store, { queue: QUEUE, statuses: ['running', 'cancelled'] })

      expect(listed.sort()).toEqual(['job-0', 'job-1'])
    }),

    storeCase('names and tenants filter, alone and together', async ({ store }) => {
      await enqueueAll(store, [
        newJob({ jobId: '1', name: 'mail' }),
        newJob({ jobId: '2', name: 'sync' }),
        newJob({ jobId: '3', name: 'mail', tenantId: OTHER_TENANT }),
        newJob({ jobId: '4', name: 'report', tenantId: OTHER_TENANT }),
        newJob({ jobId: '5', name: 'mail', tenantId: null }),
        newJob({ jobId: '6', name: 'mail', queue: 'mails' }),
      ])
      const sorted = async (filter: Omit<ListFilter, 'queue'>) =>
        (await listIds(store, { queue: QUEUE, ...filter })).sort()

      expect(await sorted({})).toEqual(['1', '2', '3', '4', '5'])
      expect(await sorted({ names: ['mail'] })).toEqual(['1', '3', '5'])
      expect(await sorted({ names: ['sync', 'report'] })).toEqual(['2', '4'])
      expect(await sorted({ names: ['nothing'] })).toEqual([])
      expect(await sorted({ tenantId: OTHER_TENANT })).toEqual(['3', '4'])
      expect(await sorted({ tenantId: null })).toEqual(['5'])
      expect(await sorted({ tenantId: OTHER_TENANT, names: ['mail'] })).toEqual(['3'])
      expect(await sorted({ tenantId: null, names: ['mail'], statuses: ['running'] })).toEqual([])
      expect(await sorted({ tenantId: 'unknown' })).toEqual([])
    }),

    storeCase('an unknown queue has an empty list', async ({ store }) => {
      expect(await store.list({ queue: 'nothing', limit: 10 })).toEqual({
        jobs: [],
        nextCursor: null,
      })
    }),

    storeCase('a cursor of one handle works in another', async (open) => {
      const other = await open.another()
      await enqueueApart(open, 6, 'job')
      const first = await open.store.list({ queue: QUEUE, limit: 4 })
      if (first.nextCursor === null) throw new Error('expected another page')
      const second = await other.list({ queue: QUEUE, limit: 4, cursor: first.nextCursor })

      expect(idsOf(second.jobs)).toEqual(['job-1', 'job-0'])
    }),
  ],
}
