import { expect, test } from 'vitest'
import { idRanges } from '../src/id-ranges.ts'

test('ids that follow each other are a range', () => {
  expect(idRanges(['8', '9', '10', '12', '14', '15'])).toEqual({
    firsts: ['8', '12', '14'],
    lasts: ['10', '12', '15'],
    places: [1, 4, 5],
  })
})

test('an id that is there twice is two ranges', () => {
  expect(idRanges(['8', '8'])).toEqual({ firsts: ['8', '8'], lasts: ['8', '8'], places: [1, 2] })
})

test('ids that no number tells apart are ranges by themselves', () => {
  const ids = ['9007199254740990', '9007199254740991', '9007199254740992', '9007199254740993']
  expect(idRanges(ids)).toEqual({
    firsts: [ids[0], ids[2], ids[3]],
    lasts: [ids[1], ids[2], ids[3]],
    places: [1, 3, 4],
  })
})
