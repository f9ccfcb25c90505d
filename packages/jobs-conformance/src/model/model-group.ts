import type { EndState, GroupRef, NewJob } from '@cgk/jobs-core'
import { sameLane, type ModelJob } from './model-job.ts'
import type { ModelState } from './model-state.ts'

/** A job or a nested group, and how it ended. */
interface ModelMember {
  /** Of a nested group its callback, once it has made one. */
  job: ModelJob | null
  /** The nested group's id. */
  readonly groupId: string | null
  end: EndState | null
}

/** A group as the contract says it must be by now. */
export interface ModelGroup {
  readonly ref: GroupRef
  readonly parentId: string | null
  readonly createdAt: number
  readonly members: ModelMember[]
  readonly onComplete: NewJob | null
  readonly onAnyFailed: NewJob | null
  endedAt: number | null
  callback: ModelJob | null
  /** The callback has ended at least once, or there was none to make. */
  isClosed: boolean
}

/** The group that waits for a job; `undefined` where none does, or it is forgotten. */
export function groupOf(model: ModelState, job: ModelJob): ModelGroup | undefined {
  return model.groups.find(({ members }) => members.some((member) => member.job === job))
}

export function findGroup(model: ModelState, ref: GroupRef): ModelGroup | undefined {
  return model.groups.find((group) => group.ref.id === ref.id && sameLane(group.ref, ref))
}
