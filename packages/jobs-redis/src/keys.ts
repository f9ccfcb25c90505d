/** What the keys of a queue, or of a shard of it, begin with. The braces keep them together in a cluster. */
export function baseOf(prefix: string, queue: string, shard?: string): string {
  // A brace in the name would end the part by which a cluster places the keys; it has no slash either.
  const name = encodeURIComponent(queue)
  return `{${prefix}:${shard === undefined ? name : `${name}/${shard}`}}:`
}

/** The queue whose keys begin so. */
export function queueOfBase(prefix: string, base: string): string {
  const [name] = base.slice(prefix.length + 2, -2).split('/')
  return decodeURIComponent(name!)
}

/** How many shards the queues of a prefix have. */
export function shardsKey(prefix: string): string {
  return `{${prefix}}:shards`
}

/** The set of the names of all queues of a prefix. */
export function queuesKey(prefix: string): string {
  return `{${prefix}}:queues`
}

/** Where hints of all queues of a prefix are published. */
export function hintChannel(prefix: string): string {
  return `{${prefix}}:hints`
}
