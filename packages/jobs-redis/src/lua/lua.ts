/** Marks a text as Lua, and takes its backslashes as they are. */
export const lua: (strings: TemplateStringsArray) => string = String.raw
