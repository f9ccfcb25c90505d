import { checkInteger } from '../job/check-job-options.ts'
import type { JobControls } from '../storage/job-controls.ts'
import type { JobStatus } from '../storage/job-store.ts'
import type { TenantStanding } from '../storage/limits.ts'
import { recordPages } from '../worker/record-pages.ts'
import {
  checkSelection,
  checkTenantChoice,
  isByTenant,
  type JobSelection,
} from './job-selection.ts'
import type { ProgressOptions, TenantListFilter, TenantLoad, TenantPage } from './operator-calls.ts'
import type { QueueParts } from './queue-parts.ts'

type Page = Awaited<ReturnType<JobControls['listTenants']>>

const DEFAULT_PAGE = 100
const LARGEST_PAGE = 1_000
const BATCH_JOBS = 500

/** The statuses of jobs that wait and may be due. */
const WAITING: readonly JobStatus[] = ['pending', 'retrying']

/** How much waits in one queue, and for how long. */
export class TenantLoads {
  readonly #parts: QueueParts

  constructor(parts: QueueParts) {
    this.#parts = parts
  }

  async list(filter: TenantListFilter): Promise<TenantPage> {
    const { name, runtime } = this.#parts
    const { limit = DEFAULT_PAGE, cursor } = filter
    checkInteger('limit', limit, 1, LARGEST_PAGE)
    const { tenantId } = checkTenantChoice(name, filter)
    const now = runtime.ports.clock.now()
    if (tenantId !== undefined) {
      const standing = await this.#standingOf(tenantId)
      return standing === null ? [] : [loadOf(standing, now)]
    }
    const page = await this.#page({ limit, ...(cursor !== undefined && { cursor }) })
    const loads = page.tenants.map((standing) => loadOf(standing, now))
    const { nextCursor } = page
    return nextCursor === null ? loads : Object.assign(loads, { nextCursor })
  }

  async oldestAge(selection: JobSelection, options: ProgressOptions): Promise<number | null> {
    const { name, sizes, runtime } = this.#parts
    const filter = checkSelection(name, selection, sizes)
    const oldest = isByTenant(selection)
      ? await this.#oldestOfTenants(filter.tenantId)
      : await this.#oldestOf(filter, options)
    return oldest === null ? null : ageOf(oldest, runtime.ports.clock.now())
  }

  async #oldestOfTenants(tenantId: string | null | undefined): Promise<number | null> {
    if (tenantId !== undefined) return (await this.#standingOf(tenantId))?.oldestDueAt ?? null
    let oldest: number | null = null
    for await (const tenants of this.#pages()) {
      for (const { oldestDueAt } of tenants) oldest = earlier(oldest, oldestDueAt)
    }
    return oldest
  }

  async #oldestOf(
    { statuses, ...filter }: ReturnType<typeof checkSelection>,
    { onProgress }: ProgressOptions,
  ): Promise<number | null> {
    const { session, runtime } = this.#parts
    const waiting = (statuses ?? WAITING).filter((status) => WAITING.includes(status))
    if (waiting.length === 0) return null
    let oldest: number | null = null
    let matched = 0
    for await (const jobs of recordPages(session, { ...filter, statuses: waiting }, BATCH_JOBS)) {
      const now = runtime.ports.clock.now()
      for (const { runAt } of jobs) oldest = earlier(oldest, runAt <= now ? runAt : null)
      matched += jobs.length
      await onProgress?.({ matched, changed: 0 })
    }
    return oldest
  }

  async #standingOf(tenantId: string | null): Promise<TenantStanding | null> {
    const { tenants } = await this.#page({ tenantId, limit: 1 })
    return tenants[0] ?? null
  }

  async *#pages(): AsyncGenerator<readonly TenantStanding[], void, undefined> {
    let from: { readonly cursor?: string } | null = {}
    while (from !== null) {
      const { tenants, nextCursor }: Page = await this.#page({ limit: LARGEST_PAGE, ...from })
      yield tenants
      from = nextCursor === null ? null : { cursor: nextCursor }
    }
  }

  #page(which: Omit<Parameters<JobControls['listTenants']>[0], 'queue'>): Promise<Page> {
    const { name, session } = this.#parts
    const request = { queue: name, ...which }
    return session.call('listTenants', (call) => session.store.listTenants(request, call))
  }
}

function loadOf(
  { tenantId, waiting, leased, oldestDueAt, paused }: TenantStanding,
  now: number,
): TenantLoad {
  return {
    ...(tenantId !== null && { tenantId }),
    waiting,
    leased,
    ...(oldestDueAt !== null && { oldestAgeMs: ageOf(oldestDueAt, now) }),
    paused,
  }
}

// The store's clock and ours may differ a little.
function ageOf(dueAt: number, now: number): number {
  return Math.max(0, now - dueAt)
}

function earlier(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.min(one, other)
}
