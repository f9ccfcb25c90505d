import { attemptsCases } from './cases/attempts.ts'
import { backlogQuotaCases } from './cases/backlog-quota.ts'
import { breakersCases } from './cases/breakers.ts'
import { cancelCases } from './cases/cancel.ts'
import { capabilitiesCases } from './cases/capabilities.ts'
import { claimCases } from './cases/claim.ts'
import { concurrencyKeyCountingCases } from './cases/concurrency-key-counting.ts'
import { concurrencyKeysCases } from './cases/concurrency-keys.ts'
import { countsCases } from './cases/counts.ts'
import { enqueueCases } from './cases/enqueue.ts'
import { exactLimitsCases } from './cases/exact-limits.ts'
import { fairBacklogsCases } from './cases/fair-backlogs.ts'
import { fairSharesCases } from './cases/fair-shares.ts'
import { filtersCases } from './cases/filters.ts'
import { fullSlotsCases } from './cases/full-slots.ts'
import { getCases } from './cases/get.ts'
import { groupCountingCases } from './cases/group-counting.ts'
import { groupHistoryCases } from './cases/group-history.ts'
import { groupsCases } from './cases/groups.ts'
import { historyCases } from './cases/history.ts'
import { leasesCases } from './cases/leases.ts'
import { lifecycleCases } from './cases/lifecycle.ts'
import { limitersCases } from './cases/limiters.ts'
import { limitsConcurrencyCases } from './cases/limits-concurrency.ts'
import { limitsCountingCases } from './cases/limits-counting.ts'
import { limitsHintsCases } from './cases/limits-hints.ts'
import { limitsListingCases } from './cases/limits-listing.ts'
import { limitsPausesCases } from './cases/limits-pauses.ts'
import { limitsPrefetchCases } from './cases/limits-prefetch.ts'
import { limitsRateCases } from './cases/limits-rate.ts'
import { limitsScopesCases } from './cases/limits-scopes.ts'
import { limitsWaitingCases } from './cases/limits-waiting.ts'
import { listCases } from './cases/list.ts'
import { nestedGroupsCases } from './cases/nested-groups.ts'
import { orderingKeyFreeingCases } from './cases/ordering-key-freeing.ts'
import { orderingKeysCases } from './cases/ordering-keys.ts'
import { pauseCases } from './cases/pause.ts'
import { reclaimCases } from './cases/reclaim.ts'
import { removeCases } from './cases/remove.ts'
import { reportCases } from './cases/report.ts'
import { retryCases } from './cases/retry.ts'
import { scheduleListingCases } from './cases/schedule-listing.ts'
import { scheduleOutcomesCases } from './cases/schedule-outcomes.ts'
import { scheduleOverlapCases } from './cases/schedule-overlap.ts'
import { scheduleTicksCases } from './cases/schedule-ticks.ts'
import { schedulesCases } from './cases/schedules.ts'
import { settleAndClaimCases } from './cases/settle-and-claim.ts'
import { settleCases } from './cases/settle.ts'
import { suspectsCases } from './cases/suspects.ts'
import { tenantStandingsCases } from './cases/tenant-standings.ts'
import { uniqueKeyDebounceCases } from './cases/unique-key-debounce.ts'
import { uniqueKeyFreeingCases } from './cases/unique-key-freeing.ts'
import { uniqueKeyReplaceCases } from './cases/unique-key-replace.ts'
import { uniqueKeySuccessorCases } from './cases/unique-key-successor.ts'
import { uniqueKeyWindowCases } from './cases/unique-key-window.ts'
import { uniqueKeysCases } from './cases/unique-keys.ts'
import { wakeUpCases } from './cases/wake-up.ts'
import type { CaseGroup } from './store-case.ts'

/** Every case of the contract that is written out, by operation. The model is apart. */
export const allCases: readonly CaseGroup[] = [
  enqueueCases,
  claimCases,
  leasesCases,
  settleCases,
  settleAndClaimCases,
  reclaimCases,
  suspectsCases,
  reportCases,
  attemptsCases,
  cancelCases,
  retryCases,
  removeCases,
  pauseCases,
  getCases,
  listCases,
  countsCases,
  historyCases,
  uniqueKeysCases,
  uniqueKeyFreeingCases,
  uniqueKeyReplaceCases,
  uniqueKeySuccessorCases,
  uniqueKeyDebounceCases,
  uniqueKeyWindowCases,
  orderingKeysCases,
  orderingKeyFreeingCases,
  concurrencyKeysCases,
  concurrencyKeyCountingCases,
  groupsCases,
  groupCountingCases,
  nestedGroupsCases,
  groupHistoryCases,
  schedulesCases,
  scheduleTicksCases,
  scheduleOverlapCases,
  scheduleOutcomesCases,
  scheduleListingCases,
  limitsScopesCases,
  limitsListingCases,
  limitsConcurrencyCases,
  limitsCountingCases,
  limitsRateCases,
  limitsPrefetchCases,
  limitsPausesCases,
  limitsWaitingCases,
  limitsHintsCases,
  limitersCases,
  breakersCases,
  backlogQuotaCases,
  tenantStandingsCases,
  fairSharesCases,
  fairBacklogsCases,
  fullSlotsCases,
  exactLimitsCases,
  filtersCases,
  capabilitiesCases,
  wakeUpCases,
  lifecycleCases,
]
