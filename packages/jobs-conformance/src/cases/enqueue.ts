import { complete, parseJobId } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  idsOf,
  read,
  settleOne,
  stateOf,
} from '../claim-jobs.ts'
import { enqueueAll, enqueueOne, newJob, newJobs, only, OTHER_TENANT, QUEUE } from '../new-job.ts'
import { expectRefusal } from '../expect-refusal.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

/** Texts that a store must return as they are, although each means something to some parser. */
const TEXTS: readonly string[] = [
  '{"b":1,"a":2,"b10":{"z":[],"y":{}}}',
  '{"2":"two","1":"one"}',
  '[1.0,1e3,-0,0.1000,12345678901234567890,1E-7]',
  ' { "spaced" :\t[ 1 ,\n2 ] } ',
  '"grüße 你好 🚀 \u2028 e\u0301 \ufeff"',
  '"\\u00e9\\ud83d\\ude80\\/ \\\\ \\" \\n"',
  '"\'; DROP TABLE jobs; -- $1 %s :name ? {tag} \u007f"',
  'null',
  '""',
  `"${'long text '.repeat(20_000)}"`,
]

export const enqueueCases: CaseGroup = {
  operation: 'enqueue',
  cases: [
    storeCase('an enqueued job is read back as it was given', async (open) => {
      const { store } = open
      const now = await open.now()
      const [result] = await store.enqueue([
        newJob({
          jobId: 'invoice-7',
          payload: '{"invoice":7}',
          metadata: '{"source":"import"}',
          priority: 12,
          delayMs: 1_500,
          maxAttempts: 5,
          retryDelayMs: 2_000,
          timeoutMs: 60_000,
        }),
      ])

      expect(result).toEqual({
        status: 'enqueued',
        id: 'invoice-7',
        createdAt: now,
        runAt: now + 1_500,
      })
      expect(await read(store, { queue: QUEUE, tenantId: 'acme', id: 'invoice-7' })).toMatchObject({
        queue: QUEUE,
        tenantId: 'acme',
        id: 'invoice-7',
        name: 'send-invoice',
        payload: '{"invoice":7}',
        metadata: '{"source":"import"}',
        priority: 12,
        state: 'pending',
        createdAt: now,
        updatedAt: now,
        runAt: now + 1_500,
        startedAt: null,
        endedAt: null,
        attempts: 0,
        releases: 0,
        lostLeases: 0,
        generation: 1,
        maxAttempts: 5,
        retryDelayMs: 2_000,
        timeoutMs: 60_000,
        result: null,
        error: null,
        progress: null,
        log: [],
      })
    }),

    storeCase('what the caller left unsaid is null and not a default', async ({ store }) => {
      const ref = await enqueueOne(store)

      expect(await read(store, ref)).toMatchObject({
        metadata: null,
        maxAttempts: null,
        retryDelayMs: null,
        timeoutMs: null,
      })
    }),

    storeCase('a job without delay is due when it is created', async (open) => {
      await open.advance(12_345)
      const now = await open.now()
      const [result] = await open.store.enqueue([newJob()])

      expect(result).toMatchObject({ status: 'enqueued', createdAt: now, runAt: now })
      expect(await claimJobs(open.store)).toHaveLength(1)
    }),

    storeCase('answers come in the order of the input, new and existing mixed', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'old'))
      const results = await store.enqueue([
        newJob({ jobId: 'z' }),
        newJob({ jobId: 'old-1' }),
        newJob({ jobId: 'a', priority: 9 }),
        newJob({ jobId: 'm', tenantId: OTHER_TENANT }),
        newJob({ jobId: 'old-0' }),
        newJob({ jobId: 'b', queue: 'mails', delayMs: 5_000 }),
      ])

      expect(
        results.map((result) =>
          result.status === 'enqueued' ? result.id : `existing ${result.job.id}`,
        ),
      ).toEqual(['z', 'existing old-1', 'a', 'm', 'existing old-0', 'b'])
    }),

    storeCase('ids that stores make are never alike, whichever handle made them', async (open) => {
      const other = await open.another()
      const [mine, theirs] = await Promise.all([
        enqueueAll(
          open.store,
          Array.from({ length: 200 }, () => newJob()),
        ),
        enqueueAll(
          other,
          Array.from({ length: 200 }, () => newJob()),
        ),
      ])

      expect(new Set(idsOf([...mine, ...theirs])).size).toBe(400)
    }),

    storeCase('an id that a store makes is one that parseJobId reads', async ({ store }) => {
      const refs = await enqueueAll(store, [newJob(), newJob({ tenantId: null })])

      expect(refs.map((ref) => parseJobId(ref.id))).not.toContain(null)
    }),

    storeCase('payload and metadata come back byte for byte', async ({ store }) => {
      const refs = await enqueueAll(
        store,
        TEXTS.map((text) => newJob({ payload: text, metadata: text })),
      )
      const records = await store.get(refs)
      const claimed = await claimEverything(store)

      for (const [index, text] of TEXTS.entries()) {
        expect(records[index]?.payload === text, `payload read: ${text.slice(0, 40)}`).toBe(true)
        expect(records[index]?.metadata === text, `metadata read: ${text.slice(0, 40)}`).toBe(true)
        const job = claimed.find((candidate) => candidate.id === refs[index]?.id)
        expect(job?.payload === text, `payload claimed: ${text.slice(0, 40)}`).toBe(true)
        expect(job?.metadata === text, `metadata claimed: ${text.slice(0, 40)}`).toBe(true)
      }
    }),

    storeCase('an empty batch is answered with an empty list', async ({ store }) => {
      expect(await store.enqueue([])).toEqual([])
    }),

    storeCase('2,000 jobs of one call are all there and claimed in its order', async (open) => {
      const { store } = open
      const refs = await enqueueAll(
        store,
        Array.from({ length: 2_000 }, (_, index) => newJob({ payload: `{"n":${index}}` })),
      )
      const counted = await store.counts({ queue: QUEUE })
      const claimed = await claimEverything(store, { slots: 700 })

      expect(counted.pending).toBe(2_000)
      expect(idsOf(claimed)).toEqual(idsOf(refs))
      expect(claimed.map((job) => job.payload)).toEqual(refs.map((_, index) => `{"n":${index}}`))
    }),

    storeCase('a job enqueued through one handle is claimed through another', async (open) => {
      const other = await open.another()
      const ref = await enqueueOne(open.store)

      expect((await claimOne(other)).id).toBe(ref.id)
    }),

    storeCase('a delayed job is not claimed before its time and is at it', async (open) => {
      const ref = await enqueueOne(open.store, { delayMs: 5_000 })
      expect(await claimJobs(open.store)).toEqual([])

      await open.advance(4_999)
      expect(await claimJobs(open.store)).toEqual([])

      await open.advance(1)
      expect((await claimOne(open.store)).id).toBe(ref.id)
    }),

    storeCase("a job with runAt waits for that instant of the store's clock", async (open) => {
      const runAt = (await open.now()) + 90_000
      const [result] = await open.store.enqueue([newJob({ runAt })])
      expect(result).toMatchObject({ status: 'enqueued', runAt })

      await open.advance(89_999)
      expect(await claimJobs(open.store)).toEqual([])

      await open.advance(1)
      expect((await claimOne(open.store)).runAt).toBe(runAt)
    }),

    storeCase('a job whose runAt has passed is due at once', async (open) => {
      const ref = await enqueueOne(open.store, { runAt: (await open.now()) - 86_400_000 })

      expect((await claimOne(open.store)).id).toBe(ref.id)
    }),

    storeCase('a delay longer than 2³¹ ms is kept to the millisecond', async (open) => {
      const delayMs = 2 ** 31 + 86_400_000
      const now = await open.now()
      const ref = await enqueueOne(open.store, { delayMs })
      expect((await read(open.store, ref)).runAt).toBe(now + delayMs)
      expect(await claimJobs(open.store)).toEqual([])

      await open.advance(2 ** 31)
      expect(await claimJobs(open.store)).toEqual([])

      await open.advance(86_400_000)
      expect((await claimOne(open.store)).id).toBe(ref.id)
    }),

    storeCase(
      'a taken job id stores nothing and answers with the job that has it',
      async (open) => {
        const { store } = open
        const ref = await enqueueOne(store, { jobId: 'invoice-7' })
        const [result] = await store.enqueue([
          newJob({ jobId: 'invoice-7', priority: 50, delayMs: 9_000 }),
        ])

        expect(result).toEqual({ status: 'existing', job: await read(store, ref) })
        expect(await read(store, ref)).toMatchObject({ priority: 0 })
        expect((await store.counts({ queue: QUEUE })).pending).toBe(1)
        expect(await claimJobs(store)).toHaveLength(1)
      },
    ),

    storeCase(
      'a job id of a job with another payload or name refuses the whole call and stores nothing',
      async ({ store }) => {
        const ref = await enqueueOne(store, { jobId: 'invoice-7', payload: '{"first":true}' })
        for (const other of [{ payload: '{"first":false}' }, { name: 'cancel-invoice' }]) {
          const call = store.enqueue([
            newJob(),
            newJob({ jobId: 'new' }),
            newJob({ payload: '{"first":true}', jobId: 'invoice-7', ...other }),
          ])
          await expectRefusal(call, 'JOBS_ID_CONFLICT')
        }

        expect(await read(store, ref)).toMatchObject({ payload: '{"first":true}' })
        expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 1 })
        expect(idsOf(await claimJobs(store))).toEqual(['invoice-7'])
      },
    ),

    storeCase('an ended job still refuses its id to another payload', async ({ store }) => {
      await enqueueOne(store, { jobId: 'invoice-7' })
      await settleOne(store, complete(await claimOne(store)))

      await expectRefusal(
        store.enqueue([newJob({ jobId: 'invoice-7', payload: '"another"' })]),
        'JOBS_ID_CONFLICT',
      )
      expect(await claimJobs(store)).toEqual([])
    }),

    storeCase('two jobs of one call under one id refuse the call', async ({ store }) => {
      await expectRefusal(
        store.enqueue([
          newJob({ jobId: 'twin', payload: '1' }),
          newJob({ jobId: 'other' }),
          newJob({ jobId: 'twin', payload: '2' }),
        ]),
        'JOBS_ID_CONFLICT',
      )
      expect(await claimJobs(store)).toEqual([])
    }),

    storeCase('a job id used twice in one batch makes one job, the first', async ({ store }) => {
      const results = await store.enqueue([
        newJob({ jobId: 'twin', payload: '1' }),
        newJob({ jobId: 'other' }),
        newJob({ jobId: 'twin', payload: '1', priority: 3 }),
      ])

      expect(results.map((result) => result.status)).toEqual(['enqueued', 'enqueued', 'existing'])
      expect(results[2]).toMatchObject({ job: { id: 'twin', payload: '1', state: 'pending' } })
      expect((await claimJobs(store)).map((job) => job.payload).sort()).toEqual([
        '1',
        '{"invoice":1}',
      ])
    }),

    storeCase('the same call repeated makes no job twice', async ({ store }) => {
      const batch = newJobs(50, 'import')
      const first = await store.enqueue(batch)
      const again = await store.enqueue(batch)

      expect(new Set(first.map((result) => result.status))).toEqual(new Set(['enqueued']))
      expect(new Set(again.map((result) => result.status))).toEqual(new Set(['existing']))
      expect(await claimEverything(store)).toHaveLength(50)
    }),

    storeCase('a job id stays taken while its job runs and after it has ended', async (open) => {
      const { store } = open
      const ref = await enqueueOne(store, { jobId: 'invoice-7' })
      const job = await claimOne(store)
      const [whileRunning] = await store.enqueue([newJob({ jobId: 'invoice-7' })])
      await settleOne(store, complete(job, '"paid"'))
      const [afterwards] = await store.enqueue([newJob({ jobId: 'invoice-7' })])

      expect(whileRunning).toMatchObject({ status: 'existing', job: { state: 'running' } })
      expect(afterwards).toMatchObject({
        status: 'existing',
        job: { state: 'completed', result: '"paid"' },
      })
      expect(await stateOf(store, ref)).toBe('completed')
      expect(await claimJobs(store)).toEqual([])
    }),

    storeCase('a job id is free again once its job is deleted', async ({ store }) => {
      const first = await enqueueOne(store, { jobId: 'invoice-7' })
      await store.remove([first])
      await enqueueOne(store, { jobId: 'invoice-7', payload: '"second"' })
      const second = await claimOne(store)
      expect(second).toMatchObject({ payload: '"second"', attempts: 1, generation: 1 })

      await settleOne(store, complete(second, null, { discard: true }))
      await enqueueOne(store, { jobId: 'invoice-7', payload: '"third"' })
      expect(await claimOne(store)).toMatchObject({ payload: '"third"', attempts: 1 })
    }),

    storeCase('a job id is taken in its own queue and tenant alone', async ({ store }) => {
      const scopes = [
        { queue: QUEUE, tenantId: 'acme' },
        { queue: QUEUE, tenantId: OTHER_TENANT },
        { queue: QUEUE, tenantId: null },
        { queue: 'mails', tenantId: 'acme' },
      ]
      const refs = await enqueueAll(
        store,
        scopes.map((scope, index) => newJob({ ...scope, jobId: 'same', payload: `${index}` })),
      )
      const records = await store.get(refs)

      expect(records.map((record) => record?.payload)).toEqual(['0', '1', '2', '3'])
    }),

    storeCase(
      'ids and names that mean something to a key or a query are just text',
      async (open) => {
        const { store } = open
        const keys = ['a:b', 'a', 'b', 'A', ' a', '{tag}', 'a_b', '*', '-', '/', '#', '0', '00']
        const queries = ["o'brien", '100%', '$1', '\\', 'null', '[1]']
        const letters = ['你好 🚀', 'é', 'e\u0301', 'x'.repeat(200)]
        const ids = [...keys, ...queries, ...letters]
        await enqueueAll(
          store,
          ids.map((id) => newJob({ jobId: id, name: 'send: "invoice" ✓' })),
        )
        await store.remove([{ queue: QUEUE, tenantId: 'acme', id: 'a:b' }])
        const claimed = await claimEverything(store)

        expect(idsOf(claimed)).toEqual(ids.slice(1))
        expect(new Set(claimed.map((job) => job.name))).toEqual(new Set(['send: "invoice" ✓']))
      },
    ),

    storeCase('ten callers racing for one job id make one job', async (open) => {
      const handles = [open.store, await open.another()]
      const results = await Promise.all(
        Array.from({ length: 10 }, async (_, index) => {
          const handle = handles[index % 2] ?? open.store
          return only(await handle.enqueue([newJob({ jobId: 'raced', priority: index })]))
        }),
      )
      const winner = only(await claimJobs(open.store))

      expect(results.filter((result) => result.status === 'enqueued')).toHaveLength(1)
      for (const [index, result] of results.entries()) {
        const priority = result.status === 'existing' ? result.job.priority : index
        expect(priority).toBe(winner.priority)
      }
    }),

    storeCase('two batches with the same ids in opposite order both finish', async (open) => {
      const other = await open.another()
      const batch = newJobs(100, 'crossed')
      const [forward, backward] = await Promise.all([
        open.store.enqueue(batch),
        other.enqueue(batch.toReversed()),
      ])

      const made = [...forward, ...backward].filter((result) => result.status === 'enqueued')
      expect(made).toHaveLength(100)
      expect(await claimEverything(open.store)).toHaveLength(100)
    }),
  ],
}
