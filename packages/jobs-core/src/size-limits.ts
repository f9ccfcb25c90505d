import { JobsError } from './errors.ts'

/** How large things may be. Lengths are characters (UTF-16 units), sizes UTF-8 bytes of JSON. */
export interface SizeLimits {
  /** Of a payload, a result or a metadata object. @defaultValue 262144 (256 KiB) */
  readonly payloadBytes: number
  /** Nesting of arrays and objects in one. @defaultValue 64 */
  readonly depth: number
  /** Of a job's name. @defaultValue 200 */
  readonly nameLength: number
  /** Of a `jobId`. @defaultValue 200 */
  readonly idLength: number
  /** Of a unique, ordering or concurrency key, and of a limiter's name. @defaultValue 200 */
  readonly keyLength: number
}

/** What applies where a queue's configuration says nothing. */
export const DEFAULT_SIZES: SizeLimits = Object.freeze({
  payloadBytes: 256 * 1024,
  depth: 64,
  nameLength: 200,
  idLength: 200,
  keyLength: 200,
})

/** Fills in the defaults. @throws {@link JobsError} `JOBS_INVALID_CONFIG` */
export function resolveSizes(given: Partial<SizeLimits> = {}): SizeLimits {
  const sizes = { ...DEFAULT_SIZES, ...given }
  for (const [name, value] of Object.entries(sizes) as [string, unknown][]) {
    if (!Number.isSafeInteger(value) || (value as number) < 1) {
      throw new JobsError(
        'JOBS_INVALID_CONFIG',
        `sizes.${name} must be a whole number from 1, not ${String(value)}`,
      )
    }
  }
  return sizes
}
