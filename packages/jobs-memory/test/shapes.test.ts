import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { complete, systemPorts, type NewJob } from '@cgk/jobs-core'
import { expect, test } from 'vitest'
import { Enqueuer } from '../src/enqueuer.ts'
import { Groups } from '../src/groups.ts'
import { Leasing } from '../src/leasing.ts'
import { ScheduleBook } from '../src/schedule-book.ts'
import { StoreState } from '../src/store-state.ts'
import { Transitions } from '../src/transitions.ts'

const QUEUE = 'default'
const JOB: NewJob = { queue: QUEUE, tenantId: 'busy', name: 'work', payload: '{}', priority: 0 }
const CLAIM = {
  queue: QUEUE,
  slots: 1,
  prefetch: 0,
  leaseMs: 1_000,
  worker: 'w',
  suspects: false,
}

setFlagsFromString('--allow-natives-syntax')
const haveSameShape = runInThisContext('(a, b) => %HaveSameMap(a, b)') as (
  a: object,
  b: object,
) => boolean

function openParts() {
  const state = new StoreState(systemPorts.random, {})
  const groups: Groups = new Groups(state, {
    create: (input, now, links) => enqueuer.create(input, now, links),
    retire: (job, now) => {
      transitions.retire(job, now)
    },
  })
  const transitions = new Transitions(state, groups, new ScheduleBook())
  const enqueuer = new Enqueuer(state, transitions)
  return {
    queue: state.queueOf(QUEUE),
    enqueuer,
    leasing: new Leasing(state, transitions, enqueuer),
  }
}

// Else V8 brings each of those that wait into the new shape when it is touched next, one at a time.
test('what becomes of jobs changes the shape neither of those that wait nor of idle lanes', () => {
  const { queue, enqueuer, leasing } = openParts()
  const idle = queue.laneOf('idle')
  let now = Date.now()
  const jobs = Array.from({ length: 20 }, () => enqueuer.create(JOB, now))
  // Two, because a claim also touches the job behind the one that it takes.
  const [, untouched] = [enqueuer.create(JOB, now), enqueuer.create(JOB, now)]

  for (const { id } of jobs) {
    const [lease] = leasing.claim(CLAIM, ++now).jobs
    expect(lease!.id).toBe(id)
    leasing.settle(complete(lease!), ++now)
  }

  expect(jobs.map((job) => haveSameShape(job, untouched))).not.toContain(false)
  expect(haveSameShape(untouched.lane, idle)).toBe(true)
})
