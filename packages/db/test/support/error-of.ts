import { expect } from 'vitest'
import type { DbError } from '../../src/index.ts'

/** What a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<DbError> {
  return promise.then(
    () => expect.unreachable('it should have been refused'),
    (error: unknown) => error as DbError,
  )
}
