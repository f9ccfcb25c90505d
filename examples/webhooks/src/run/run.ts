import { readFile, writeFile } from 'node:fs/promises'
import * as v from 'valibot'

const SentDelivery = v.object({
  tenantId: v.string(),
  deliveryId: v.string(),
  event: v.string(),
  wronglySigned: v.boolean(),
})

const Run = v.object({
  /** Of this run alone, so that on a durable store a second run is not all repeats of the first. */
  queue: v.string(),
  outsideApiUrl: v.string(),
  /** Where the directory of tenants is. */
  directoryFile: v.string(),
  /** The URL of the store that the noisy shop has for itself. */
  noisyStore: v.optional(v.string()),
  secrets: v.array(v.object({ slug: v.string(), secret: v.string() })),
  /** What the deliveries file holds, line by line. */
  sent: v.array(SentDelivery),
})

/** One delivery as it was sent; one that was sent twice is there twice. */
export type SentDelivery = Readonly<v.InferOutput<typeof SentDelivery>>

/** What the worker process must know of the run it is part of. */
export type Run = Readonly<v.InferOutput<typeof Run>>

/** The environment variable that tells the worker process where its run is described. */
export const RUN_VARIABLE = 'WEBHOOKS_RUN'

export async function writeRun(path: string, run: Run): Promise<void> {
  await writeFile(path, JSON.stringify(run), { mode: 0o600 })
}

/** Reads the run this process is part of. */
export async function readRun(env: NodeJS.ProcessEnv = process.env): Promise<Run> {
  const path = env[RUN_VARIABLE]
  if (path === undefined) {
    throw new Error(`${RUN_VARIABLE} is not set: src/main.ts makes a run and starts the worker`)
  }
  return v.parse(Run, JSON.parse(await readFile(path, 'utf8')))
}
