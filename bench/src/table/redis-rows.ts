import { backlog } from '../scenarios/backlog.ts'
import { bulk } from '../scenarios/bulk.ts'
import { drain } from '../scenarios/drain.ts'
import { enqueue } from '../scenarios/enqueue.ts'
import { latency } from '../scenarios/latency.ts'
import { memory } from '../scenarios/memory.ts'
import { mixed } from '../scenarios/mixed.ts'
import type { Case, Scenario } from '../scenarios/scenario.ts'
import { tenants } from '../scenarios/tenants.ts'
import { BULK, DRAIN, IN_FLIGHT, LATENCY, MIXED, SERIAL, SHUFFLED, waiting } from './cases.ts'
import { JOBS_PER_SECOND, ours, peer, ratio, value } from './comparisons.ts'
import { OURS, type Row, type RowGroup } from './rows.ts'

const BULLMQ = 'bullmq'

/** Both systems on a server that keeps nothing, and on one with `appendonly`. */
const VARIANTS = ['', ':aof']

/** The bars on Redis, in the order of the table. */
export const redisRows: readonly RowGroup[] = [
  {
    name: 'drain',
    rows: onBoth('drain of 300,000 no-op jobs', drain, DRAIN, { bar: 5, aim: 8 }),
  },
  {
    name: 'enqueue',
    rows: [
      ...onBoth('enqueue one by one, serial', enqueue, SERIAL, { bar: 1, aim: 1.2 }),
      ...onBoth('enqueue one by one, 100 calls in flight', enqueue, IN_FLIGHT, {
        bar: 1.5,
        aim: 3,
      }),
    ],
  },
  {
    name: 'mixed',
    rows: onBoth('produce one by one and process', mixed, MIXED, { bar: 3, aim: 4.5 }),
  },
  {
    name: 'bulk',
    rows: onBoth('bulk enqueue, batches of 1,000', bulk, BULK, { bar: 4, aim: 7 }),
  },
  {
    name: 'latency',
    rows: [
      ...onBoth('latency of an idle worker, p50', latency, LATENCY, {
        measure: { metric: 'p50Milliseconds' },
        better: 'lower',
        bar: 1,
        aim: 0.6,
      }),
      ...onBoth('latency of an idle worker, p99', latency, LATENCY, {
        measure: { metric: 'p99Milliseconds' },
        better: 'lower',
        bar: 1,
        aim: 0.6,
      }),
    ],
  },
  {
    name: 'backlog',
    rows: [
      {
        title: 'first 300,000 of 600,000 waiting / of 300,000 waiting',
        ...value(backlog, waiting(600_000), JOBS_PER_SECOND),
        against: [ours(backlog, waiting(300_000))],
        unit: '×',
        bar: 0.9,
        aim: 1,
      },
      {
        title: '300,000 waiting, 300,000 delayed beside them / none delayed',
        ...value(backlog, { ...waiting(300_000), delayed: 300_000 }, JOBS_PER_SECOND),
        against: [ours(backlog, waiting(300_000))],
        unit: '×',
        bar: 0.9,
        aim: 1,
      },
    ],
  },
  {
    name: 'tenants',
    rows: [
      {
        title: `1,000,000 shuffled jobs of 100 tenants / ${BULLMQ} untenanted`,
        ...value(tenants, { ...SHUFFLED, tenants: 100 }, JOBS_PER_SECOND),
        against: [peer(BULLMQ, drain, { ...SHUFFLED, rounds: 1 })],
        unit: '×',
        bar: 2.5,
        aim: 3.5,
      },
      {
        title: `1,000,000 shuffled jobs of 100,000 tenants / ${BULLMQ} untenanted`,
        ...value(tenants, { ...SHUFFLED, tenants: 100_000 }, JOBS_PER_SECOND),
        against: [peer(BULLMQ, drain, { ...SHUFFLED, rounds: 1 })],
        unit: '×',
        bar: 2.5,
        aim: 3.5,
      },
    ],
  },
  {
    name: 'memory',
    rows: [
      {
        title: `memory of the server for a waiting job / ${BULLMQ}`,
        ...ratio(memory, { jobs: 300_000 }, [BULLMQ]),
        measure: { metric: 'serverBytesPerJob' },
        better: 'lower',
        bar: 0.7,
        aim: 0.6,
      },
    ],
  },
]

/** Ours against BullMQ, once on each kind of server. */
function onBoth(
  title: string,
  scenario: Scenario,
  settings: Case,
  rest: Pick<Row, 'bar' | 'aim'> & Partial<Pick<Row, 'measure' | 'better'>>,
): readonly Row[] {
  return VARIANTS.map((variant) => ({
    title: `${title} / ${BULLMQ}${variant}`,
    ...ratio(scenario, settings, [`${BULLMQ}${variant}`]),
    entry: { scenario, settings, system: `${OURS}${variant}` },
    ...rest,
  }))
}
