import { JobsError } from '../errors.ts'
import { describe } from '../job/names.ts'
import { JOB_EVENTS } from './job-event.ts'

/** @throws {@link JobsError} `JOBS_INVALID_OPTION` for an event that there is not, or no function. */
export function checkListener(type: unknown, listener: unknown): void {
  if (!(JOB_EVENTS as readonly unknown[]).includes(type)) {
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      `there is no event ${describe(type)}; there are ${JOB_EVENTS.join(', ')}`,
    )
  }
  if (typeof listener !== 'function') {
    throw new JobsError('JOBS_INVALID_OPTION', 'the listener of an event must be a function')
  }
}
