import type { StoreFinding } from '@cgk/jobs-core'
import { addressOfRoot, optionsOfNode, type ClusterOptions } from '../cluster-connection.ts'
import { readSlots, type SlotRange, type SlotRanges } from '../cluster-slots.ts'
import { isNoCluster, isNotPermitted, noClusterError } from '../errors.ts'
import { SLOTS } from '../key-slot.ts'
import { withServer } from './examined-server.ts'
import type { Located } from './locate.ts'
import { missingPrivileges } from './store-checks.ts'

/** All masters of a cluster, and whether they have all slots. */
export async function locateInCluster(options: ClusterOptions): Promise<Located> {
  const silent: string[] = []
  let failure: unknown
  for (const address of options.rootNodes.map(addressOfRoot)) {
    try {
      const ranges = await askForSlots(options, address)
      return located(options, ranges, silent)
    } catch (error) {
      failure = error
      silent.push(address)
    }
  }
  throw failure
}

/** `null` where the user may not ask. */
async function askForSlots(
  options: ClusterOptions,
  address: string,
): Promise<readonly SlotRange[] | null> {
  const server = { address, options: optionsOfNode(options, address) }
  return withServer(server, async (ask) => {
    try {
      return readSlots((await ask('CLUSTER', 'SLOTS')) as SlotRanges, address)
    } catch (error) {
      if (isNotPermitted(error)) return null
      throw isNoCluster(error) ? noClusterError() : error
    }
  })
}

function located(
  options: ClusterOptions,
  ranges: readonly SlotRange[] | null,
  silent: readonly string[],
): Located {
  const findings: StoreFinding[] = []
  if (silent.length > 0) {
    const message = `no answer from ${silent.join(', ')}`
    findings.push({
      check: 'nodes',
      level: 'warning',
      message,
      advice: 'name nodes that are there',
    })
  }
  if (ranges === null) {
    findings.push({ check: 'privileges', ...missingPrivileges(['+cluster|slots']) })
    return { topology: 'cluster', servers: [], findings }
  }
  const addresses = [...new Set(ranges.map(({ nodes }) => nodes[0]!))]
  findings.push(coverageOf(ranges, addresses.length))
  const servers = addresses.map((address) => ({
    address,
    options: optionsOfNode(options, address),
  }))
  return { topology: 'cluster', servers, findings }
}

function coverageOf(ranges: readonly SlotRange[], masters: number): StoreFinding {
  const check = 'slots'
  const covered = ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0)
  if (covered === SLOTS)
    return { check, level: 'ok', message: `all of them, on ${masters} masters` }
  return {
    check,
    level: 'error',
    message: `${SLOTS - covered} of ${SLOTS} have no master: the queues in them stand still`,
    advice: 'redis-cli --cluster fix, once it is clear why',
  }
}
