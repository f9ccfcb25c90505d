import { currentTenant } from '@cgk/core'
import { isJobsError } from '../errors.ts'
import type { Job } from '../job/job.ts'
import { checkPage } from '../queue/check-page.ts'
import type {
  Schedule,
  ScheduleAddress,
  ScheduleListFilter,
  SchedulePage,
  Schedules,
  ScheduleSpec,
  ScheduleTimes,
} from '../schedule/schedule.ts'
import { followSchedules } from './follow-default.ts'
import type { QueuePlace, QueueRoutes } from './queue-routes.ts'
import { pageThrough } from './routed-bulk.ts'
import { RoutedJobs } from './routed-jobs.ts'

/**
 * The schedules of a queue over the stores of many tenants. Those of a tenant are in its store; those
 * for each tenant in every store, each making the jobs of the tenants that live there: what the default
 * store has of them holds, and the others follow it.
 */
export class RoutedSchedules implements Schedules {
  readonly #routes: QueueRoutes
  readonly #finder: RoutedJobs

  constructor(routes: QueueRoutes) {
    this.#routes = routes
    this.#finder = new RoutedJobs(routes, 'JOBS_SCHEDULE_NOT_FOUND')
  }

  /** As `JobQueue.schedule` says. */
  async put(id: string, spec: ScheduleSpec): Promise<Schedule> {
    const forAll = spec?.forEach !== undefined
    const tenantId = forAll ? null : (spec?.options?.tenantId ?? currentTenant() ?? null)
    const { queue } = await this.#routes.placeOf(tenantId)
    const schedule = await queue.schedule(id, spec)
    if (forAll) await this.#tellOthers()
    return schedule
  }

  get(schedule: ScheduleAddress): Promise<Schedule | null> {
    return this.#finder.first(schedule, ({ queue }) => queue.schedules.get(schedule))
  }

  async list({ cursor, limit, ...choice }: ScheduleListFilter = {}): Promise<SchedulePage> {
    const page = checkPage({ limit, cursor })
    const places = await this.#routes.placesOfChoice(choice.tenantId)
    const [first] = places
    if (places.length === 1) return first!.queue.schedules.list({ ...choice, ...page })
    const listed = await pageThrough(places, page, async (place, request) => {
      const found = await place.queue.schedules.list({ ...choice, ...request })
      const items = place === first ? found : found.filter(({ forEach }) => forEach === undefined)
      return { items, nextCursor: found.nextCursor }
    })
    const schedules: Schedule[] = listed.items
    const { nextCursor } = listed
    return nextCursor === undefined ? schedules : Object.assign(schedules, { nextCursor })
  }

  pause(schedule: ScheduleAddress): Promise<Schedule> {
    return this.#change(schedule, ({ queue }) => queue.schedules.pause(schedule))
  }

  resume(schedule: ScheduleAddress): Promise<Schedule> {
    return this.#change(schedule, ({ queue }) => queue.schedules.resume(schedule))
  }

  remove(schedule: ScheduleAddress): Promise<void> {
    return this.#change(schedule, ({ queue }) => queue.schedules.remove(schedule))
  }

  async runNow(schedule: ScheduleAddress): Promise<Job<unknown>> {
    const found = await this.get(schedule)
    if (found?.forEach === undefined) {
      return this.#finder.act(schedule, ({ queue }) => queue.schedules.runNow(schedule))
    }
    await this.#tellOthers()
    let first: Job<unknown> | null = null
    let none: unknown
    for (const { queue } of await this.#routes.all()) {
      try {
        const job = await queue.schedules.runNow(schedule)
        first ??= job
      } catch (error) {
        // None of its tenants lives there.
        if (!isJobsError(error, 'JOBS_INVALID_CONFIG')) throw error
        none = error
      }
    }
    if (first === null) throw none
    return first
  }

  async preview(schedule: ScheduleAddress | ScheduleTimes, count?: number): Promise<Date[]> {
    const preview = ({ queue }: QueuePlace): Promise<Date[]> =>
      queue.schedules.preview(schedule, count)
    if (typeof schedule === 'string' || (schedule !== null && 'id' in schedule)) {
      return this.#finder.act(schedule, preview)
    }
    return preview(await this.#routes.placeOf(null))
  }

  async #change<T>(
    schedule: ScheduleAddress,
    change: (place: QueuePlace) => Promise<T>,
  ): Promise<T> {
    const changed = await this.#finder.act(schedule, change)
    const tenantId = typeof schedule === 'string' ? currentTenant() : schedule.tenantId
    if (tenantId == null) await this.#tellOthers()
    return changed
  }

  // One that cannot be told follows once a worker reaches it: the change itself is stored.
  async #tellOthers(): Promise<void> {
    const [first, ...others] = await this.#routes.all()
    await Promise.allSettled(others.map((other) => followSchedules(first!, other)))
  }
}
