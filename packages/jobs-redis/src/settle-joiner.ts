import type { CallOptions, LeaseStore } from '@cgk/jobs-core'

type Settle = LeaseStore['settle']
export type SettleRequest = Parameters<Settle>[0]
export type SettleAnswer = Awaited<ReturnType<Settle>>

/** A call of `settle` that was made while a job was on its way out, and is to go with it. */
export interface JoinedSettle {
  readonly request: SettleRequest & Required<Pick<SettleRequest, 'claim'>>
  readonly options: CallOptions | undefined
  readonly answer: PromiseWithResolvers<SettleAnswer>
  /** Makes the call by itself. */
  readonly alone: () => Promise<SettleAnswer>
}

/**
 * Lets a claim that is made because of a job go with that job: an idle worker beside the producer costs no call of its
 * own.
 */
export class SettleJoiner {
  readonly #isJoining: boolean
  #gathering: { readonly queue: string; joined: JoinedSettle | null } | null = null

  /** @param isJoining - whether a claim may go with a job: it may not where it is about several shards. */
  constructor(isJoining: boolean) {
    this.#isJoining = isJoining
  }

  /**
   * Tells of a job of the queue that is about to be sent, in the same turn. Of what is asked for meanwhile, which is to
   * go with it; whatever else it is comes right behind the job, for a call by itself looks around first.
   */
  gather(queue: string, tell: () => void): JoinedSettle | null {
    const gathering = { queue, joined: null }
    const outer = this.#gathering
    this.#gathering = gathering
    tell()
    this.#gathering = outer
    return gathering.joined
  }

  /** Makes a call, by itself unless it may go with a job. */
  settle(
    request: SettleRequest,
    options: CallOptions | undefined,
    alone: () => Promise<SettleAnswer>,
  ): Promise<SettleAnswer> {
    const gathering = this.#gathering
    const isFirst = this.#isJoining && gathering?.joined === null
    if (!isFirst || !isAbout(gathering.queue, request)) return alone()
    const answer = Promise.withResolvers<SettleAnswer>()
    gathering.joined = { request, options, answer, alone }
    return answer.promise
  }
}

/** Whether it claims of the queue, and is about no other. */
function isAbout(queue: string, request: SettleRequest): request is JoinedSettle['request'] {
  const { settlements, claim } = request
  return claim?.queue === queue && settlements.every(({ lease }) => lease.queue === queue)
}
