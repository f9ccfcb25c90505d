/** What the keys of a queue begin with. The braces keep them together in a cluster. */
export function baseOf(prefix: string, queue: string): string {
  // A brace in the name would end the part by which a cluster places the keys.
  return `{${prefix}:${encodeURIComponent(queue)}}:`
}

/** The queue whose keys begin so. */
export function queueOfBase(prefix: string, base: string): string {
  return decodeURIComponent(base.slice(prefix.length + 2, -2))
}

/** The set of the names of all queues of a prefix. */
export function queuesKey(prefix: string): string {
  return `{${prefix}}:queues`
}

/** Where hints of all queues of a prefix are published. */
export function hintChannel(prefix: string): string {
  return `{${prefix}}:hints`
}
