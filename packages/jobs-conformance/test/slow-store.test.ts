import type { JobStore, WakeUp } from '@cgk/jobs-core'
import { allCases, checkModel, type StoreHarness } from '@cgk/jobs-conformance'
import { setImmediate } from 'node:timers/promises'
import { describe, test } from 'vitest'
import { memoryHarness } from './memory-harness.ts'

/** Turns of the event loop that a call takes on its way there or back: few, and never the same. */
function* turns(): Generator<number, never> {
  for (let count = 0; ; count += 1) yield (count * 7) % 4
}

/** A handle whose calls overtake each other on the way to the store, and its answers on the way back. */
function slowHandle(store: JobStore, delays: Generator<number, never>): JobStore {
  const travel = async () => {
    for (let left = delays.next().value; left > 0; left -= 1) await setImmediate()
  }
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      if (key === 'subscribe') {
        return (listener: (wakeUp: WakeUp) => void): (() => void) | undefined => {
          let isListening = true
          const stop = target.subscribe?.((wakeUp) => {
            // What a listener throws is nothing to whoever tells it.
            travel()
              .then(() => isListening && listener(wakeUp))
              .catch(() => {})
          })
          return () => {
            isListening = false
            stop?.()
          }
        }
      }
      return async (...args: unknown[]): Promise<unknown> => {
        await travel()
        try {
          return (await value.apply(target, args)) as unknown
        } finally {
          await travel()
        }
      }
    },
  })
}

const slowHarness: StoreHarness = {
  largestBacklog: 2_000,
  async open(options) {
    const open = await memoryHarness.open(options)
    const delays = turns()
    return {
      store: slowHandle(open.store, delays),
      another: async () => slowHandle(await open.another(), delays),
      advance: (ms) => open.advance(ms),
      now: () => open.now(),
      close: () => open.close(),
    }
  },
}

describe('a sound store passes though its calls take time', () => {
  for (const { operation, cases } of allCases) {
    test(operation, { timeout: 30_000 }, async () => {
      for (const storeCase of cases) {
        await storeCase.run(slowHarness).catch((cause: unknown) => {
          throw new Error(storeCase.name, { cause })
        })
      }
    })
  }

  test('the model', { timeout: 60_000 }, async () => {
    await checkModel(slowHarness, { runs: 20 })
  })
})
