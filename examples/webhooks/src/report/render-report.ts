import Table from 'cli-table3'
import type { Job } from '@cgk/jobs'
import { RECEIVE_DELIVERY, WRONG_SIGNATURE } from '../jobs/receive-delivery-job.ts'
import type { CallCounts } from '../outside-api/ledger.ts'
import { shops } from '../shops.ts'
import type { Fairness } from '../view/fair-shares.ts'
import type { Account, Evidence } from './account.ts'

const SHOWN_LOSSES = 10

/** The run in a table and a few sentences; the last line is the account. */
export function renderReport(
  evidence: Evidence,
  calls: CallCounts,
  account: Account,
  fairness: Fairness | null,
): string {
  const { enqueued, completed, failed, losses } = account
  return [
    '',
    renderTable(evidence),
    '',
    ...renderSentences(evidence, calls),
    renderFairness(fairness),
    ...renderTrouble(account),
    `jobs: ${enqueued} enqueued, ${completed} completed, ${failed} failed, ${losses.length} lost`,
  ].join('\n')
}

function renderTable({ handedIn, jobs, effects }: Evidence): string {
  const table = new Table({
    head: [
      'shop',
      'received',
      'repeats',
      'follow-ups',
      'completed',
      'failed',
      'attempts',
      'effects',
    ],
    colAligns: ['left', ...Array.from({ length: 7 }, () => 'right' as const)],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 1 },
    chars: noLines,
  })
  for (const { slug: tenantId } of shops) {
    const received = handedIn.filter((delivery) => delivery.tenantId === tenantId)
    const own = jobs.filter((job) => job.tenantId === tenantId)
    table.push([
      tenantId,
      received.length,
      received.length - new Set(received.map(({ deliveryId }) => deliveryId)).size,
      own.filter(({ name }) => name !== RECEIVE_DELIVERY).length,
      own.filter(({ status }) => status === 'completed').length,
      own.filter(({ status }) => status === 'failed').length,
      own.reduce((sum, { attempts }) => sum + attempts, 0),
      effects.filter((effect) => effect.tenantId === tenantId).length,
    ])
  }
  return table.toString()
}

function renderSentences({ handedIn, jobs }: Evidence, calls: CallCounts): string[] {
  const wronglySigned = new Set(
    handedIn.filter((sent) => sent.wronglySigned).map(({ deliveryId }) => deliveryId),
  )
  const failures = jobs.filter(({ status }) => status === 'failed')
  const refused = failures.filter(({ error }) => error?.code === WRONG_SIGNATURE)
  const others = failures.filter(({ error }) => error?.code !== WRONG_SIGNATURE)
  return [
    `signatures:  ${wronglySigned.size} wrong, ${refused.length} refused`,
    `outside API: ${calls.calls} calls, ${calls.throttled} answered 429, ${calls.broken} answered 500, ` +
      `${calls.slow} slow, ${calls.replayed} repeated and not done twice`,
    `gave up on:  ${others.length} jobs${others.length === 0 ? '' : ` (${tally(others)})`}`,
  ]
}

function renderFairness(fairness: Fairness | null): string {
  if (fairness === null) return 'fair shares: never had all shops deliveries waiting at once'
  const { jainIndex, starts, shops: count } = fairness
  return (
    `fair shares: Jain index ${jainIndex.toFixed(4)} of starts by weight, ` +
    `over the ${starts} starts while each of ${count} shops had deliveries waiting`
  )
}

function tally(jobs: readonly Job<unknown>[]): string {
  const counts = new Map<string, number>()
  for (const { error } of jobs) {
    const code = error?.code ?? 'no code'
    counts.set(code, (counts.get(code) ?? 0) + 1)
  }
  return [...counts].map(([code, count]) => `${count} ${code}`).join(', ')
}

function renderTrouble({ unfinished, losses }: Account): string[] {
  const lines = losses.slice(0, SHOWN_LOSSES).map((loss) => `lost: ${loss}`)
  if (losses.length > SHOWN_LOSSES) lines.push(`lost: and ${losses.length - SHOWN_LOSSES} more`)
  if (unfinished > 0)
    lines.push(`interrupted: ${unfinished} jobs not finished, given back to the queue`)
  return lines
}

const noLines = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: ' ',
}
