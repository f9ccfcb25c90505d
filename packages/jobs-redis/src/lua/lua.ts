/** Marks a text as Lua, and takes its backslashes as they are. */
export const lua: (
  strings: TemplateStringsArray,
  ...values: readonly (string | number)[]
) => string = String.raw
