import type { JobStore, WakeUp } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimOne, refOf } from '../claim-jobs.ts'
import { enqueueOne, newJob, QUEUE } from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

const PATIENCE_MS = 500
const TRIES = 5

function withoutWakeUps(store: JobStore): string | null {
  return store.subscribe === undefined ? 'the store gives no hints' : null
}

/**
 * Does something until a hint follows. A hint may be lost, so that one try proves nothing; a store
 * that loses five in a row gives none.
 */
async function expectHint(
  store: JobStore,
  reason: WakeUp['reason'],
  act: (round: number) => Promise<unknown>,
): Promise<void> {
  let heard = (): void => {}
  const stop = store.subscribe?.((wakeUp) => {
    if (wakeUp.queue === QUEUE && wakeUp.reason === reason) heard()
  })
  try {
    for (let round = 0; round < TRIES; round += 1) {
      const hint = new Promise<boolean>((resolve) => {
        heard = () => resolve(true)
      })
      await act(round)
      if (await Promise.race([hint, silence()])) return
    }
  } finally {
    stop?.()
  }
  throw new Error(`no '${reason}' hint in ${TRIES} tries`)
}

// Real time: a hint crosses processes, and no clock of a harness moves that.
function silence(): Promise<boolean> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), PATIENCE_MS)
  })
}

export const wakeUpCases: CaseGroup = {
  operation: 'wake-up',
  cases: [
    storeCase(
      'an enqueued job is hinted at in every handle',
      async (open) => {
        const other = await open.another()
        await expectHint(open.store, 'ready', () => open.store.enqueue([newJob()]))
        await expectHint(other, 'ready', () => open.store.enqueue([newJob()]))
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'a job that is due before all that wait for their time is hinted at',
      async (open) => {
        let delayMs = 60_000
        await expectHint(open.store, 'ready', () => {
          delayMs -= 1_000
          return open.store.enqueue([newJob({ delayMs })])
        })
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'a follow-up and an attempt given back are hinted at',
      async ({ store }) => {
        await expectHint(store, 'ready', async () => {
          await enqueueOne(store, { priority: 1 })
          await settleOne(store, release(await claimOne(store)))
        })
        await expectHint(store, 'ready', async () => {
          await enqueueOne(store, { priority: 1 })
          const followUps = [newJob()]
          await settleOne(store, complete(await claimOne(store), null, { followUps }))
        })
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'a job that was taken back is hinted at',
      async (open) => {
        await expectHint(open.store, 'ready', async () => {
          await enqueueOne(open.store)
          await loseWorker(open)
        })
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'a job that an operator retried is hinted at',
      async ({ store }) => {
        await expectHint(store, 'ready', async () => {
          const ref = await enqueueOne(store)
          await store.cancel([ref])
          await store.retry([ref])
        })
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'the end of a pause is hinted at',
      async ({ store }) => {
        await enqueueOne(store)
        await expectHint(store, 'ready', async () => {
          await store.pause({ queue: QUEUE })
          await store.resume({ queue: QUEUE })
        })
        await store.pause({ queue: QUEUE, tenantId: TENANT })
        await store.resume({ queue: QUEUE, tenantId: TENANT })
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'the cancelling of a running job is hinted at',
      async (open) => {
        await expectHint(open.store, 'changed', async () => {
          await enqueueOne(open.store)
          await open.store.cancel([refOf(await claimOne(open.store))])
        })
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'a pause is hinted at',
      async (open) => {
        await expectHint(open.store, 'changed', async () => {
          await open.store.resume({ queue: QUEUE })
          await open.store.pause({ queue: QUEUE })
        })
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'who has unsubscribed hears nothing more',
      async (open) => {
        let calls = 0
        const stop = open.store.subscribe?.(() => {
          calls += 1
        })
        stop?.()
        stop?.()
        await expectHint(open.store, 'ready', () => open.store.enqueue([newJob()]))

        expect(calls).toBe(0)
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'a listener that throws stops neither the call nor the other listeners',
      async (open) => {
        const stop = open.store.subscribe?.(() => {
          throw new Error('a listener failed')
        })
        await expectHint(open.store, 'ready', () => open.store.enqueue([newJob()]))
        stop?.()

        expect((await claimOne(open.store)).queue).toBe(QUEUE)
      },
      { skip: withoutWakeUps },
    ),
  ],
}
