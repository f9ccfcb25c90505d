import { cancelCases } from './cases/cancel.ts'
import { capabilitiesCases } from './cases/capabilities.ts'
import { claimCases } from './cases/claim.ts'
import { countsCases } from './cases/counts.ts'
import { enqueueCases } from './cases/enqueue.ts'
import { getCases } from './cases/get.ts'
import { historyCases } from './cases/history.ts'
import { leasesCases } from './cases/leases.ts'
import { lifecycleCases } from './cases/lifecycle.ts'
import { listCases } from './cases/list.ts'
import { pauseCases } from './cases/pause.ts'
import { reclaimCases } from './cases/reclaim.ts'
import { removeCases } from './cases/remove.ts'
import { reportCases } from './cases/report.ts'
import { retryCases } from './cases/retry.ts'
import { settleAndClaimCases } from './cases/settle-and-claim.ts'
import { settleCases } from './cases/settle.ts'
import { suspectsCases } from './cases/suspects.ts'
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
  cancelCases,
  retryCases,
  removeCases,
  pauseCases,
  getCases,
  listCases,
  countsCases,
  historyCases,
  capabilitiesCases,
  wakeUpCases,
  lifecycleCases,
]
