/**
 * The part of the Standard Schema interface that tests implement, so that no test needs a schema
 * library.
 *
 * @see https://standardschema.dev
 */
export interface StandardSchemaV1<TInput, TOutput> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => Result<TOutput> | Promise<Result<TOutput>>
    readonly types?: { readonly input: TInput; readonly output: TOutput } | undefined
  }
}

type Result<TOutput> =
  { readonly value: TOutput; readonly issues?: undefined } | { readonly issues: readonly Issue[] }

interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** A schema of one function. */
export function schemaOf<TInput, TOutput = TInput>(
  validate: (value: unknown) => Result<TOutput> | Promise<Result<TOutput>>,
): StandardSchemaV1<TInput, TOutput> {
  return { '~standard': { version: 1, vendor: 'test', validate } }
}
