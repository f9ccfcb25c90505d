import type { StoreCapabilities } from '@cgk/jobs-core'
import type { Arbitrary } from 'fast-check'
import type { JobCommand } from '../job-command.ts'
import { enqueueCommand } from './enqueue-commands.ts'
import { enqueueGroupsCommand } from './group-commands.ts'
import { claim, crash, extend, report, settleCommand } from './lease-commands.ts'
import { getLimits, listLimits, listTenants, setLimits } from './limit-commands.ts'
import {
  advance,
  cancel,
  listCommand,
  maintain,
  pauseCommand,
  remove,
  retry,
} from './operator-commands.ts'
import {
  advanceCommand,
  dueSchedules,
  listSchedules,
  putSchedule,
  removeSchedules,
} from './schedule-commands.ts'

/** Everything that can happen to a store that is able to do this; the usual is in the list more often. */
export function commandsFor(able: StoreCapabilities): Arbitrary<JobCommand>[] {
  const weighted: [Arbitrary<JobCommand>, number][] = [
    [enqueueCommand(able), 6],
    [claim, 9],
    [settleCommand(able), 8],
    [extend, 3],
    [report, 1],
    [advance, 4],
    [maintain, 3],
    [crash, 1],
    [cancel, 1],
    [retry, 1],
    [remove, 1],
    [pauseCommand(able), 2],
    [listCommand(able), 1],
  ]
  if (able.groups) weighted.push([enqueueGroupsCommand(able), 2])
  if (able.limits) {
    weighted.push([setLimits, 3], [getLimits, 1], [listLimits, 1], [listTenants, 1])
  }
  if (able.schedules) {
    weighted.push(
      [putSchedule, 2],
      [advanceCommand(able), 2],
      [dueSchedules, 1],
      [listSchedules, 1],
      [removeSchedules, 1],
    )
  }
  return weighted.flatMap(([command, weight]) => Array.from({ length: weight }, () => command))
}
