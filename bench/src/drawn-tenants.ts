/**
 * Gives each job one of so many tenants, as if by lot, and the same in every run and process.
 *
 * @see the finalizer of MurmurHash3 (Austin Appleby), which spreads neighbours evenly
 */
export function drawnTenants(tenants: number): (order: number) => string {
  return (order) => `tenant-${spread(order) % tenants}`
}

function spread(order: number): number {
  let hash = order + 1
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
