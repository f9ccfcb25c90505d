import { readFileSync } from 'node:fs'

/** Whom a program runs as. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/**
 * The account that a server of ours runs as: Postgres refuses to run as root. `undefined` is the
 * current one.
 */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  for (const name of ['postgres', 'nobody']) {
    const account = accounts.find((fields) => fields[0] === name)
    if (account !== undefined) return { uid: Number(account[2]), gid: Number(account[3]) }
  }
  throw new Error(
    'Postgres refuses to run as root, and there is no account postgres or nobody: run the tests as another user, or name a server in TEST_POSTGRES_URL',
  )
}
