import type { Lease } from '@cgk/jobs-core'
import { createdAtOf } from './job-ids.ts'
import { readToken } from './token.ts'

/** What a lease's token and id say. */
export interface LeaseFacts {
  /** The claim, as it is in `lease`. */
  readonly claim: string
  readonly turn: number
  /** The job's row, in decimal digits. */
  readonly id: string
  /** `null` where the store made the job's id for that row, and `createdAt` is what else is in it. */
  readonly jobId: string | null
  readonly createdAt: number | null
  /** Whether the job is known to be one that `settle_bare` is for. */
  readonly isBare: boolean
}

/** Makes the private fields of a class part of an object that is there already. */
class Added {
  constructor(object: object) {
    return object
  }
}

/** A lease that carries its facts: reading them out of texts takes longer than all else that settling does here. */
class FactsAdded extends Added {
  readonly #facts: LeaseFacts

  constructor(lease: Lease, facts: LeaseFacts) {
    super(lease)
    this.#facts = facts
  }

  static of(lease: Lease): LeaseFacts | null {
    return #facts in lease ? lease.#facts : null
  }
}

/** Adds its facts to a lease. A copy of it does not have them, for it may say something else. */
export function withFacts<T extends Lease>(lease: T, facts: LeaseFacts): T {
  new FactsAdded(lease, facts)
  return lease
}

/** The facts of a lease; `null` for one that no claim ever gave. */
export function factsOf(lease: Lease): LeaseFacts | null {
  return FactsAdded.of(lease) ?? readFacts(lease)
}

function readFacts({ token: text, id: jobId }: Lease): LeaseFacts | null {
  const token = readToken(text)
  if (token === null) return null
  const createdAt = createdAtOf(jobId, token.id)
  return { ...token, jobId: createdAt === null ? jobId : null, createdAt, isBare: false }
}
