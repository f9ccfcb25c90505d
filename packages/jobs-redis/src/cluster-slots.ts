/** What `CLUSTER SLOTS` answers. */
export type SlotRanges = readonly (readonly [
  from: number,
  to: number,
  ...nodes: readonly (readonly [host: string | null, port: number])[],
])[]

/** Slots that are together, and the addresses of their nodes: the master, then its replicas. */
export interface SlotRange {
  readonly from: number
  readonly to: number
  readonly nodes: readonly string[]
}

/** Reads what the node at an address has answered. */
export function readSlots(ranges: SlotRanges, teller: string): readonly SlotRange[] {
  return ranges.map(([from, to, ...nodes]) => ({
    from,
    to,
    nodes: nodes.map(([host, port]) => resolve(`${host ?? ''}:${port}`, teller)),
  }))
}

/** The address that a node names; without a host it means its own. */
export function resolve(address: string, teller: string): string {
  return address.startsWith(':') ? partsOf(teller).host + address : address
}

export function partsOf(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}
