import {
  type AnyJobDefinition,
  createJobQueue,
  type HandlerMiddleware,
  type JobOptions,
  type JobQueueConfig,
  type JobsLogger,
  type JobsRuntime,
  type JobStore,
  processJobs,
  type Settlement,
} from '@cgk/jobs-core'
import { createMemoryStore } from '../memory-store.ts'
import { withOverrides } from './with-overrides.ts'

/** One job to be run, and its surroundings. */
export interface InlineRun {
  readonly definition: AnyJobDefinition
  readonly payload: unknown
  readonly options: JobOptions
  readonly queueConfig: Pick<JobQueueConfig, 'name' | 'tenancy' | 'sizes'>
  readonly runtime: JobsRuntime
  readonly middleware: readonly HandlerMiddleware[]
  readonly logger: JobsLogger | undefined
  /** Where the follow-ups of the job go. */
  readonly followUpsTo: JobStore
  /** Resolves when that is so; rejects when it takes too long. */
  readonly until: (isDone: () => boolean, what: string) => Promise<void>
}

type Ended =
  | { readonly type: 'returned'; readonly result: unknown }
  | { readonly type: 'threw'; readonly error: unknown }

/**
 * Runs one attempt of a job, in a store that has nothing else.
 *
 * @returns what the handler returned as `data`.
 * @throws what the handler threw; `JobsError` for a payload or an option that is refused.
 */
export async function runInline(run: InlineRun): Promise<unknown> {
  const { definition, payload, options, queueConfig, runtime, logger } = run
  let ended: Ended | undefined
  const end = (how: Ended): void => {
    ended ??= how
  }
  const store = handingOnFollowUps(
    createMemoryStore({ clock: runtime.ports.clock, random: runtime.ports.random }),
    run.followUpsTo,
    (error) => {
      end({ type: 'threw', error })
    },
  )
  const queue = createJobQueue({ ...queueConfig, store, runtime, jobs: [definition] })
  queue.on('released', ({ delayMs }) => {
    end({ type: 'threw', error: notEnded(definition.name, delayMs) })
  })
  const processor = processJobs({
    queue,
    jobs: [definition],
    ...(logger !== undefined && { logger }),
    onComplete: (_job, result) => {
      end({ type: 'returned', result })
    },
    onError: (_job, error) => {
      end({ type: 'threw', error })
    },
  })
  for (const middleware of run.middleware) processor.use(middleware)
  // It is to run now, whatever its definition says.
  await queue.enqueue(definition.name, payload, { ...options, delay: 0 })
  processor.start()
  await run.until(() => ended !== undefined, `job "${definition.name}"`)
  await processor.stop()
  await store.close()
  if (ended!.type === 'threw') throw ended!.error
  return ended!.result
}

function handingOnFollowUps(
  store: JobStore,
  to: JobStore,
  refused: (error: unknown) => void,
): JobStore {
  const handOn = async (settlement: Settlement): Promise<Settlement> => {
    try {
      if (settlement.followUps.length > 0) await to.enqueue(settlement.followUps)
    } catch (error) {
      refused(error)
    }
    return { ...settlement, followUps: [] }
  }
  return withOverrides(store, {
    async settle({ settlements, claim }, options) {
      const handedOn = await Promise.all(settlements.map(handOn))
      return store.settle(
        claim === undefined ? { settlements: handedOn } : { settlements: handedOn, claim },
        options,
      )
    },
  })
}

function notEnded(name: string, delayMs: number): Error {
  return new Error(
    `job "${name}" did not end: its handler put it off by ${delayMs} ms. To see it end, enqueue it and advance time.`,
  )
}
