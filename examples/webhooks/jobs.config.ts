import { defineWorkerConfig } from '@cgk/worker'
import { defineActionJobs } from './src/jobs/action-job.ts'
import { defineReceiveDeliveryJob } from './src/jobs/receive-delivery-job.ts'
import { OutsideApiClient } from './src/outside-api/outside-api-client.ts'
import { reportRun } from './src/report/report-run.ts'
import { readRun } from './src/run/run.ts'
import { shops } from './src/shops.ts'
import { expectedJobs } from './src/view/expected-jobs.ts'
import { LiveView } from './src/view/live-view.ts'

const run = await readRun()
const outsideApi = new OutsideApiClient(run.outsideApiUrl)
const actions = defineActionJobs(outsideApi)
const tenants = shops.map(({ slug }) => slug)

let view: LiveView | undefined

export default defineWorkerConfig({
  queues: { [run.queue]: { concurrency: 100 } },
  jobs: [defineReceiveDeliveryJob({ secrets: run.secrets, actions }), ...actions.values()],
  tenants,
  health: false,
  log: { level: 'warn' },
  hooks: {
    started(worker) {
      const queue = find(worker.queues, run.queue)
      const processor = find(worker.processors, run.queue)
      const expected = expectedJobs(run.sent)
      // The log and the view would write over each other, and the failed jobs are in the report.
      worker.logger.level = 'silent'
      view = new LiveView({ queue, processor, expected })
    },
    async stopped(worker) {
      await view?.stop()
      worker.logger.level = 'warn'
      const queue = find(worker.queues, run.queue)
      const lines = worker.input.enqueued + worker.input.bad
      const { text, isBalanced } = await reportRun({ run, queue, outsideApi, lines })
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
