import type { ScheduleListFilter, ScheduleTimes } from '../schedule/schedule.ts'
import type { JobQueue } from './job-queue.ts'
import type { TenantFence } from './tenant-fence.ts'
import type {
  TenantAddress,
  TenantJob,
  TenantSchedule,
  TenantSchedulePage,
  TenantSchedules,
} from './tenant-queue.ts'

/** One tenant's view of the schedules of a queue. */
export class TenantSchedulesView implements TenantSchedules {
  readonly #queue: JobQueue
  readonly #fence: TenantFence

  constructor(queue: JobQueue, fence: TenantFence) {
    this.#queue = queue
    this.#fence = fence
  }

  async get(schedule: TenantAddress): Promise<TenantSchedule | null> {
    const own = this.#own(schedule)
    return this.#fence.within(() => this.#queue.schedules.get(own))
  }

  async list(filter: Omit<ScheduleListFilter, 'tenantId'> = {}): Promise<TenantSchedulePage> {
    const own = this.#fence.own('the filter', filter)
    return this.#fence.within(() => this.#queue.schedules.list(own))
  }

  async pause(schedule: TenantAddress): Promise<TenantSchedule> {
    const own = this.#own(schedule)
    return this.#fence.within(() => this.#queue.schedules.pause(own))
  }

  async resume(schedule: TenantAddress): Promise<TenantSchedule> {
    const own = this.#own(schedule)
    return this.#fence.within(() => this.#queue.schedules.resume(own))
  }

  async runNow(schedule: TenantAddress): Promise<TenantJob<unknown>> {
    const own = this.#own(schedule)
    return this.#fence.within(() => this.#queue.schedules.runNow(own))
  }

  async preview(schedule: TenantAddress | ScheduleTimes, count?: number): Promise<Date[]> {
    const isAddress = typeof schedule === 'string' || (schedule !== null && 'id' in schedule)
    const given = isAddress ? this.#own(schedule) : schedule
    return this.#fence.within(() => this.#queue.schedules.preview(given, count))
  }

  async remove(schedule: TenantAddress): Promise<void> {
    const own = this.#own(schedule)
    await this.#fence.within(() => this.#queue.schedules.remove(own))
  }

  #own(schedule: TenantAddress): TenantAddress {
    return this.#fence.own('the schedule', schedule)
  }
}
