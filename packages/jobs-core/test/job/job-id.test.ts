import { createJobId, parseJobId } from '@cgk/jobs-core'
import { describe, expect, test } from 'vitest'

describe('createJobId', () => {
  test('an id is the milliseconds in base 36 and 16 hexadecimal digits', () => {
    const random = { next: () => 0, hex: (digits: number) => 'f'.repeat(digits) }
    expect(createJobId(1_767_603_600_000.75, random)).toBe(
      `job_${(1_767_603_600_000).toString(36)}_${'f'.repeat(16)}`,
    )
  })

  test('ids of one millisecond differ', () => {
    const ids = new Set(Array.from({ length: 10_000 }, () => createJobId(0)))
    expect(ids.size).toBe(10_000)
  })

  test('by default an id tells the time of day', () => {
    const before = Date.now()
    const parsed = parseJobId(createJobId())
    expect(parsed!.timestamp.getTime()).toBeGreaterThanOrEqual(before)
    expect(parsed!.timestamp.getTime()).toBeLessThanOrEqual(Date.now())
  })
})

describe('parseJobId', () => {
  test.each([0, 1, 1_767_603_600_000, 8.64e15])('reads back what was made at %i', (now) => {
    const id = createJobId(now)
    expect(parseJobId(id)).toEqual({ timestamp: new Date(now), random: id.slice(-16) })
  })

  test.each([
    '',
    'job_',
    'job_abc',
    'job_abc_0123456789abcde',
    'job_abc_0123456789abcdef0',
    'job_abc_0123456789ABCDEF',
    'job_ABC_0123456789abcdef',
    'job__0123456789abcdef',
    ' job_abc_0123456789abcdef',
    'job_abc_0123456789abcdef\n',
    'JOB_abc_0123456789abcdef',
    // An instant that no Date can hold.
    'job_zzzzzzzzzzz_0123456789abcdef',
    'order-123',
  ])('answers null for %j', (id) => {
    expect(parseJobId(id)).toBeNull()
  })
})
