import { complete, type ClaimedJob } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs } from '../claim-jobs.ts'
import { dice } from '../dice.ts'
import { LIMITER, OF_QUEUE, ofLimiter, ofTenant, sayLimits } from '../limit-scopes.ts'
import { enqueueAll, newJob } from '../new-job.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const limitsCase = caseNeeding('limits')

const TENANTS: readonly string[] = ['a', 'b', 'c', 'd']
const ROUNDS = 150

/** One tenant: what waits, what is leased, and how many of both may be. */
class Tenant {
  readonly id: string
  cap = 3
  limiterCap = 2
  waiting: { plain: number; limited: number } = { plain: 0, limited: 0 }

  constructor(id: string) {
    this.id = id
  }

  /** How many of its jobs may start now. */
  room(held: readonly ClaimedJob[]): number {
    const mine = held.filter(({ tenantId }) => tenantId === this.id)
    const limited = mine.filter(({ limiter }) => limiter !== null)
    const limiterRoom = Math.max(0, this.limiterCap - limited.length)
    const available = this.waiting.plain + Math.min(limiterRoom, this.waiting.limited)
    return Math.min(Math.max(0, this.cap - mine.length), available)
  }

  took({ limiter }: ClaimedJob): void {
    this.waiting[limiter === null ? 'plain' : 'limited'] -= 1
  }
}

/** No slot stays idle while a job may start. */
export const fullSlotsCases: CaseGroup = {
  operation: 'full slots',
  cases: [
    limitsCase('a claim returns as many as its slots, or all that may start', async (open) => {
      const throwDie = dice(7)
      const handles = [open.store, await open.another()]
      const tenants = TENANTS.map((id) => new Tenant(id))
      let queueCap = 6
      let held: ClaimedJob[] = []
      await sayLimits(open.store, OF_QUEUE, { concurrency: queueCap })
      for (const { id, cap, limiterCap } of tenants) {
        await sayLimits(open.store, ofTenant(id), { concurrency: cap })
        await sayLimits(open.store, ofLimiter(id), { concurrency: limiterCap })
      }
      for (let round = 0; round < ROUNDS; round += 1) {
        const store = handles[round % 2]!
        const tenant = tenants[throwDie(tenants.length)]!
        switch (throwDie(6)) {
          case 0: {
            queueCap = 1 + throwDie(9)
            await sayLimits(store, OF_QUEUE, { concurrency: queueCap })
            break
          }
          case 1: {
            tenant.cap = 1 + throwDie(4)
            await sayLimits(store, ofTenant(tenant.id), { concurrency: tenant.cap })
            break
          }
          case 2: {
            tenant.limiterCap = 1 + throwDie(3)
            await sayLimits(store, ofLimiter(tenant.id), { concurrency: tenant.limiterCap })
            break
          }
          case 3: {
            const ending = held.filter(() => throwDie(2) === 0)
            held = held.filter((job) => !ending.includes(job))
            await store.settle({ settlements: ending.map((job) => complete(job)) })
            break
          }
          default: {
            const limited = throwDie(2) === 0
            const count = 1 + throwDie(4)
            const given = { tenantId: tenant.id, ...(limited ? { limiter: LIMITER } : {}) }
            await enqueueAll(
              store,
              Array.from({ length: count }, () => newJob(given)),
            )
            tenant.waiting[limited ? 'limited' : 'plain'] += count
          }
        }
        const slots = 1 + throwDie(5)
        const room = tenants.reduce((sum, each) => sum + each.room(held), 0)
        const expected = Math.min(slots, room, Math.max(0, queueCap - held.length))
        const jobs = await claimJobs(store, { slots })
        expect(jobs.length, `jobs claimed in round ${round}`).toBe(expected)
        for (const job of jobs) tenants.find(({ id }) => id === job.tenantId)!.took(job)
        held.push(...jobs)
      }
    }),
  ],
}
