import { JobsError } from '@cgk/jobs-core'

/** What a call that writes waits for, beside the answer of its server. */
export interface DurabilityOptions {
  /**
   * How many replicas must have what a call wrote (`WAIT`). With fewer the call rejects with
   * `JOBS_STORE_UNCONFIRMED`: it took effect, but a failover may lose it.
   * @defaultValue 0
   */
  readonly waitReplicas?: number
  /**
   * On how many disks it must be (`WAITAOF`, Redis 7.2): on the server's own (0 or 1), and on those of so
   * many replicas. Each of them needs `appendonly yes`.
   * @defaultValue none
   */
  readonly waitAof?: { readonly local: 0 | 1; readonly replicas: number }
  /**
   * How long a call waits for that, in milliseconds, from 1 to 5,000.
   * @defaultValue 1000
   */
  readonly waitTimeoutMs?: number
}

/** What is asked behind a command that writes: whether enough servers have it. */
export interface Confirmation {
  readonly args: readonly string[]
  readonly isEnough: (reply: unknown) => boolean
}

const TIMEOUT_MS = 1_000
const LONGEST_TIMEOUT_MS = 5_000

/**
 * The commands that ask for what the options want.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for numbers that mean nothing.
 */
export function confirmationsOf(options: DurabilityOptions): readonly Confirmation[] {
  const { waitReplicas = 0, waitAof = { local: 0, replicas: 0 } } = options
  const { waitTimeoutMs = TIMEOUT_MS } = options
  check('waitReplicas', waitReplicas, 0, Infinity)
  check('waitAof.local', waitAof.local, 0, 1)
  check('waitAof.replicas', waitAof.replicas, 0, Infinity)
  check('waitTimeoutMs', waitTimeoutMs, 1, LONGEST_TIMEOUT_MS)
  const confirmations: Confirmation[] = []
  if (waitReplicas > 0) {
    confirmations.push({
      args: ['WAIT', String(waitReplicas), String(waitTimeoutMs)],
      isEnough: (reply) => (reply as number) >= waitReplicas,
    })
  }
  if (waitAof.local + waitAof.replicas > 0) {
    const counts = [waitAof.local, waitAof.replicas].map(String)
    confirmations.push({
      args: ['WAITAOF', ...counts, String(waitTimeoutMs)],
      isEnough: (reply) => {
        const [local, replicas] = reply as readonly [number, number]
        return local >= waitAof.local && replicas >= waitAof.replicas
      },
    })
  }
  return confirmations
}

function check(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  const bounds = most === Infinity ? `from ${least}` : `from ${least} to ${most}`
  throw new JobsError(
    'JOBS_INVALID_CONFIG',
    `${name} must be a whole number ${bounds}, not ${String(value)}`,
  )
}
