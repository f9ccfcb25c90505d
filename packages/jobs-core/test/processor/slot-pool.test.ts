import { describe, expect, test } from 'vitest'
import { type PooledSlots, PROMPT_MS, SlotPool } from '../../src/processor/slot-pool.ts'
import { HandTime } from '../hand-time.ts'

/** A loop that takes whatever it may, as long as it has jobs. */
class Loop {
  readonly slots: PooledSlots
  running = 0
  jobs: number

  constructor(pool: SlotPool, jobs = 0) {
    this.jobs = jobs
    this.slots = pool.join()
    this.slots.onRoom(() => this.pump())
  }

  pump(): void {
    if (this.jobs === 0) this.slots.rest()
    else this.slots.ask(0)
    while (this.jobs > 0 && this.slots.free > 0) {
      this.jobs -= 1
      this.running += 1
      this.slots.take()
    }
    if (this.jobs > 0) this.slots.ask(0)
    else this.slots.rest()
  }

  end(): void {
    this.running -= 1
    this.slots.give()
    this.pump()
  }
}

const pool = (size: number, time = new HandTime()) => new SlotPool(size, time)

test('one loop alone has all the slots', () => {
  const shared = pool(5)
  const loop = new Loop(shared, 9)
  void new Loop(shared)
  loop.pump()
  expect(loop.running).toBe(5)
})

test('loops that all have work have their share each', () => {
  const shared = pool(6)
  const loops = [new Loop(shared, 99), new Loop(shared, 99), new Loop(shared, 99)]
  for (const { slots } of loops) slots.ask(0)
  for (const loop of loops) loop.pump()
  expect(loops.map(({ running }) => running)).toEqual([2, 2, 2])
})

test('what was lent comes back as attempts end, up to the share and no further', () => {
  const shared = pool(4)
  const [busy, late] = [new Loop(shared, 99), new Loop(shared, 0)]
  busy.pump()
  expect(busy.running).toBe(4)
  late.jobs = 99
  late.pump()
  expect(late.running).toBe(0)
  for (let ended = 1; ended <= 6; ended++) {
    busy.end()
    expect(late.running).toBe(Math.min(ended, 2))
    expect(busy.running + late.running).toBe(4)
  }
})

test('a share that is needed no more is lent again at once', () => {
  const shared = pool(4)
  const [busy, brief] = [new Loop(shared, 99), new Loop(shared, 2)]
  for (const { slots } of [busy, brief]) slots.ask(0)
  brief.pump()
  busy.pump()
  // What it holds still counts as its share, and it needs no more than it holds.
  expect([busy.running, brief.running]).toEqual([2, 2])
  brief.end()
  brief.end()
  expect(busy.running).toBe(4)
})

test('where there are more loops than slots, each has one by turns', () => {
  const shared = pool(2)
  const loops = Array.from({ length: 5 }, () => new Loop(shared, 1_000))
  const begun = (loop: Loop): number => 1_000 - loop.jobs
  for (const { slots } of loops) slots.ask(0)
  for (const loop of loops) loop.pump()
  for (let round = 0; round < 100; round++) {
    const running = loops.filter((loop) => loop.running > 0)
    expect(running.reduce((sum, loop) => sum + loop.running, 0)).toBe(2)
    running[round % running.length]!.end()
  }
  for (const loop of loops) expect(begun(loop)).toBeGreaterThanOrEqual(17)
})

describe('a claim on its way', () => {
  test('keeps the slots it was made for', () => {
    const shared = pool(4)
    const [asking, other] = [new Loop(shared), new Loop(shared, 99)]
    asking.slots.ask(0)
    asking.slots.reserve(2)
    other.pump()
    expect(other.running).toBe(2)
  })

  test('that is not answered in time keeps none, nor does the next one, until one is', () => {
    const time = new HandTime()
    const shared = pool(4, time)
    const [silent, other] = [shared.join(), new Loop(shared, 99)]
    silent.ask(0)
    silent.reserve(2)
    other.pump()
    time.pass(PROMPT_MS)
    expect(other.running).toBe(4)
    silent.answered({ failed: true })
    silent.ask(0)
    silent.reserve(2)
    other.end()
    expect(other.running).toBe(4)
    // In time again: from now on it can count on its share.
    silent.answered({ failed: false })
    silent.ask(0)
    other.end()
    expect(other.running).toBe(3)
  })

  test('that fails at once keeps none, nor does the next one', () => {
    const shared = pool(4)
    const [silent, other] = [shared.join(), new Loop(shared, 99)]
    silent.ask(0)
    silent.reserve(2)
    silent.answered({ failed: true })
    silent.ask(0)
    silent.reserve(2)
    other.pump()
    expect(other.running).toBe(4)
  })

  test('of a slow store keeps one slot, so that it gets one after the other up to its share', () => {
    const time = new HandTime()
    const shared = pool(6, time)
    const [slow, other] = [shared.join(), new Loop(shared, 99)]
    slow.ask(0)
    slow.reserve(3)
    time.pass(300)
    slow.answered({ failed: false })
    slow.ask(0)
    other.pump()
    expect(other.running).toBe(5)
    for (let has = 1; has <= 3; has++) {
      slow.reserve(1)
      time.pass(300)
      slow.answered({ failed: false })
      slow.take()
      slow.ask(0)
      other.end()
      expect(other.running).toBe(Math.max(3, 5 - has))
    }
  })

  test('that was never answered is given slots for what earlier ones brought', () => {
    const time = new HandTime()
    const shared = pool(4, time)
    const [silent, other] = [shared.join(), new Loop(shared, 99)]
    silent.ask(0)
    silent.reserve(2)
    time.pass(PROMPT_MS)
    other.pump()
    silent.ask(1)
    let told = 0
    silent.onRoom(() => (told += 1))
    other.end()
    other.end()
    expect(other.running).toBe(3)
    expect(silent.free).toBe(1)
    expect(told).toBe(1)
  })
})

test('a loop that leaves takes its claims along', () => {
  const shared = pool(4)
  const [leaving, other] = [new Loop(shared), new Loop(shared, 99)]
  leaving.slots.ask(0)
  other.pump()
  expect(other.running).toBe(2)
  shared.leave(leaving.slots)
  expect(other.running).toBe(4)
})
