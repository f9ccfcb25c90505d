import { DbError } from './db-error.ts'

export function transactionEnded(): DbError {
  return new DbError(
    'DB_TRANSACTION_ENDED',
    'the transaction has ended: await every statement inside the function it was given to',
  )
}
