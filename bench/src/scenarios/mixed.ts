import { drawnTenants } from '../drawn-tenants.ts'
import { Latencies } from '../latencies.ts'
import { costOfEach, measure } from '../measure.ts'
import { createPayload, type Payload } from '../payload.ts'
import { warmUp } from './drain-queue.ts'
import { given, type Scenario } from './scenario.ts'

const DEFAULT_SECONDS = 5
const IN_FLIGHT = 100
const WARM_UP_JOBS_PER_SECOND = 1000

/**
 * Producers that wait for nothing but a list in their own process would starve the worker and fill
 * the heap: at some depth they rest until half of it is gone.
 */
const MOST_WAITING = 10_000

export const mixed: Scenario = {
  name: 'mixed',
  summary: '100 producers in a closed loop beside the worker, for some seconds',
  suits: ({ drains }) => drains,
  cases: (sizes) => {
    const seconds = sizes.seconds ?? DEFAULT_SECONDS
    return [
      { inFlight: IN_FLIGHT, seconds, awaits: 'enqueue', mostWaiting: MOST_WAITING },
      { inFlight: IN_FLIGHT, seconds, awaits: 'start' },
    ]
  },
  async run(system, settings, stopwatch) {
    await warmUp(system, given(settings, 'seconds') * WARM_UP_JOBS_PER_SECOND)
    const { tenants } = settings
    await using queue = await system.open(
      tenants === undefined ? {} : { tenantOf: drawnTenants(tenants) },
    )
    await queue.server?.settle()
    const latencies = new Latencies()
    const onStarted = new Map<number, () => void>()
    const mostWaiting = settings.mostWaiting ?? Number.POSITIVE_INFINITY
    let rest: PromiseWithResolvers<void> | undefined
    let allStarted: PromiseWithResolvers<void> | undefined
    let sent = 0
    let started = 0
    let waitingAtEnd = 0

    const onStart = (payload: Payload): void => {
      latencies.add(performance.now() - payload.sentAt)
      started += 1
      onStarted.get(payload.order)?.()
      if (rest !== undefined && sent - started <= mostWaiting / 2) {
        rest.resolve()
        rest = undefined
      }
      if (started === sent) allStarted?.resolve()
    }
    const send = async (payload: Payload): Promise<void> => {
      if (settings.awaits === 'enqueue') {
        await queue.enqueueOne(payload)
        return
      }
      const start = Promise.withResolvers<void>()
      onStarted.set(payload.order, start.resolve)
      await queue.enqueueOne(payload)
      await start.promise
      onStarted.delete(payload.order)
    }

    const cost = await measure(queue.server, stopwatch, async () => {
      await queue.start(onStart)
      const endsAt = performance.now() + given(settings, 'seconds') * 1000
      const produce = async (): Promise<void> => {
        for (let now = performance.now(); now < endsAt; now = performance.now()) {
          await send(createPayload(sent++, now))
          if (sent - started >= mostWaiting) {
            rest ??= Promise.withResolvers<void>()
            await rest.promise
          }
        }
      }
      await Promise.all(Array.from({ length: given(settings, 'inFlight') }, produce))
      waitingAtEnd = sent - started
      if (waitingAtEnd > 0) {
        allStarted = Promise.withResolvers<void>()
        await allStarted.promise
      }
      await queue.idle()
    })
    if (started !== sent) throw new Error(`${started} handlers began for ${sent} jobs`)
    return [
      { metric: 'jobsPerSecond', value: (sent / cost.elapsedMs) * 1000 },
      { metric: 'p50Milliseconds', value: latencies.percentile(0.5) },
      { metric: 'p99Milliseconds', value: latencies.percentile(0.99) },
      { metric: 'waitingJobs', value: waitingAtEnd },
      ...costOfEach(sent, cost),
    ]
  },
}
