import { BROKER_VARIABLE } from './broker-client.ts'
import { ServerBroker } from './server-broker.ts'

/** Vitest's global set-up: starts no server, only the broker that starts one when a test asks. */
export default async function setUp(): Promise<() => Promise<void>> {
  const broker = await ServerBroker.start()
  process.env[BROKER_VARIABLE] = broker.url
  return () => broker.stop()
}
