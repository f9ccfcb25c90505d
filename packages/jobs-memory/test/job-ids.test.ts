import { parseJobId } from '@cgk/jobs-core'
import { describe, expect, test } from 'vitest'
import { JobIds, serialIn } from '../src/job-ids.ts'
import { seededRandom } from './seeded-random.ts'

const NOW = 1_800_000_000_123

describe('JobIds', () => {
  test.each([0, 1, 255, 256, 65_535, 2 ** 32, 2 ** 40 - 1])(
    'an id holds the serial %d',
    (serial) => {
      const id = new JobIds(seededRandom(1)).make(NOW, serial)

      expect(serialIn(id)).toBe(serial)
      expect(parseJobId(id)?.timestamp.getTime()).toBe(NOW)
    },
  )

  test('ids differ by serial, by instant and by queue', () => {
    const random = seededRandom(2)
    const ids = new JobIds(random)
    const made = Array.from({ length: 1_000 }, (_, serial) => ids.make(NOW + (serial >> 5), serial))
    made.push(ids.make(NOW + 1_000, 999), new JobIds(random).make(NOW, 0))

    expect(new Set(made).size).toBe(1_002)
  })
})
