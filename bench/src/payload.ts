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

export function createPayloads(count: number): Payload[] {
  return Array.from({ length: count }, (_, order) => createPayload(order))
}

/** The items in order, at most `size` at a time. */
export function* batchesOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}
