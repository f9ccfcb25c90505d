import type { Group } from './group.ts'
import type { Job } from './job.ts'
import type { KeyGate } from './key-gate.ts'
import type { UniqueHold } from './unique-holds.ts'

/** What binds a job to others: its keys and its groups. Most jobs have none. */
export interface Ties {
  /** Set while the job holds its unique key, or waits as the successor of who does. */
  hold: UniqueHold | null
  /** Decides, with an ordering or a concurrency key, when the job may be claimed. */
  gate: KeyGate | null
  concurrencyLimit: number
  /** The job is due and its gate keeps it back. */
  isParked: boolean
  /** Its place among the jobs of an ordering key: the lower the earlier. */
  turn: number
  ahead: Job | null
  behind: Job | null
  /** The group that waits for the job. */
  memberOf: Group | null
  /** The group at whose end the job was made. */
  callbackOf: Group | null
  /** For the holder of a key with a window that has ended: when the window ends. */
  retainedUntil: number
  /** No history is kept of it, once nothing retains it any more. */
  discard: boolean
}

/** Ties of a job that is bound to nothing yet. */
export function makeTies(): Ties {
  return {
    hold: null,
    gate: null,
    concurrencyLimit: 0,
    isParked: false,
    turn: 0,
    ahead: null,
    behind: null,
    memberOf: null,
    callbackOf: null,
    retainedUntil: 0,
    discard: false,
  }
}
