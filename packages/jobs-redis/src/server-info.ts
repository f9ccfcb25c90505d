/** What a server says of itself in INFO, by name. */
export type ServerInfo = ReadonlyMap<string, string>

/** Reads the answer to INFO. */
export function readInfo(text: string): ServerInfo {
  return new Map(
    text.split('\r\n').map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1)] as const
    }),
  )
}
