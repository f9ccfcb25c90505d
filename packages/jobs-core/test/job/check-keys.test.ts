import { describe, expect, test } from 'vitest'
import { checkKeys } from '../../src/job/check-keys.ts'
import type { JobOptions } from '../../src/job/job.ts'
import { DEFAULT_SIZES } from '../../src/size-limits.ts'

const check = (options: unknown): void => checkKeys(options as JobOptions, DEFAULT_SIZES)

test.each<JobOptions>([
  {},
  { uniqueKey: 'a' },
  { uniqueKey: 'ü/😀 *{}:'.padEnd(200, 'x') },
  { uniqueKey: 'a', jobId: '1' },
  { uniqueKey: { key: 'a' } },
  { uniqueKey: { key: 'a', window: 1 }, delay: 5 },
  { uniqueKey: { key: 'a', ifTaken: 'keep', window: 86_400_000 }, jobId: '1' },
  { uniqueKey: { key: 'a', ifTaken: 'replace' }, scheduledAt: new Date(0) },
  { uniqueKey: { key: 'a', ifTaken: 'debounce', wait: 0.5 * 1000 } },
  { uniqueKey: { key: 'a', ifTaken: 'debounce', wait: 500, maxWait: 500 } },
  { uniqueKey: 'a', orderingKey: 'b' },
  { uniqueKey: 'a', concurrencyKey: 'b' },
])('%j is allowed', (options) => {
  expect(() => {
    check(options)
  }).not.toThrow()
})

describe.each(['uniqueKey', 'uniqueKey.key', 'orderingKey', 'concurrencyKey'])('%s', (option) => {
  test.each(['', 'x'.repeat(201), 'a\nb', 'a\0', '\u007f', '\ud83d', 7, true])(
    '%j is not allowed',
    (key) => {
      const options = option === 'uniqueKey.key' ? { uniqueKey: { key } } : { [option]: key }
      expect(() => {
        check(options)
      }).toThrow(
        expect.objectContaining({
          code: 'JOBS_INVALID_KEY',
          message: expect.stringMatching(
            new RegExp(`^${option} .* is not allowed: 1 to 200 characters, none`, 's'),
          ) as string,
        }),
      )
    },
  )
})

test.each([null, {}, { key: null }, []])('uniqueKey %j has no key', (uniqueKey) => {
  expect(() => {
    check({ uniqueKey })
  }).toThrow(expect.objectContaining({ code: 'JOBS_INVALID_KEY' }))
})

test('the limit of a key is the queue’s', () => {
  expect(() => {
    checkKeys({ orderingKey: 'abcd' }, { keyLength: 3 })
  }).toThrow(/1 to 3 characters/)
})

const debounce = { key: 'a', ifTaken: 'debounce', wait: 500 }

test.each<[string, unknown, RegExp]>([
  [
    'an unknown answer',
    { uniqueKey: { key: 'a', ifTaken: 'drop' } },
    /^uniqueKey\.ifTaken must be 'keep', 'replace' or 'debounce', not "drop"$/,
  ],
  [
    'an answer that every object has',
    { uniqueKey: { key: 'a', ifTaken: 'toString' } },
    /^uniqueKey\.ifTaken must be/,
  ],
  [
    'an unknown setting',
    { uniqueKey: { key: 'a', windowMs: 5 } },
    /^a uniqueKey with ifTaken 'keep' has no setting "windowMs"$/,
  ],
  [
    'a window to replace in',
    { uniqueKey: { key: 'a', ifTaken: 'replace', window: 5 } },
    /^a uniqueKey with ifTaken 'replace' has no setting "window"$/,
  ],
  [
    'a window to debounce in',
    { uniqueKey: { ...debounce, window: 5 } },
    /^a uniqueKey with ifTaken 'debounce' has no setting "window"$/,
  ],
  ['a wait to keep', { uniqueKey: { key: 'a', wait: 5 } }, /'keep' has no setting "wait"$/],
  [
    'a window of 0',
    { uniqueKey: { key: 'a', window: 0 } },
    /^uniqueKey\.window must be a number of milliseconds from 1 to \d+, not 0$/,
  ],
  [
    'an endless window',
    { uniqueKey: { key: 'a', window: Infinity } },
    /^uniqueKey\.window must be/,
  ],
  [
    'no wait',
    { uniqueKey: { key: 'a', ifTaken: 'debounce' } },
    /^uniqueKey\.wait must be a number of milliseconds from 1 to/,
  ],
  ['a wait of 0', { uniqueKey: { ...debounce, wait: 0 } }, /^uniqueKey\.wait must be .* not 0$/],
  [
    'a maxWait that is shorter than the wait',
    { uniqueKey: { ...debounce, maxWait: 499 } },
    /^uniqueKey\.maxWait must be a number of milliseconds from 500 to \d+, not 499$/,
  ],
  [
    'replace beside jobId',
    { uniqueKey: { key: 'a', ifTaken: 'replace' }, jobId: '1' },
    /^a uniqueKey with ifTaken 'replace' cannot stand beside jobId$/,
  ],
  [
    'debounce beside jobId',
    { uniqueKey: debounce, jobId: '1' },
    /^a uniqueKey with ifTaken 'debounce' cannot stand beside jobId$/,
  ],
  [
    'debounce beside delay',
    { uniqueKey: debounce, delay: 5 },
    /^a debounced uniqueKey says itself when the job starts/,
  ],
  [
    'debounce beside scheduledAt',
    { uniqueKey: debounce, scheduledAt: new Date(0) },
    /^a debounced uniqueKey says itself when the job starts/,
  ],
  [
    'two keys that limit',
    { orderingKey: 'a', concurrencyKey: 'b' },
    /^give orderingKey or concurrencyKey, not both$/,
  ],
])('%s is refused', (_, options, says) => {
  expect(() => {
    check(options)
  }).toThrow(
    expect.objectContaining({
      code: 'JOBS_INVALID_OPTION',
      message: expect.stringMatching(says) as string,
    }),
  )
})
