/** A config but for some of its settings. */
export function without<TConfig extends object, TName extends keyof TConfig & string>(
  config: TConfig,
  ...names: readonly TName[]
): Omit<TConfig, TName> {
  const left = Object.entries(config).filter(
    ([name]) => !(names as readonly string[]).includes(name),
  )
  return Object.fromEntries(left) as Omit<TConfig, TName>
}
