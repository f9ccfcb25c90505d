/** Part of a value: of objects any properties, of lists each element in part. */
export type PartOf<T> = T extends readonly (infer E)[]
  ? readonly PartOf<E>[]
  : T extends object
    ? { readonly [K in keyof T]?: PartOf<T[K]> }
    : T

interface Matcher {
  asymmetricMatch(value: unknown): boolean
}

/**
 * Whether a JSON value has everything that `part` names. Lists are as long as each other. What has a
 * method `asymmetricMatch`, as `expect.any(String)` of test runners, decides for itself.
 */
export function matchesPart(value: unknown, part: unknown): boolean {
  if (Object.is(value, part)) return true
  if (typeof part !== 'object' || part === null) return false
  if (isMatcher(part)) return part.asymmetricMatch(value)
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(part) || Array.isArray(value)) {
    return (
      Array.isArray(part) &&
      Array.isArray(value) &&
      part.length === value.length &&
      part.every((element, index) => matchesPart(value[index], element))
    )
  }
  return Object.entries(part).every(([key, expected]) =>
    Object.hasOwn(value, key)
      ? matchesPart((value as Record<string, unknown>)[key], expected)
      : expected === undefined,
  )
}

function isMatcher(part: object): part is Matcher {
  return 'asymmetricMatch' in part && typeof part.asymmetricMatch === 'function'
}
