import type { Job } from './job.ts'
import type { KeyScope } from './key-scope.ts'

/**
 * Decides which of the jobs that share an ordering or a concurrency key may be claimed. What may not is
 * in no queue that a claim looks at, so that a blocked key costs claims nothing.
 *
 * Calls that can let a job through tell whether they did.
 */
export interface KeyGate {
  /** Its name among the gates of its lane. */
  readonly name: string
  /** The key, where limits say something about it. */
  scope: KeyScope | null
  /** How many jobs of the key are leased. */
  readonly held: number
  /** A job of the key begins to live. */
  enter(job: Job): void
  /** A job has ended and no worker holds it, or it is deleted. */
  leave(job: Job): boolean
  /** A job is due and waits. */
  offer(job: Job): boolean
  /** A waiting job was taken out of whatever it waits in. */
  withdrawn(job: Job): boolean
  /** The job was claimed. */
  granted(job: Job): void
  /** The lease of a job has ended. */
  released(job: Job): boolean
  /** Whether a job that waits for its time could be claimed then, as things stand. */
  admits(job: Job): boolean
  /** The limits of the key have changed, or what is left of them. */
  reconsider(): boolean
  /** Whether no job of the key lives. */
  readonly isEmpty: boolean
}
