import type { ClaimedJob, Lease } from '@cgk/jobs-core'
import { readHead, type BodyHead } from './body-head.ts'
import { NO_FAILURES, NO_LINES, type IdSeries } from './decode-record.ts'
import { tenantText } from './encode-job.ts'
import { madeId } from './made-id.ts'

/** What plain jobs of one claim have in common; see `lua/plain-jobs.ts`. */
export interface PlainClaim extends IdSeries {
  readonly claim: number
  readonly nonce: string
  readonly worker: string
  readonly claimedAt: number
}

/** What the leases of plain jobs that may be settled as one run have in common. */
export interface PlainKey {
  readonly tenant: string
  readonly claim: number
  readonly nonce: string
  readonly series: string
  readonly created: number
}

/** What the token and the id of a plain job say. */
export interface PlainLease {
  readonly key: PlainKey
  readonly serial: number
  /** Where it is on the sheet of its claim, from 1; see `lua/sheets.ts`. */
  readonly place?: number | undefined
}

/** Reads the plain jobs of one claim. */
export class PlainReader {
  readonly #claim: PlainClaim
  #head: BodyHead | null = null
  #key: PlainKey | null = null

  constructor(claim: PlainClaim) {
    this.#claim = claim
  }

  /** A plain job as a claim hands it out. */
  read(serial: number, body: string, place?: number): ClaimedJob {
    // Most jobs of a claim are alike but for their payloads.
    if (this.#head === null || this.#key === null || !body.startsWith(this.#head.text)) {
      this.#head = readHead(body)
      this.#key = keyOf(this.#claim, this.#head)
    }
    const payload = body.slice(this.#head.text.length)
    return new PlainJob(this.#claim, this.#head, { key: this.#key, serial, place }, payload)
  }
}

function keyOf({ claim, nonce, series }: PlainClaim, head: BodyHead): PlainKey {
  return { tenant: tenantText(head.tenantId), claim, nonce, series, created: head.createdAt }
}

/** It knows what its lease says: to read that out of texts takes longer than all else that settling does here. */
class PlainJob implements ClaimedJob {
  readonly queue: string
  readonly tenantId: string | null
  readonly id: string
  readonly name: string
  readonly payload: string
  readonly metadata: string | null
  readonly priority: number
  readonly state = 'running'
  readonly createdAt: number
  readonly updatedAt: number
  readonly runAt: number
  readonly startedAt: number
  readonly endedAt = null
  readonly attempts = 1
  readonly releases = 0
  readonly lostLeases = 0
  readonly generation = 1
  readonly maxAttempts: number | null
  readonly retryDelayMs: number | null
  readonly timeoutMs: number | null
  readonly result = null
  readonly error = null
  readonly progress = null
  readonly log = NO_LINES
  readonly headers: string | null
  readonly keys = null
  readonly limiter = null
  readonly group = null
  readonly schedule = null
  readonly worker: string
  readonly failures = NO_FAILURES
  readonly effects = null
  readonly token: string
  readonly #lease: PlainLease

  constructor(
    claim: PlainClaim,
    { createdAt, extras, tenantId, name }: BodyHead,
    lease: PlainLease,
    payload: string,
  ) {
    this.queue = claim.queue
    this.tenantId = tenantId
    this.id = madeId(claim.series, createdAt, lease.serial)
    this.name = name
    this.payload = payload
    this.metadata = extras.metadata ?? null
    this.priority = extras.p ?? 0
    this.createdAt = createdAt
    this.updatedAt = claim.claimedAt
    this.runAt = createdAt
    this.startedAt = claim.claimedAt
    this.maxAttempts = extras.maxAttempts ?? null
    this.retryDelayMs = extras.retryDelayMs ?? null
    this.timeoutMs = extras.timeoutMs ?? null
    this.headers = extras.headers ?? null
    this.worker = claim.worker
    this.token = `${claim.claim}-${lease.serial}.${claim.nonce}`
    this.#lease = lease
  }

  static leaseOf(lease: Lease): PlainLease | null {
    return #lease in lease ? lease.#lease : null
  }
}

/** What the lease of a plain job says; `null` for any other. */
export function plainLeaseOf(lease: Lease): PlainLease | null {
  return PlainJob.leaseOf(lease) ?? readLease(lease)
}

/** A mark has six bytes of the creation; see `lua/marks.ts`. */
const MARKED_BEFORE = 2 ** 48

/** The claim, the serial of the job, and the random digits of the claim. */
const TOKEN = /^(0|[1-9]\d{0,14})-(0|[1-9]\d{0,14})\.(.+)$/

function readLease({ id, tenantId, token }: Lease): PlainLease | null {
  const [, claim, serialDigits, nonce] = TOKEN.exec(token) ?? []
  if (claim === undefined || serialDigits === undefined || nonce === undefined) return null
  const serial = Number(serialDigits)
  const created = Number.parseInt(id.slice(4, -17), 36)
  const series = id.slice(-16, -10)
  const isInstant = created >= 0 && created < MARKED_BEFORE
  // An id in other letters is another id.
  if (!isInstant || id !== madeId(series, created, serial)) return null
  return {
    key: { tenant: tenantText(tenantId), claim: Number(claim), nonce, series, created },
    serial,
  }
}
