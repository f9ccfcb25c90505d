import type { Measure } from '../results.ts'
import { backlog } from '../scenarios/backlog.ts'
import { bulk } from '../scenarios/bulk.ts'
import { drain } from '../scenarios/drain.ts'
import { enqueue } from '../scenarios/enqueue.ts'
import { fleet } from '../scenarios/fleet.ts'
import { horizon } from '../scenarios/horizon.ts'
import { latency } from '../scenarios/latency.ts'
import { mixed } from '../scenarios/mixed.ts'
import type { Case } from '../scenarios/scenario.ts'
import { tenants } from '../scenarios/tenants.ts'
import { wal } from '../scenarios/wal.ts'
import { BULK, DRAIN, IN_FLIGHT, LATENCY, MIXED, SERIAL, SHUFFLED, waiting } from './cases.ts'
import { JOBS_PER_SECOND, ours, peer, ratio, value } from './comparisons.ts'
import type { Entry, Floor, RowGroup } from './rows.ts'

const BURST: Measure = { metric: 'jobsPerSecond', settings: { window: 'burst' } }

const GRAPHILE = 'graphile-worker:tuned'
const ENQUEUERS = [
  'graphile-worker:default',
  GRAPHILE,
  'pg-boss:default',
  'pg-boss:tuned',
  'bullmq-pg',
]
const JOINERS = ENQUEUERS.filter((name) => name !== 'bullmq-pg')
const DRAINERS = ENQUEUERS.filter((name) => name !== 'pg-boss:default')

/** No queue, and so faster than one where each job has a commit of its own. */
const PLAIN_INSERT = 'pg-insert'

/** A ratio to itself shows nothing where the whole is slow. */
const FLOOR_RATIO = 1.2

const CALLERS: Case = { ...IN_FLIGHT, transaction: 'caller' }
const FLEET: Case = {
  processes: 8,
  slots: 10,
  handlerMilliseconds: 20,
  tenants: 50,
  seconds: 20,
}

/** The bars on Postgres, in the order of the table. */
export const postgresRows: readonly RowGroup[] = [
  {
    name: 'drain',
    rows: [
      {
        title: 'drain of 300,000 no-op jobs / graphile-worker',
        ...ratio(drain, DRAIN, [GRAPHILE]),
        bar: 1.5,
        aim: 2.2,
      },
    ],
  },
  {
    name: 'enqueue',
    rows: [
      {
        title: 'enqueue one by one, serial / best peer',
        ...ratio(enqueue, SERIAL, ENQUEUERS),
        beside: [peer(PLAIN_INSERT, enqueue, SERIAL)],
        bar: 1.5,
        aim: 2,
      },
      {
        title: 'enqueue one by one, 100 calls in flight / best peer',
        ...ratio(enqueue, IN_FLIGHT, ENQUEUERS),
        bar: 20,
        aim: 35,
      },
      {
        title: "enqueue one by one, 100 callers' own transactions / best peer",
        ...ratio(enqueue, CALLERS, JOINERS),
        beside: [peer(PLAIN_INSERT, enqueue, CALLERS)],
        bar: 4,
        aim: 6,
      },
    ],
  },
  {
    name: 'mixed',
    rows: [
      {
        title: 'produce one by one and process, 1 tenant / best peer untenanted',
        ...ratio(mixed, { ...MIXED, tenants: 1 }, DRAINERS, MIXED),
        bar: 10,
        aim: 25,
      },
      {
        title: 'produce one by one and process, 1,000 tenants / best peer untenanted',
        ...ratio(mixed, { ...MIXED, tenants: 1000 }, DRAINERS, MIXED),
        bar: 6,
        aim: 12,
      },
    ],
  },
  {
    name: 'bulk',
    rows: [
      {
        title: 'bulk enqueue, batches of 1,000 / graphile-worker',
        ...ratio(bulk, BULK, [GRAPHILE]),
        bar: 2,
        aim: 3.5,
      },
    ],
  },
  {
    name: 'latency',
    rows: [
      {
        title: 'latency of an idle worker, p50 / graphile-worker',
        ...ratio(latency, LATENCY, [GRAPHILE]),
        measure: { metric: 'p50Milliseconds' },
        better: 'lower',
        bar: 0.8,
        aim: 0.6,
      },
      {
        title: 'latency of an idle worker, p99 / graphile-worker',
        ...ratio(latency, LATENCY, [GRAPHILE]),
        measure: { metric: 'p99Milliseconds' },
        better: 'lower',
        bar: 0.8,
        aim: 0.6,
      },
    ],
  },
  {
    name: 'backlog',
    rows: [
      {
        title: 'first 300,000 of 10,000,000 waiting / of 300,000 waiting',
        ...value(backlog, waiting(10_000_000), JOBS_PER_SECOND),
        against: [ours(backlog, waiting(300_000))],
        unit: '×',
        bar: 0.9,
        aim: 1,
        floor: floor(JOBS_PER_SECOND, peer(GRAPHILE, backlog, waiting(10_000_000))),
      },
    ],
  },
  {
    name: 'horizon-snapshot',
    rows: [
      {
        title: 'last / first 30 s of ten minutes at 2,000 jobs/s, a snapshot held',
        ...value(horizon, held('snapshot'), { metric: 'lastToFirst' }),
        unit: '×',
        bar: 0.95,
        aim: 1,
        floor: floor(BURST, peer(GRAPHILE, horizon, held('snapshot'))),
      },
    ],
  },
  {
    name: 'horizon-writer',
    rows: [
      {
        title: 'last / first 30 s of ten minutes at 2,000 jobs/s, a writer open',
        ...value(horizon, held('writer'), { metric: 'lastToFirst' }),
        unit: '×',
        bar: 0.95,
        aim: 1,
        floor: floor(BURST, peer(GRAPHILE, horizon, held('writer'))),
      },
    ],
  },
  {
    name: 'tenants',
    rows: [
      {
        title: '1,000,000 shuffled jobs of 100 tenants / graphile-worker untenanted',
        ...value(tenants, { ...SHUFFLED, tenants: 100 }, JOBS_PER_SECOND),
        against: [peer(GRAPHILE, drain, { ...SHUFFLED, rounds: 1 })],
        unit: '×',
        bar: 1.2,
        aim: 1.7,
      },
      {
        title: '1,000,000 shuffled jobs of 100,000 tenants / graphile-worker untenanted',
        ...value(tenants, { ...SHUFFLED, tenants: 100_000 }, JOBS_PER_SECOND),
        against: [peer(GRAPHILE, drain, { ...SHUFFLED, rounds: 1 })],
        unit: '×',
        bar: 0.4,
        aim: 0.7,
      },
    ],
  },
  {
    name: 'wal',
    rows: [
      {
        title: 'WAL of a job through its life, 1 tenant',
        ...value(wal, { jobs: 300_000, tenants: 1 }, { metric: 'walBytesPerJob' }),
        unit: 'KB',
        better: 'lower',
        bar: 1,
        aim: 0.75,
      },
      {
        title: 'WAL of a job through its life, 100,000 tenants',
        ...value(wal, { jobs: 300_000, tenants: 100_000 }, { metric: 'walBytesPerJob' }),
        unit: 'KB',
        better: 'lower',
        bar: 2.2,
        aim: 1.7,
      },
    ],
  },
  {
    name: 'fleet',
    rows: [
      {
        title: '8 processes × 10 slots × jobs of 20 ms, 50 tenants, of 4,000/s',
        ...value(fleet, FLEET, { metric: 'partOfPossible' }),
        unit: '%',
        bar: 90,
        aim: 97,
      },
    ],
  },
]

function floor(measure: Measure, against: Entry): Floor {
  return { measure, against, ratio: FLOOR_RATIO }
}

function held(transaction: NonNullable<Case['held']>): Case {
  return { held: transaction, seconds: 600, jobsPerSecond: 2000, jobs: 50_000 }
}
