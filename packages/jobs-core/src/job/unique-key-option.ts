import type { UniqueKey } from '../storage/unique-key.ts'
import { wholeMs } from './check-job-options.ts'
import type { UniqueKeyOption } from './job.ts'

/** A checked option as stores take it. */
export function storedUniqueKey(option: UniqueKeyOption): UniqueKey {
  if (typeof option === 'string') return { key: option, ifTaken: 'keep' }
  const { key } = option
  if (option.ifTaken === 'replace') return { key, ifTaken: 'replace' }
  if (option.ifTaken === 'debounce') {
    const { maxWait } = option
    return {
      key,
      ifTaken: 'debounce',
      ...(maxWait !== undefined && { maxWaitMs: wholeMs(maxWait) }),
    }
  }
  const { window } = option
  return { key, ifTaken: 'keep', ...(window !== undefined && { windowMs: wholeMs(window) }) }
}

/** How long a debounced job waits; `undefined` for any other. */
export function debounceOf(option: UniqueKeyOption | undefined): number | undefined {
  return typeof option === 'object' && option.ifTaken === 'debounce' ? option.wait : undefined
}
