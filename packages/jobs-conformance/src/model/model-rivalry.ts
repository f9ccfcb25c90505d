/** A lane, and how far its next turn may be ahead of the present: in jobs of a lane of weight 1. */
export interface ModelTurn {
  readonly queue: string
  readonly tenantId: string | null
  ahead: number
}

/** Two lanes of a queue, as long as both have something that may start. */
export interface ModelRivalry {
  readonly queue: string
  readonly lanes: readonly [string | null, string | null]
  /** How far apart their shares may be. */
  readonly slack: number
  /** How far the first is ahead of the second: jobs over weight. */
  lead: number
  furthestAhead: number
  furthestBehind: number
}
