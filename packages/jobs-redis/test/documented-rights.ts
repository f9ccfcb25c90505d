import { readFile } from 'node:fs/promises'

const DOCUMENT = new URL('../../../docs/redis.md', import.meta.url)

const MORE = {
  server: null,
  sentinel: /^- With Sentinels.*`(.+)`$/m,
  cluster: /^- On every node of a cluster: `(.+)`$/m,
}

/** The command that the documentation gives for a user of a store, for another prefix. */
export async function documentedUser(
  prefix: string,
  topology: keyof typeof MORE,
): Promise<readonly string[]> {
  const text = await readFile(DOCUMENT, 'utf8')
  const command = /^ACL SETUSER .*\n.*$/m.exec(text)![0]
  const pattern = MORE[topology]
  const more = pattern === null ? '' : ` ${pattern.exec(text)![1]!}`
  return `${command}${more}`.replaceAll('{shop', `{${prefix}`).split(/\s+/)
}
