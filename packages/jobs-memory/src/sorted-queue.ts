/** What a {@link SortedQueue} writes into its items; an item is in one queue at a time. */
export interface QueueItem<T extends QueueItem<T>> {
  /** The queue that holds the item. */
  home: SortedQueue<T> | null
  /** Its index in the heap, or −1 while it is not in the heap. */
  heapIndex: number
  /** Its neighbours in the run. */
  previous: T | null
  next: T | null
}

/**
 * A priority queue from which any item can be removed.
 *
 * An item that sorts after all of the *run*, a linked list, is appended to it; any other goes into a
 * binary heap. Most items arrive in order (admissions, expiries of equal leases, ends) and cost O(1),
 * with no array to grow or to compact however long the queue; the rest cost O(log n). Items that
 * compare equal leave the run in order of arrival.
 */
export class SortedQueue<T extends QueueItem<T>> {
  readonly #compare: (a: T, b: T) => number
  readonly #heap: T[] = []
  #first: T | null = null
  #last: T | null = null
  #runLength = 0

  /** @param compare - negative where `a` leaves before `b`. */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#runLength + this.#heap.length
  }

  push(item: T): void {
    item.home = this
    const last = this.#last
    if (last !== null && this.#compare(item, last) < 0) {
      this.#heap.push(item)
      this.#siftUp(item, this.#heap.length - 1)
      return
    }
    item.previous = last
    if (last === null) this.#first = item
    else last.next = item
    this.#last = item
    this.#runLength++
  }

  /** The first item, which stays. */
  peek(): T | undefined {
    const first = this.#first
    const top = this.#heap[0]
    if (first === null) return top
    return top !== undefined && this.#compare(top, first) < 0 ? top : first
  }

  pop(): T | undefined {
    const item = this.peek()
    if (item !== undefined) this.remove(item)
    return item
  }

  /** Takes out an item whose `home` is this queue. */
  remove(item: T): void {
    item.home = null
    if (item.heapIndex >= 0) this.#removeFromHeap(item)
    else this.#removeFromRun(item)
  }

  #removeFromRun(item: T): void {
    const { previous, next } = item
    if (previous === null) this.#first = next
    else previous.next = next
    if (next === null) this.#last = previous
    else next.previous = previous
    // A reference left behind would keep what follows alive as long as this item.
    item.previous = null
    item.next = null
    this.#runLength--
  }

  #removeFromHeap(item: T): void {
    const heap = this.#heap
    const index = item.heapIndex
    item.heapIndex = -1
    const last = heap.pop()!
    if (last === item) return
    if (index > 0 && this.#compare(last, heap[(index - 1) >> 1]!) < 0) this.#siftUp(last, index)
    else this.#siftDown(last, index)
  }

  #siftUp(item: T, index: number): void {
    const heap = this.#heap
    let at = index
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]!
      if (this.#compare(item, above) >= 0) break
      heap[at] = above
      above.heapIndex = at
      at = parent
    }
    heap[at] = item
    item.heapIndex = at
  }

  #siftDown(item: T, index: number): void {
    const heap = this.#heap
    const size = heap.length
    let at = index
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && this.#compare(heap[child + 1]!, heap[child]!) < 0) child++
      const below = heap[child]!
      if (this.#compare(item, below) <= 0) break
      heap[at] = below
      below.heapIndex = at
      at = child
    }
    heap[at] = item
    item.heapIndex = at
  }
}
