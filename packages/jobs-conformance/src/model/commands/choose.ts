import type { JobRef, JobState, Lease } from '@cgk/jobs-core'
import fc, { type Arbitrary } from 'fast-check'
import * as draw from '../arbitraries.ts'
import { keyOf } from '../model-job.ts'
import type { ModelState } from '../model-state.ts'

/** Which leases a worker names: its own, or, now and then, any that was ever handed out. */
interface LeaseChoice {
  readonly which: number
  readonly from: 'own' | 'any'
  readonly forged: boolean
}

export const leaseChoice: Arbitrary<LeaseChoice> = fc.record({
  which: draw.choice,
  from: fc.oneof(
    { arbitrary: fc.constant<'own' | 'any'>('own'), weight: 4 },
    fc.constant<'own' | 'any'>('any'),
  ),
  forged: draw.rarely,
})

/** Puts the leases in the place of what was drawn for them, no job named twice. */
export function chooseLeases<T extends { readonly lease: LeaseChoice }>(
  model: ModelState,
  worker: string,
  choices: readonly T[],
): (Omit<T, 'lease'> & { readonly lease: Lease })[] {
  const chosen = new Map<string, Omit<T, 'lease'> & { readonly lease: Lease }>()
  for (const choice of choices) {
    const { which, from, forged } = choice.lease
    const lease = draw.pick(from === 'own' ? model.leasesOf(worker) : model.leasesOf(), which)
    if (lease === undefined || chosen.has(keyOf(lease))) continue
    chosen.set(keyOf(lease), {
      ...choice,
      lease: forged ? { ...lease, token: `${lease.token}x` } : lease,
    })
  }
  return [...chosen.values()]
}

interface RefChoice {
  readonly which: number
  /** `fitting`: one of those the action can change. */
  readonly from: 'fitting' | 'any'
  /** Another tenant than the job's to ask as. */
  readonly tenant: string | null | undefined
}

export const refChoices: Arbitrary<RefChoice[]> = fc.array(
  fc.record({
    which: draw.choice,
    from: fc.constantFrom<RefChoice['from']>('fitting', 'any'),
    tenant: fc.oneof({ arbitrary: fc.constant(undefined), weight: 7 }, draw.tenantId),
  }),
  { minLength: 1, maxLength: 4 },
)

/** The jobs that were drawn, none named twice. */
export function chooseRefs(
  model: ModelState,
  choices: readonly RefChoice[],
  fitting: readonly JobState[],
): JobRef[] {
  const refs = new Map<string, JobRef>()
  for (const { which, from, tenant } of choices) {
    const ref = draw.pick(from === 'any' ? model.refs : model.refsIn(fitting), which)
    if (ref === undefined) continue
    const named = tenant === undefined ? ref : { ...ref, tenantId: tenant }
    refs.set(keyOf(named), named)
  }
  return [...refs.values()]
}
