import { sameLane, type ModelJob } from '../model-job.ts'
import type { ModelRivalry, ModelTurn } from '../model-rivalry.ts'
import type { ModelState } from '../model-state.ts'
import { claimability } from './claimability.ts'
import { applying, isPaused } from './limits.ts'

/**
 * Looks which lanes have something that may start: those that had it all the time since the last look
 * stay rivals.
 */
export function watchRivals(model: ModelState): void {
  const lanes = eligibleLanes(model)
  const isThere = (queue: string, lane: string | null) =>
    lanes.some((each) => each.queue === queue && each.tenantId === lane)
  const left = model.rivalries.filter((each) =>
    each.lanes.every((lane) => isThere(each.queue, lane)),
  )
  model.rivalries.splice(0, Infinity, ...left)
  for (const [index, { queue, tenantId: one }] of lanes.entries()) {
    for (const { queue: another, tenantId: two } of lanes.slice(index + 1)) {
      if (queue !== another || findRivalry(model, queue, one, two) !== undefined) continue
      const slack = reach(model, queue, one) + reach(model, queue, two)
      const even = { lead: 0, furthestAhead: 0, furthestBehind: 0 }
      model.rivalries.push({ queue, lanes: [one, two], slack, ...even })
    }
  }
}

/** A lane was served in its turn: no rival may be further behind than a job of each. */
export function countServed(model: ModelState, { ref: { queue, tenantId } }: ModelJob): void {
  const share = 1 / weightOf(model, queue, tenantId)
  for (const rivalry of model.rivalries) {
    const { lanes, slack } = rivalry
    if (rivalry.queue !== queue || !lanes.includes(tenantId)) continue
    rivalry.lead += tenantId === lanes[0] ? share : -share
    rivalry.furthestAhead = Math.max(rivalry.furthestAhead, rivalry.lead)
    rivalry.furthestBehind = Math.min(rivalry.furthestBehind, rivalry.lead)
    const apart = rivalry.furthestAhead - rivalry.furthestBehind
    if (apart > slack + ROUNDING) {
      throw new Error(
        `the shares of ${lanes.join(' and ')} in ${queue} are ${apart} jobs apart, over ${slack}`,
      )
    }
  }
  turnOf(model, queue, tenantId).ahead = share
}

/**
 * A lane was served out of its turn, as only some may be prefetched: it pays with the turns that
 * follow, and until then is no measure for the others.
 */
export function countPrefetched(model: ModelState, { ref: { queue, tenantId } }: ModelJob): void {
  const left = model.rivalries.filter((each) => each.queue !== queue)
  model.rivalries.splice(0, Infinity, ...left)
  turnOf(model, queue, tenantId).ahead += 1 / weightOf(model, queue, tenantId)
}

const ROUNDING = 1e-9

function eligibleLanes(model: ModelState): { queue: string; tenantId: string | null }[] {
  const lanes: { queue: string; tenantId: string | null }[] = []
  for (const job of model.jobs) {
    if (job.state !== 'pending' || job.suspect || job.runAt > model.now) continue
    if (lanes.some((lane) => sameLane(lane, job.ref))) continue
    if (isPaused(model, job) || claimability(model, job, model.now) !== 'yes') continue
    const { queue, tenantId } = job.ref
    lanes.push({ queue, tenantId })
  }
  return lanes
}

function findRivalry(
  model: ModelState,
  queue: string,
  one: string | null,
  two: string | null,
): ModelRivalry | undefined {
  return model.rivalries.find(
    (each) => each.queue === queue && each.lanes.includes(one) && each.lanes.includes(two),
  )
}

/** How far ahead of the present the next turn of a lane may be, now or once it was served. */
function reach(model: ModelState, queue: string, tenantId: string | null): number {
  return Math.max(1 / weightOf(model, queue, tenantId), turnOf(model, queue, tenantId).ahead)
}

function turnOf(model: ModelState, queue: string, tenantId: string | null): ModelTurn {
  const found = model.turns.find((each) => sameLane(each, { queue, tenantId }))
  if (found !== undefined) return found
  const turn: ModelTurn = { queue, tenantId, ahead: 0 }
  model.turns.push(turn)
  return turn
}

/** Jobs without a tenant share a lane of weight 1. */
function weightOf(model: ModelState, queue: string, tenantId: string | null): number {
  return tenantId === null ? 1 : (applying(model, { queue, tenantId }).weight ?? 1)
}
