import { defineWorkerConfig } from '@cgk/worker'
import { defineActionJobs } from './src/jobs/action-job.ts'
import { defineReceiveDeliveryJob } from './src/jobs/receive-delivery-job.ts'
import { OutsideApiClient } from './src/outside-api/outside-api-client.ts'
import { reportRun } from './src/report/report-run.ts'
import { openOnceIn } from './src/run/open-once-in.ts'
import { readRun } from './src/run/run.ts'
import { noisyShop, shops, suspendedShop, weights } from './src/shops.ts'
import { reactivateMidway } from './src/tenants/reactivate-midway.ts'
import { expectedJobs } from './src/view/expected-jobs.ts'
import { FairShares } from './src/view/fair-shares.ts'
import { LiveView } from './src/view/live-view.ts'

const run = await readRun()
const outsideApi = new OutsideApiClient(run.outsideApiUrl)
const actions = defineActionJobs(outsideApi)

// The suspended shop has no part in what the others share, nor has one in another store.
const apart = run.noisyStore === undefined ? [suspendedShop] : [suspendedShop, noisyShop]
const served = shops.filter(({ slug }) => !apart.includes(slug))
const shares = new FairShares(new Map(served.map(({ slug, plan }) => [slug, weights[plan]])))
let view: LiveView | undefined

export default defineWorkerConfig({
  queues: { [run.queue]: { concurrency: 100 } },
  jobs: [defineReceiveDeliveryJob({ secrets: run.secrets, actions }), ...actions.values()],
  directory: run.directoryFile,
  health: false,
  log: { level: 'warn' },
  hooks: {
    async started(worker) {
      const queue = find(worker.queues, run.queue)
      const processor = find(worker.processors, run.queue)
      const expected = expectedJobs(run.sent)
      // The log and the view would write over each other, and the failed jobs are in the report.
      worker.logger.level = 'silent'
      await openOnceIn(queue, new Set(run.sent.map(({ deliveryId }) => deliveryId)).size)
      shares.watch(queue)
      reactivateMidway(queue, run, sumOf(expected.values()))
      view = new LiveView({ queue, processor, expected, shares })
    },
    async stopped(worker) {
      await view?.stop()
      worker.logger.level = 'warn'
      const queue = find(worker.queues, run.queue)
      const lines = worker.input.enqueued + worker.input.bad
      const { fairness } = shares
      const { text, isBalanced } = await reportRun({ run, queue, outsideApi, lines, fairness })
      console.log(text)
      worker.setExitCode(isBalanced ? 0 : 1)
    },
  },
})

function find<T>(byName: ReadonlyMap<string, T>, name: string): T {
  const found = byName.get(name)
  if (found === undefined) throw new Error(`The worker did not open ${name}`)
  return found
}

function sumOf(numbers: Iterable<number>): number {
  return [...numbers].reduce((sum, number) => sum + number, 0)
}
