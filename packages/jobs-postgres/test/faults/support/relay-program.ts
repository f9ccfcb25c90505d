// A relay, to be run as a process of its own: `node relay-program.ts <RelaySettings as JSON>`. At the step that the
// settings name it says so on a line, and does nothing more with its stores.
import { type JobStore, relay } from '@cgk/jobs-core'
import { createRedisStore } from '@cgk/jobs-redis'
import { createPostgresStore } from '../../../src/index.ts'
import type { RelaySettings, RelayStep } from './relay-process.ts'

const { from, to, stopsAt } = JSON.parse(process.argv[2]!) as RelaySettings

let isStopped = false

async function reached(step: RelayStep): Promise<void> {
  if (step === stopsAt && !isStopped) {
    isStopped = true
    console.log(step)
  }
  if (isStopped) await new Promise(() => {})
}

/** The store, whose calls stand still when the process has. */
function stopping(store: JobStore): JobStore {
  const calls: Partial<JobStore> = {
    async claim(...call) {
      await reached('claiming')
      const found = await store.claim(...call)
      if (found.jobs.length > 0) await reached('claimed')
      return found
    },
    async enqueue(...call) {
      await reached('enqueueing')
      const results = await store.enqueue(...call)
      await reached('enqueued')
      return results
    },
    async settle(...call) {
      await reached('settling')
      const answer = await store.settle(...call)
      await reached('settled')
      return answer
    },
  }
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(key in calls ? calls : target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

const moving = relay({
  from: stopping(createPostgresStore({ url: from })),
  to: stopping(createRedisStore(to)),
  queues: ['orders'],
})
moving.start()
process.on('SIGTERM', () => void moving.stop())
