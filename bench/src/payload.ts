/** What every job of every scenario carries: about 60 bytes as JSON. */
export interface Payload {
  readonly to: string
  readonly order: number
  /** `performance.now()` when the job was enqueued, 0 where nobody asks. */
  readonly sentAt: number
}

export function createPayload(order: number, sentAt = 0): Payload {
  return { to: `customer-${order}@example.com`, order, sentAt }
}

function createPayloads(count: number, first = 0): Payload[] {
  return Array.from({ length: count }, (_, index) => createPayload(first + index))
}

/** The payloads of so many jobs, at most `size` at a time, each batch made when it is asked for. */
export function* payloadBatches(count: number, size: number): Generator<readonly Payload[]> {
  for (let first = 0; first < count; first += size) {
    yield createPayloads(Math.min(size, count - first), first)
  }
}

/** The items in order, at most `size` at a time. */
export function* batchesOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}
