/** What a store is called where people read it: its name; of a URL, which may hold a password, a digest. */
export function storeLabel(ref: string, isName: boolean): string {
  if (isName) return ref
  const scheme = /^[a-z][a-z0-9+.-]*(?=:)/.exec(ref)?.[0]
  return scheme === undefined ? ref.slice(0, 60) : `${scheme}#${digest(ref)}`
}

/** FNV-1a, 32 bits: tells URLs apart, hides nothing from who knows them. */
function digest(text: string): string {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return (hash >>> 0).toString(16).padStart(8, '0')
}
