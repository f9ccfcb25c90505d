import { isJobsError, type CallOptions, type StoreFinding } from '@cgk/jobs-core'
import { isNotPermitted } from '../errors.ts'
import type { Named } from '../parse-url.ts'
import type { Ask } from '../persistence.ts'
import { readInfo, type ServerInfo } from '../server-info.ts'
import type { Check, Finding } from './check.ts'
import { durabilityCheck } from './durability-check.ts'
import { withServer, type ExaminedServer, type Topology } from './examined-server.ts'
import { locate } from './locate.ts'
import { serverChecks } from './server-checks.ts'
import { storeChecks } from './store-checks.ts'

const CHECKS: readonly Check[] = [...serverChecks, durabilityCheck, ...storeChecks]

/**
 * Runs every check on every server of a store. A server of several that does not answer is a finding of its own
 * and stops none for the others.
 *
 * @throws {@link JobsError} where no server can be looked at.
 */
export async function examine(
  named: Named,
  prefix: string,
  options?: CallOptions,
): Promise<readonly StoreFinding[]> {
  const { topology, servers, findings } = await locate(named)
  const found = await Promise.all(
    servers.map(async (server) => {
      try {
        return await examineServer(server, { topology, prefix }, options)
      } catch (error) {
        if (topology !== 'cluster' || !isJobsError(error)) throw error
        const { address } = server
        const message = `${address}: ${error.message}`
        return [{ check: 'connection', level: 'error', message } as const]
      }
    }),
  )
  return [...findings, ...found.flat()]
}

async function examineServer(
  server: ExaminedServer,
  context: { readonly topology: Topology; readonly prefix: string },
  options: CallOptions | undefined,
): Promise<readonly StoreFinding[]> {
  return withServer(
    server,
    async (ask) => {
      const examined = { ...context, ask, info: await infoOf(ask) }
      const findings: StoreFinding[] = []
      for (const { name, look } of CHECKS) {
        const finding = await look(examined)
        if (finding !== null) findings.push({ check: name, ...at(server, finding) })
      }
      return findings
    },
    options,
  )
}

async function infoOf(ask: Ask): Promise<ServerInfo | null> {
  try {
    return readInfo((await ask('INFO')) as string)
  } catch (error) {
    if (isNotPermitted(error)) return null
    throw error
  }
}

function at({ address }: ExaminedServer, finding: Finding): Finding {
  return address === '' ? finding : { ...finding, message: `${address}: ${finding.message}` }
}
