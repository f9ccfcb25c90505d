import { JobsError } from './errors.ts'
import { describe } from './job/names.ts'

/**
 * Refuses a setting that would be ignored, such as one that another config has under that name.
 *
 * @param what - whose settings they are, for the message.
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`
 */
export function checkSettings<TConfig extends object>(
  what: string,
  config: TConfig,
  known: Readonly<Record<keyof TConfig & string, true>>,
): void {
  for (const setting of Object.keys(config)) {
    if (Object.hasOwn(known, setting)) continue
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      `${what} has no setting ${describe(setting)}; there are ${Object.keys(known).join(', ')}`,
    )
  }
}
