import { JobsError } from '../errors.ts'
import { checkDuration, checkInteger } from '../job/check-job-options.ts'
import { checkTenantChoice } from '../queue/job-selection.ts'
import type { QueueParts } from '../queue/queue-parts.ts'
import { EACH_TENANT, type LimitScope, type LimitState } from '../storage/limits.ts'
import { checkLimits } from './check-limits.ts'
import { checkScope, describeScope } from './check-scope.ts'
import { drained, type DrainOptions } from './drain.ts'
import type {
  LimitChanges,
  LimitListFilter,
  LimitPage,
  LimitStatus,
  QueueScope,
} from './limit-options.ts'
import { statedFromStore, statusFromStore } from './limits-from-store.ts'

const DEFAULT_PAGE = 100
const LARGEST_PAGE = 1_000

/** Limits and pauses of one queue. */
export class QueueControls {
  readonly #parts: QueueParts

  constructor(parts: QueueParts) {
    this.#parts = parts
  }

  async setLimits(given: QueueScope, limits: LimitChanges): Promise<void> {
    const { session } = this.#parts
    const scope = this.#scopeOf(given)
    const changes = [{ scope, source: 'operator', limits: checkLimits(scope, limits) }] as const
    await session.call('setLimits', (call) => session.store.setLimits(changes, call))
  }

  async limits(given: QueueScope): Promise<LimitStatus> {
    return statusFromStore(await this.#stateOf(this.#scopeOf(given)))
  }

  async listLimits(filter: LimitListFilter): Promise<LimitPage> {
    const { name, session } = this.#parts
    const { limit = DEFAULT_PAGE, cursor } = filter
    checkInteger('limit', limit, 1, LARGEST_PAGE)
    const request = {
      ...checkTenantChoice(name, filter),
      limit,
      ...(cursor !== undefined && { cursor }),
    }
    const page = await session.call('listLimits', (call) => session.store.listLimits(request, call))
    const limits = page.limits.map(statedFromStore)
    const { nextCursor } = page
    return nextCursor === null ? limits : Object.assign(limits, { nextCursor })
  }

  async pause(given?: QueueScope): Promise<void> {
    await this.#pause(this.#pauseOf(given))
  }

  async resume(given?: QueueScope): Promise<void> {
    const { session } = this.#parts
    const scope = this.#pauseOf(given)
    await session.call('resume', (call) => session.store.resume(scope, call))
  }

  async isPaused(given?: QueueScope): Promise<boolean> {
    const { session } = this.#parts
    const scope = this.#pauseOf(given)
    return session.call('isPaused', (call) => session.store.isPaused(scope, call))
  }

  async drain(given: QueueScope | undefined, options: DrainOptions): Promise<void> {
    const { session, runtime } = this.#parts
    const scope = this.#pauseOf(given)
    if (scope.tenantId === EACH_TENANT) {
      throw new JobsError(
        'JOBS_INVALID_LIMIT',
        `drain waits for one scope: name a tenant in place of '${EACH_TENANT}', or no scope for the queue`,
      )
    }
    const { timeout, signal } = options
    if (timeout !== undefined) checkDuration('timeout', timeout)
    signal?.throwIfAborted()
    // First of all, so that a store that cannot tell is not left paused.
    await this.#leased(scope)
    await this.#pause(scope)
    await drained(describeScope(scope), options, runtime.ports.timers, async () => {
      // Nobody else may be there to take expired leases back.
      await session.maintain()
      return this.#leased(scope)
    })
  }

  async #leased(scope: LimitScope): Promise<number> {
    return (await this.#stateOf(scope)).leased
  }

  async #stateOf(scope: LimitScope): Promise<LimitState> {
    const { session } = this.#parts
    const [state] = await session.call('getLimits', (call) =>
      session.store.getLimits([scope], call),
    )
    return state!
  }

  async #pause(scope: LimitScope): Promise<void> {
    const { session } = this.#parts
    await session.call('pause', (call) => session.store.pause(scope, call))
  }

  /** Without a scope a pause means the whole queue, wherever the call is made. */
  #pauseOf(given: QueueScope | undefined): LimitScope {
    return given === undefined ? { queue: this.#parts.name } : this.#scopeOf(given)
  }

  #scopeOf(given: QueueScope): LimitScope {
    return checkScope(this.#parts.name, given, this.#parts.sizes)
  }
}
