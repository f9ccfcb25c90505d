import type { JobQueue } from '@cgk/jobs'
import type { OutsideApiClient } from '../outside-api/outside-api-client.ts'
import type { Run } from '../run/run.ts'
import type { Fairness } from '../view/fair-shares.ts'
import { drawAccount, isBalanced } from './account.ts'
import { gatherEvidence } from './gather-evidence.ts'
import { renderReport } from './render-report.ts'

/** Draws the account of a run, as text and as a verdict. */
export async function reportRun(options: {
  readonly run: Run
  readonly queue: JobQueue
  readonly outsideApi: OutsideApiClient
  /** How many lines of the deliveries file the worker has read. */
  readonly lines: number
  readonly fairness: Fairness | null
}): Promise<{ readonly text: string; readonly isBalanced: boolean }> {
  const { run, queue, outsideApi, lines, fairness } = options
  const ledger = await outsideApi.ledger()
  const evidence = await gatherEvidence({ queue, handedIn: run.sent.slice(0, lines), ledger })
  const account = drawAccount(evidence)
  return {
    text: renderReport(evidence, ledger.counts, account, fairness),
    isBalanced: isBalanced(account),
  }
}
