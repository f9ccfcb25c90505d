import * as v from 'valibot'

/** Any object but an array, which schemas of objects would let through. */
export function plainObject(problem: string): v.GenericSchema<object> {
  return v.custom<object>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    problem,
  )
}
