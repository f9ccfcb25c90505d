import { recordPages } from '../worker/record-pages.ts'
import {
  type CheckedSelection,
  checkSaid,
  checkSelection,
  type JobSelection,
} from './job-selection.ts'
import type { QueueParts } from './queue-parts.ts'

/** Jobs a page: with their payloads and results they may be large. */
const PAGE = 100

/**
 * The jobs of a selection as lines of JSON; see `OperatorCalls.exportJobs`. The selection is checked, and
 * its tenant read, now: whoever reads the lines may do so elsewhere.
 */
export function exportJobs(parts: QueueParts, selection: JobSelection): AsyncIterable<string> {
  checkSaid(selection)
  return linesOf(parts, checkSelection(parts.name, selection, parts.sizes))
}

async function* linesOf(
  { session, viewer }: QueueParts,
  filter: CheckedSelection,
): AsyncGenerator<string, void, undefined> {
  for await (const page of recordPages(session, filter, PAGE)) {
    // Lists leave out logs and failures.
    const records = await session.call('get', (call) => session.store.get(page, call))
    for (const record of records) {
      if (record !== null) yield `${JSON.stringify(viewer.show(record))}\n`
    }
  }
}
