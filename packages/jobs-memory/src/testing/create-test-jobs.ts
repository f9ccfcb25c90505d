import {
  type AnyJobDefinition,
  createJobQueue,
  createRuntime,
  type HandlerMiddleware,
  type Job,
  type JobQueue,
  JobsError,
  processJobs,
  type QueueJobs,
} from '@cgk/jobs-core'
import type { HistoryOptions } from '../history.ts'
import { createMemoryStore } from '../memory-store.ts'
import { ClaimLog } from './claim-log.ts'
import { Clockwork } from './clockwork.ts'
import { Expectations } from './expectations.ts'
import { HintGate } from './hint-gate.ts'
import { parseInstant } from './instant.ts'
import { JobLog } from './job-log.ts'
import { ManualTime } from './manual-time.ts'
import { observedStore } from './observed-store.ts'
import { OutsideCalls } from './outside-calls.ts'
import { PollWatch } from './poll-watch.ts'
import { runInline } from './run-inline.ts'
import type { TestJobs, TestJobsConfig } from './test-jobs.ts'
import { withOverrides } from './with-overrides.ts'
import { without } from './without.ts'
import { Workers } from './workers.ts'

const START = '2026-01-05T09:00:00Z'
const STUCK_AFTER_MS = 4_000

// The types of a job's payload and result are the caller's claim, here as everywhere.
type Claimed = Job<never, never>

const FOREVER = { maxAgeMs: Infinity, maxCount: Infinity }
const KEEP_ALL: HistoryOptions = { completed: FOREVER, failed: FOREVER, cancelled: FOREVER }

/**
 * Makes a queue on a store of its own, workers and a clock for one test. Nothing runs and no time
 * passes until the test says so.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`, and as `createJobQueue` and `processJobs`
 *
 * @example
 * ```ts
 * const jobs = createTestJobs({ jobs: [sendReceipt] })
 * await placeOrder(jobs.queue, 'order_1')
 * await jobs.expectEnqueued(sendReceipt, { orderId: 'order_1' })
 * await jobs.runUntilIdle()
 * ```
 */
export function createTestJobs<const TDefinitions extends readonly AnyJobDefinition[] = []>(
  config: TestJobsConfig<TDefinitions> = {},
): TestJobs<QueueJobs<TDefinitions>> {
  const { name = 'default', at = START, stuckAfter = STUCK_AFTER_MS, ...given } = config
  if (typeof stuckAfter !== 'number' || !(stuckAfter >= 1)) {
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      `stuckAfter must be a number from 1, not ${String(stuckAfter)}`,
    )
  }
  const time = new ManualTime(parseInstant(at))
  const runtime = createRuntime(time, given.logger)
  const inner = createMemoryStore({ clock: time.clock, random: time.random, history: KEEP_ALL })
  const claims = new ClaimLog()
  const polls = new PollWatch(time)
  const hints = new HintGate()
  const store = observedStore(inner, { claims, polls, hints })
  const outside = new OutsideCalls()
  const { tenants } = given
  // Queue and processor each refuse a setting of the other.
  const ofQueue = without(
    given,
    'handlers',
    'leaseMs',
    'gracePeriod',
    'timeoutGrace',
    'onError',
    'onFailed',
    'onComplete',
    'logger',
  )
  const ofProcessor = without(given, 'tenancy', 'tenants', 'sizes')
  const queue = createJobQueue<TDefinitions>({
    ...ofQueue,
    ...(typeof tenants === 'function' && { tenants: outside.counted(tenants) }),
    name,
    store,
    runtime,
  })
  const workers = new Workers()
  const clockwork = new Clockwork({
    time,
    workers,
    outside,
    polls,
    claims,
    hints,
    hasDueTicks: async () =>
      (await inner.dueSchedules({ queues: polls.queues, limit: 1 })).schedules.length > 0,
    stuckAfterMs: stuckAfter,
  })
  const expectations = new Expectations(new JobLog(queue as JobQueue))

  const started = processJobs({ ...ofProcessor, queue })
  workers.add(started)
  const middleware: HandlerMiddleware[] = []
  const processor = withOverrides(started, {
    use(added) {
      started.use(added)
      middleware.push(added)
    },
  })

  const jobs = {
    queue,
    processor,
    runtime,
    clock: time.clock,
    now: () => time.clock.now(),
    process(processorConfig) {
      const added = processJobs({
        ...(given.logger !== undefined && { logger: given.logger }),
        queue,
        ...processorConfig,
      })
      workers.add(added)
      return added
    },
    runUntilIdle: () => clockwork.runUntilIdle(),
    advance: (ms, options) => clockwork.advance(ms, options),
    async advanceTo(instant, options) {
      const ms = parseInstant(instant) - time.clock.now()
      if (ms >= 0) return clockwork.advance(ms, options)
      throw new JobsError(
        'JOBS_INVALID_OPTION',
        `time does not go back: it is ${new Date(time.clock.now()).toISOString()}`,
      )
    },
    run: (definition, payload, options = {}) =>
      runInline({
        definition,
        payload,
        options,
        queueConfig: {
          name,
          ...(given.tenancy !== undefined && { tenancy: given.tenancy }),
          ...(given.sizes !== undefined && { sizes: given.sizes }),
        },
        runtime,
        middleware,
        logger: given.logger,
        followUpsTo: store,
        until: (isDone, what) => clockwork.until(isDone, what),
      }) as Promise<never>,
    enqueued: (job, tenant) => expectations.list(job, tenant) as Promise<Claimed[]>,
    expectEnqueued: (job, payload, tenant) =>
      expectations.some(job, payload, tenant) as Promise<Claimed>,
    expectNotEnqueued: (job, payload, tenant) => expectations.none(job, payload, tenant),
    async [Symbol.asyncDispose]() {
      await clockwork.stop()
      await store.close()
    },
  } satisfies TestJobs<QueueJobs<TDefinitions>>
  return jobs
}
