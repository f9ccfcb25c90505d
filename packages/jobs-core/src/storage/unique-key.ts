/**
 * A claim on a key that at most one job of a queue and tenant holds at a time.
 *
 * A job holds its key from the moment it is enqueued until the transition that ends it (completed,
 * failed, cancelled, removed); nothing else frees the key, and nobody but its holder. What happens to a
 * job whose key is taken, the job itself says:
 *
 * - `keep`: it is not stored; the holder is the answer. With `windowMs` the key is held for exactly so
 *   long from the moment its holder was enqueued, ended or not, and the holder is retained as long.
 * - `replace`: a holder that is waiting becomes the new job: payload, name, options and time are
 *   replaced and its attempts begin anew, while its id, its creation and its place in the order stay.
 *   A holder that is running stays as it is, and the new job becomes its successor.
 * - `debounce`: as `replace`, and the time starts anew: the job runs `delayMs` after the last duplicate,
 *   yet at most `maxWaitMs` after the first since its key was last free or last began to run. An
 *   operator's retry counts as such a first.
 *
 * A *successor* waits, whatever its time, until the holder ends, and takes the key in that same
 * transition. A key has at most one: a further duplicate that would follow replaces it (by the same
 * rules), and cancelling or removing it leaves the holder as it is. `keep` answers with the holder.
 *
 * An operator's retry of an ended job claims its key again, and is refused where another job holds it.
 */
export type UniqueKey =
  | { readonly key: string; readonly ifTaken: 'keep'; readonly windowMs?: number }
  | { readonly key: string; readonly ifTaken: 'replace' }
  | { readonly key: string; readonly ifTaken: 'debounce'; readonly maxWaitMs?: number }
