import type { StoreFinding } from '@cgk/jobs-core'
import type { Ask } from '../persistence.ts'
import type { ServerInfo } from '../server-info.ts'
import type { Topology } from './examined-server.ts'

/** What the checks of a server look at. */
export interface Examined {
  readonly topology: Topology
  readonly prefix: string
  /** `null` where the user may not ask. */
  readonly info: ServerInfo | null
  readonly ask: Ask
}

/** What is found, apart from where. */
export type Finding = Omit<StoreFinding, 'check'>

/** Looks at one thing of a server; `null` where there is nothing to be said of it. */
export interface Check {
  readonly name: string
  readonly look: (examined: Examined) => Promise<Finding | null>
}

/** A check of what a server says of itself. */
export function infoCheck(
  name: string,
  judge: (info: ServerInfo, examined: Examined) => Finding | null | Promise<Finding | null>,
): Check {
  return {
    name,
    look: async (examined) => (examined.info === null ? null : judge(examined.info, examined)),
  }
}
