import type { StoreFinding } from '@cgk/jobs-core'
import type { Named } from '../parse-url.ts'
import type { ExaminedServer, Topology } from './examined-server.ts'
import { locateBySentinels } from './locate-by-sentinels.ts'
import { locateInCluster } from './locate-in-cluster.ts'

/** Where a store is, and what was found on the way. */
export interface Located {
  readonly topology: Topology
  readonly servers: readonly ExaminedServer[]
  readonly findings: readonly StoreFinding[]
}

/**
 * Finds the servers that keep the jobs of a store: the one that is named, the master that Sentinels know, or
 * all masters of a cluster.
 *
 * @throws {@link JobsError} where nobody tells.
 */
export async function locate(named: Named): Promise<Located> {
  if ('sentinel' in named) return locateBySentinels(named.sentinel)
  if ('cluster' in named) return locateInCluster(named.cluster)
  return { topology: 'server', servers: [{ address: '', options: named.server }], findings: [] }
}
