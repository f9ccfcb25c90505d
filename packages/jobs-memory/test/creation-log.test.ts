import { describe, expect, test } from 'vitest'
import { CreationLog, type LoggedItem } from '../src/creation-log.ts'
import { seededRandom } from './seeded-random.ts'

interface Item extends LoggedItem<Item> {
  readonly name: string
}

function filled(count: number): { log: CreationLog<Item>; items: Item[] } {
  const log = new CreationLog<Item>()
  const items = Array.from({ length: count }, (_, index): Item => ({
    name: `item-${index}`,
    serial: -1,
    page: null,
  }))
  for (const item of items) log.add(item)
  return { log, items }
}

function serials(items: Iterable<Item>): number[] {
  return [...items].map(({ serial }) => serial)
}

describe('CreationLog', () => {
  test('an empty log has nothing', () => {
    const { log } = filled(0)

    expect(serials(log.newestFirst(Infinity))).toEqual([])
    expect(log.at(0)).toBeUndefined()
  })

  test('items are read newest first, from any serial on', () => {
    const { log } = filled(200)

    expect(serials(log.newestFirst(Infinity))).toEqual(
      Array.from({ length: 200 }, (_, i) => 199 - i),
    )
    expect(serials(log.newestFirst(65))).toEqual(Array.from({ length: 65 }, (_, i) => 64 - i))
    expect(serials(log.newestFirst(64))).toEqual(Array.from({ length: 64 }, (_, i) => 63 - i))
    expect(serials(log.newestFirst(0))).toEqual([])
  })

  test('an item is found by its serial until it is removed', () => {
    const { log, items } = filled(130)
    log.remove(items[128]!)

    expect(log.at(64)).toBe(items[64])
    expect(log.at(128)).toBeUndefined()
    expect(log.at(129)).toBe(items[129])
  })

  test.each([-1, 130, 1e15, 0.5, NaN, Infinity])('no item has the serial %d', (serial) => {
    expect(filled(130).log.at(serial)).toBeUndefined()
  })

  test('a serial is not given twice', () => {
    const { log, items } = filled(64)
    for (const item of items) log.remove(item)
    const next: Item = { name: 'next', serial: -1, page: null }
    log.add(next)

    expect(next.serial).toBe(64)
    expect(serials(log.newestFirst(Infinity))).toEqual([64])
  })

  test('a place that is gone is read from as one that is there', () => {
    const { log, items } = filled(64 * 10)
    for (const item of items.slice(64, 64 * 9)) log.remove(item)

    expect(serials(log.newestFirst(64 * 5))).toEqual(Array.from({ length: 64 }, (_, i) => 63 - i))
    for (const item of items.slice(0, 64)) log.remove(item)
    expect(serials(log.newestFirst(64 * 5))).toEqual([])
  })

  test('what is left after many removals is what was not removed', () => {
    const random = seededRandom(7)
    const { log, items } = filled(1_000)
    const left = items.filter(() => random.next() < 0.02)
    for (const item of items) if (!left.includes(item)) log.remove(item)

    expect([...log.newestFirst(Infinity)]).toEqual(left.toReversed())
  })
})
