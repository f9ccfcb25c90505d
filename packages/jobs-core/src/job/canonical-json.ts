/**
 * The same JSON with the keys of every object in one order: texts that say the same become equal.
 *
 * @see RFC 8785 (JSON Canonicalization Scheme), whose order of keys this is.
 */
export function canonicalJson(text: string): string {
  return JSON.stringify(sorted(JSON.parse(text)))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1))
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]))
}
