import { describe, expect, test } from 'vitest'
import { SortedQueue, type QueueItem } from '../src/sorted-queue.ts'
import { seededRandom } from './seeded-random.ts'

interface Item extends QueueItem<Item> {
  readonly key: number
  readonly arrival: number
}

let arrivals = 0

function item(key: number): Item {
  return { key, arrival: arrivals++, home: null, heapIndex: -1, previous: null, next: null }
}

function byKey(a: Item, b: Item): number {
  return a.key - b.key
}

function byKeyThenArrival(a: Item, b: Item): number {
  return a.key - b.key || a.arrival - b.arrival
}

function drain(queue: SortedQueue<Item>): Item[] {
  const items: Item[] = []
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) items.push(next)
  return items
}

describe('SortedQueue', () => {
  test('items leave in order, whatever the order they came in', () => {
    const queue = new SortedQueue(byKey)
    for (const key of [5, 6, 1, 7, 3, 2, 9, 8, 4]) queue.push(item(key))

    expect(drain(queue).map(({ key }) => key)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(queue.peek()).toBeUndefined()
  })

  test('equal items that came in order leave in order of arrival', () => {
    const queue = new SortedQueue(byKey)
    const items = [item(1), item(1), item(1)]
    for (const each of items) queue.push(each)

    expect(drain(queue)).toEqual(items)
  })

  test('an item that goes ahead of equal ones leaves their order as it is', () => {
    const queue = new SortedQueue(byKey)
    const [first, second, third] = [item(2), item(2), item(2)]
    const ahead = item(1)
    for (const each of [first, second, ahead, third]) queue.push(each)

    expect(drain(queue)).toEqual([ahead, first, second, third])
  })

  test('an item that left refers to nothing', () => {
    const queue = new SortedQueue(byKey)
    const items = [1, 3, 2, 5, 4].map(item)
    for (const each of items) queue.push(each)
    for (const each of items) queue.remove(each)

    for (const { home, heapIndex, previous, next } of items) {
      expect({ home, heapIndex, previous, next }).toEqual({
        home: null,
        heapIndex: -1,
        previous: null,
        next: null,
      })
    }
  })

  test.each([1, 2, 3, 4, 5])(
    'any sequence of calls agrees with a sorted list (seed %i)',
    (seed) => {
      const random = seededRandom(seed)
      const queue = new SortedQueue(byKeyThenArrival)
      const list: Item[] = []
      const below = (end: number): number => Math.floor(random.next() * end)
      // Keys that mostly ascend reach both the run and the heap.
      const spread = [1, 10, 1_000][seed % 3]!
      for (let step = 0; step < 5_000; step++) {
        const call = below(10)
        if (call < 5 || list.length === 0) {
          const added = item(step + below(spread))
          queue.push(added)
          list.push(added)
          list.sort(byKeyThenArrival)
        } else if (call < 8) {
          expect(queue.pop()).toBe(list.shift())
        } else {
          const [removed] = list.splice(below(list.length), 1)
          expect(removed?.home).toBe(queue)
          queue.remove(removed!)
        }
        expect(queue.size).toBe(list.length)
        expect(queue.peek()).toBe(list[0])
      }
      expect(drain(queue)).toEqual(list)
    },
  )
})
