import { attemptsCases } from './cases/attempts.ts'
import { cancelCases } from './cases/cancel.ts'
import { capabilitiesCases } from './cases/capabilities.ts'
import { claimCases } from './cases/claim.ts'
import { concurrencyKeyCountingCases } from './cases/concurrency-key-counting.ts'
import { concurrencyKeysCases } from './cases/concurrency-keys.ts'
import { countsCases } from './cases/counts.ts'
import { enqueueCases } from './cases/enqueue.ts'
import { filtersCases } from './cases/filters.ts'
import { getCases } from './cases/get.ts'
import { groupCountingCases } from './cases/group-counting.ts'
import { groupHistoryCases } from './cases/group-history.ts'
import { groupsCases } from './cases/groups.ts'
import { historyCases } from './cases/history.ts'
import { leasesCases } from './cases/leases.ts'
import { lifecycleCases } from './cases/lifecycle.ts'
import { listCases } from './cases/list.ts'
import { scheduleListingCases } from './cases/schedule-listing.ts'
import { scheduleTicksCases } from './cases/schedule-ticks.ts'
import { schedulesCases } from './cases/schedules.ts'
import { nestedGroupsCases } from './cases/nested-groups.ts'
import { orderingKeyFreeingCases } from './cases/ordering-key-freeing.ts'
import { orderingKeysCases } from './cases/ordering-keys.ts'
import { pauseCases } from './cases/pause.ts'
import { reclaimCases } from './cases/reclaim.ts'
import { removeCases } from './cases/remove.ts'
import { reportCases } from './cases/report.ts'
import { retryCases } from './cases/retry.ts'
import { settleAndClaimCases } from './cases/settle-and-claim.ts'
import { settleCases } from './cases/settle.ts'
import { suspectsCases } from './cases/suspects.ts'
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
  scheduleListingCases,
  filtersCases,
  capabilitiesCases,
  wakeUpCases,
  lifecycleCases,
]
