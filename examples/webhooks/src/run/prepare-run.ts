import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { loadCatalogue } from '../deliveries/catalogue.ts'
import { replay, type ShopDelivery } from '../deliveries/replay.ts'
import { RECEIVE_DELIVERY } from '../jobs/receive-delivery-job.ts'
import { shops, shopSecrets } from '../shops.ts'
import { writeFirstDirectory } from '../tenants/directory-file.ts'
import { writeRun, type Run } from './run.ts'

/** Where the worker finds its run. */
export interface PreparedRun {
  readonly runFile: string
  readonly deliveriesFile: string
}

/** Writes the run's description, its directory of tenants and its deliveries, signed, into a folder. */
export async function prepareRun(options: {
  readonly folder: string
  readonly outsideApiUrl: string
  readonly seed: number
  readonly deliveries: number | undefined
  readonly noisyStore: string | undefined
}): Promise<PreparedRun> {
  const { folder, outsideApiUrl, seed, noisyStore } = options
  const secrets = shopSecrets(seed)
  const catalogue = loadCatalogue()
  const sent = replay({ seed, shops, secrets, catalogue, limit: options.deliveries })
  const directoryFile = join(folder, 'shops.json')
  const run: Run = {
    queue: `webhooks-${randomBytes(6).toString('hex')}`,
    outsideApiUrl,
    directoryFile,
    ...(noisyStore !== undefined && { noisyStore }),
    secrets: [...secrets],
    sent: sent.map(({ shop, delivery, wronglySigned }) => ({
      tenantId: shop,
      deliveryId: delivery.deliveryId,
      event: delivery.event,
      wronglySigned,
    })),
  }
  const runFile = join(folder, 'run.json')
  const deliveriesFile = join(folder, 'deliveries.jsonl')
  await writeRun(runFile, run)
  await writeFirstDirectory(run)
  await pipeline(Readable.from(jobLines(sent, run.queue)), createWriteStream(deliveriesFile))
  return { runFile, deliveriesFile }
}

/** Each delivery as a line that the worker reads; its id as the job's makes a repeat the same job. */
function* jobLines(sent: readonly ShopDelivery[], queue: string): Generator<string> {
  for (const { shop, delivery } of sent) {
    const line = {
      queue,
      name: RECEIVE_DELIVERY,
      tenantId: shop,
      payload: delivery,
      options: { jobId: delivery.deliveryId },
    }
    yield `${JSON.stringify(line)}\n`
  }
}
