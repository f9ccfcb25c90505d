import { readFileSync } from 'node:fs'

/** The SQL of a section of `docs/postgres.md`, block by block: what it tells people to run is what is tested. */
export function documentedSql(heading: string): readonly string[] {
  const text = readFileSync(new URL('../../../../docs/postgres.md', import.meta.url), 'utf8')
  const section = text.split('\n## ').find((part) => part.startsWith(`${heading}\n`))
  if (section === undefined) throw new Error(`docs/postgres.md has no section ${heading}`)
  return [...section.matchAll(/^```sql\n(.*?)^```/gms)].map((match) => match[1]!)
}
