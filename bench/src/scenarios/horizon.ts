import { setTimeout } from 'node:timers/promises'
import { Latencies } from '../latencies.ts'
import { type Cost, costOfEach, difference, measure } from '../measure.ts'
import { createPayload, type Payload } from '../payload.ts'
import type { HeldTransaction } from '../servers/measured-server.ts'
import type { OpenQueue } from '../systems/system.ts'
import { fill, warmUp } from './drain-queue.ts'
import { given, type Measurement, type Scenario } from './scenario.ts'

const DEFAULT_SECONDS = 600
const JOBS_PER_SECOND = 2000
const BURST_JOBS = 50_000
const HELD: readonly HeldTransaction[] = ['snapshot', 'writer']

/** The windows that are compared: the first and the last so much of the time. */
const WINDOW_PART = 0.05
const LEAST_WINDOW_MS = 250

/** Jobs of one call: few, so that few wait at a time and claims stay small. */
const BATCH = 20
const EVERY_MS = 10
const MOST_CALLS = 100

export const horizon: Scenario = {
  name: 'horizon',
  summary: '2,000 jobs a second for ten minutes while a transaction stays open, then a burst',
  suits: ({ server, drains }) => server === 'postgres' && drains,
  cases: (sizes) =>
    HELD.map((held) => ({
      held,
      seconds: sizes.seconds ?? DEFAULT_SECONDS,
      jobsPerSecond: JOBS_PER_SECOND,
      jobs: sizes.jobs?.[0] ?? BURST_JOBS,
    })),
  async run(system, settings, stopwatch) {
    const burst = given(settings, 'jobs')
    const lengthMs = given(settings, 'seconds') * 1000
    const windowMs = Math.max(lengthMs * WINDOW_PART, Math.min(lengthMs / 2, LEAST_WINDOW_MS))
    await warmUp(system, burst)
    await using queue = await system.open()
    if (queue.server?.hold === undefined) throw new Error(`${system.name} has no transactions`)
    await queue.server.settle()
    await using _held = await queue.server.hold(given(settings, 'held'))
    const load = new Load(queue, given(settings, 'jobsPerSecond'))
    await queue.start(load.onStart)

    let windows: readonly [Window, Window] | undefined
    const cost = await measure(queue.server, stopwatch, async () => {
      const [first, last] = await Promise.all([
        load.watch(0, windowMs),
        load.watch(lengthMs - windowMs, lengthMs),
        load.produce(lengthMs),
      ])
      windows = [first, last]
    })
    if (windows === undefined) throw new Error('no window was watched')
    const [first, last] = windows
    const sent = load.sent
    return [
      { metric: 'lastToFirst', value: last.jobsPerSecond / first.jobsPerSecond },
      ...measurementsOf('first', first),
      ...measurementsOf('last', last),
      { metric: 'jobsPerSecond', value: await load.burst(burst), settings: { window: 'burst' } },
      ...costOfEach(sent, cost),
    ]
  },
}

/** What was seen between two instants. */
interface Window extends Pick<Cost, 'serverCpuMs'> {
  readonly started: number
  readonly jobsPerSecond: number
  readonly latencies: Latencies
}

function measurementsOf(
  window: 'first' | 'last',
  { started, jobsPerSecond, latencies, serverCpuMs }: Window,
): readonly Measurement[] {
  const settings = { window }
  return [
    { metric: 'jobsPerSecond', value: jobsPerSecond, settings },
    { metric: 'p50Milliseconds', value: latencies.percentile(0.5), settings },
    { metric: 'p99Milliseconds', value: latencies.percentile(0.99), settings },
    ...(serverCpuMs === undefined
      ? []
      : [
          {
            metric: 'serverCpuMicrosecondsPerJob',
            value: (serverCpuMs * 1000) / started,
            settings,
          } as const,
        ]),
  ]
}

/** Jobs that arrive at a steady rate, whatever becomes of them. */
class Load {
  readonly #queue: OpenQueue
  readonly #jobsPerSecond: number
  readonly #beganAt = performance.now()
  #sent = 0
  #started = 0
  #latencies = new Latencies()
  #onStarted = (): void => {}

  constructor(queue: OpenQueue, jobsPerSecond: number) {
    this.#queue = queue
    this.#jobsPerSecond = jobsPerSecond
  }

  get sent(): number {
    return this.#sent
  }

  readonly onStart = ({ sentAt }: Payload): void => {
    this.#started += 1
    this.#latencies.add(performance.now() - sentAt)
    this.#onStarted()
  }

  /** Enqueues as many as are due, until the time is over; late where the system is. */
  async produce(lengthMs: number): Promise<void> {
    const calls = new Set<Promise<void>>()
    for (let now = this.#elapsedMs(); now < lengthMs; now = this.#elapsedMs()) {
      const due = (now * this.#jobsPerSecond) / 1000
      for (; this.#sent + BATCH <= due && calls.size < MOST_CALLS; this.#sent += BATCH) {
        const sentAt = performance.now()
        const payloads = Array.from({ length: BATCH }, (_, index) =>
          createPayload(this.#sent + index, sentAt),
        )
        const call = this.#queue.enqueueMany(payloads).finally(() => calls.delete(call))
        calls.add(call)
      }
      await Promise.race([setTimeout(EVERY_MS), ...calls])
    }
    await Promise.all(calls)
  }

  /** What starts between two instants of the load. */
  async watch(fromMs: number, toMs: number): Promise<Window> {
    await this.#until(fromMs)
    const usage = await this.#queue.server?.usage()
    const latencies = new Latencies()
    this.#latencies = latencies
    const before = { started: this.#started, at: performance.now() }
    await this.#until(toMs)
    const started = this.#started - before.started
    const elapsedMs = performance.now() - before.at
    return {
      started,
      jobsPerSecond: (started / elapsedMs) * 1000,
      latencies,
      ...difference(usage, await this.#queue.server?.usage()),
    }
  }

  /** Enqueues so many at once, and tells how many a second it takes until nothing is left. */
  async burst(jobs: number): Promise<number> {
    const before = { started: this.#started, at: performance.now() }
    const all = this.#sent + jobs
    const allStarted = Promise.withResolvers<void>()
    this.#onStarted = () => {
      if (this.#started === all) allStarted.resolve()
    }
    await fill(this.#queue, jobs)
    await allStarted.promise
    await this.#queue.idle()
    return ((all - before.started) / (performance.now() - before.at)) * 1000
  }

  #elapsedMs(): number {
    return performance.now() - this.#beganAt
  }

  async #until(ms: number): Promise<void> {
    await setTimeout(Math.max(0, ms - this.#elapsedMs()))
  }
}
