import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { type Line, readLines } from '../src/read-lines.ts'

async function linesOf(...chunks: readonly (string | Uint8Array)[]): Promise<Line[]> {
  const stream = Readable.from(
    chunks.map((chunk) => Buffer.from(chunk)),
    { objectMode: false },
  )
  const lines: Line[] = []
  for await (const batch of readLines(stream)) lines.push(...batch.lines)
  return lines
}

test('lines are numbered as an editor numbers them, and empty ones left out', async () => {
  expect(await linesOf('a\n\n  \r\nb\r\n', 'c')).toEqual([
    { number: 1, text: 'a' },
    { number: 4, text: 'b\r' },
    { number: 5, text: 'c' },
  ])
})

test('a line or a character cut by a chunk is whole again', async () => {
  const bytes = Buffer.from('zwölf ☕\n{}')
  const chunks = Array.from(bytes, (byte) => Uint8Array.of(byte))
  expect((await linesOf(...chunks)).map(({ text }) => text)).toEqual(['zwölf ☕', '{}'])
})

test('a byte order mark is no part of the text', async () => {
  expect(await linesOf('\uFEFF{}')).toEqual([{ number: 1, text: '{}' }])
})

test('an empty file has no lines', async () => {
  expect(await linesOf()).toEqual([])
})
