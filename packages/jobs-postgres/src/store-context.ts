import type { Db } from '@cgk/db'
import type { HistoryBounds } from './history.ts'
import type { WakeUps } from './wake-ups.ts'

/** What every operation is given beside its request: `fn(context, request, options)`. */
export interface StoreContext {
  readonly db: Db
  /** The schema, quoted, to be written before the name of a function. */
  readonly schema: string
  readonly history: HistoryBounds
  /** To be told, once a call is done, what workers may want to look at. */
  readonly wakeUps: Pick<WakeUps, 'ready' | 'changed' | 'offer' | 'expect' | 'isHeard'>
}
