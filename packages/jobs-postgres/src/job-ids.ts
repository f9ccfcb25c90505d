import type { JobRef } from '@cgk/jobs-core'
import type { Parameter } from '@cgk/db'

const PATTERN = /^job_([0-9a-z]{1,11})_([0-9a-f]{16})$/
const GREATEST_ID = 2n ** 63n - 1n

/** The id of a job whose producer named none: that of its row, in the form of core's `createJobId`. */
export function makeJobId(id: bigint | string, createdAt: number): string {
  // A number is much faster, where it is exact.
  const number = Number(id)
  if (number <= Number.MAX_SAFE_INTEGER) return makeNearJobId(number, createdAt)
  return prefixOf(createdAt) + BigInt(id).toString(16).padStart(16, '0')
}

const PAIRS = Array.from({ length: 256 }, (_, low) => low.toString(16).padStart(2, '0'))
const last = { createdAt: Number.NaN, high: Number.NaN, text: '' }

/** Rows come in numbers that follow one another, and digits of another base take their time. */
function makeNearJobId(id: number, createdAt: number): string {
  const low = id % 256
  const high = (id - low) / 256
  if (high !== last.high || createdAt !== last.createdAt) {
    const text = prefixOf(createdAt) + high.toString(16).padStart(14, '0')
    Object.assign(last, { createdAt, high, text })
  }
  return last.text + PAIRS[low]!
}

function prefixOf(createdAt: number): string {
  return `job_${createdAt.toString(36)}_`
}

/** When the job of that row was created, if this is the id that {@link makeJobId} made for it; else `null`. */
export function createdAtOf(jobId: string, id: string): number | null {
  const createdAt = Number.parseInt(jobId.slice('job_'.length, -'_0123456789abcdef'.length), 36)
  return Number.isSafeInteger(createdAt) && makeJobId(id, createdAt) === jobId ? createdAt : null
}

/** What is in an id that {@link makeJobId} made; `null` for any other text. */
function parseJobId(text: string): { readonly id: bigint; readonly createdAt: number } | null {
  const [, created, digits] = PATTERN.exec(text) ?? []
  if (created === undefined || digits === undefined) return null
  const id = BigInt(`0x${digits}`)
  const createdAt = Number.parseInt(created, 36)
  const isOurs =
    id <= GREATEST_ID && Number.isSafeInteger(createdAt) && makeJobId(id, createdAt) === text
  return isOurs ? { id, createdAt } : null
}

/**
 * Refs as the arrays that SQL functions take: queues, tenants, ids as callers know them, and, of those
 * that the store made, what is in them (see `find_job`).
 */
export function refColumns(refs: readonly JobRef[]): readonly Parameter[] {
  const parsed = refs.map(({ id }) => parseJobId(id))
  return [
    refs.map(({ queue }) => queue),
    refs.map(({ tenantId }) => tenantId ?? ''),
    refs.map(({ id }) => id),
    parsed.map((found) => found?.id ?? null),
    parsed.map((found) => found?.createdAt ?? null),
  ]
}
