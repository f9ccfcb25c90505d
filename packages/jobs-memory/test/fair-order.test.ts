import { systemPorts } from '@cgk/jobs-core'
import { describe, expect, test } from 'vitest'
import { FairOrder } from '../src/fair-order.ts'
import { createJob } from '../src/job.ts'
import type { Lane } from '../src/lane.ts'
import { StoreState } from '../src/store-state.ts'

const QUEUE = 'default'

function addJob(lane: Lane): void {
  const { queue, tenantId } = lane
  const input = { queue: queue.name, tenantId, name: 'work', payload: '{}', priority: 0 }
  lane.ready.push(createJob(lane, `job-${lane.ready.size}`, input, 0, 0, null))
}

describe('FairOrder', () => {
  test('a lane that comes back at once makes the turns of the others cost no more', () => {
    const queue = new StoreState(systemPorts.random, {}).queueOf(QUEUE)
    const order = new FairOrder(() => queue.lanes)
    const [brief, ...others] = Array.from({ length: 100 }, (_, index) => queue.laneOf(`${index}`))
    addJob(brief!)
    for (const lane of others) for (let jobs = 0; jobs < 3; jobs++) addJob(lane)
    for (const lane of queue.lanes) order.enter(lane)

    expect(order.take()?.lane).toBe(brief)
    addJob(brief!)
    order.enter(brief!)
    for (const lane of others) expect(order.take()?.lane).toBe(lane)

    // Else each of them costs a search in a heap when its turn comes.
    expect(others.filter(({ heapIndex }) => heapIndex >= 0)).toHaveLength(0)
    for (const lane of [...others, brief]) expect(order.take()?.lane).toBe(lane)
  })
})
