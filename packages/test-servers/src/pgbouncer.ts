import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { serverAccount } from './account.ts'
import { freePort } from './free-port.ts'
import { ServerProcess } from './server-process.ts'

/** Fewer than the clients of a test have connections: what is left in one is met by another. */
const SERVER_CONNECTIONS = 4

/**
 * A PgBouncer in front of one database, which lends a connection to the server for each transaction.
 */
export class PgBouncer implements AsyncDisposable {
  readonly url: string
  readonly #folder: string
  readonly #server: ServerProcess

  private constructor(url: string, folder: string, server: ServerProcess) {
    this.url = url
    this.#folder = folder
    this.#server = server
  }

  /** @param program - the path of `pgbouncer` */
  static async start(program: string, databaseUrl: string): Promise<PgBouncer> {
    const folder = await mkdtemp(join(tmpdir(), 'cgk-pgbouncer-'))
    const config = join(folder, 'pgbouncer.ini')
    const port = await freePort()
    await writeFile(config, configFor(databaseUrl, port), { mode: 0o600 })
    const account = serverAccount()
    if (account !== undefined) {
      for (const path of [folder, config]) await chown(path, account.uid, account.gid)
    }
    const server = await ServerProcess.start(folder, [program, config], () => accepts(port))
    const url = new URL(databaseUrl)
    url.host = `127.0.0.1:${port}`
    url.password = ''
    return new PgBouncer(url.href, folder, server)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.kill('SIGKILL')
    await this.#server.ended()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** @see https://www.pgbouncer.org/config.html */
function configFor(databaseUrl: string, port: number): string {
  const { hostname, port: serverPort, pathname, username, password } = new URL(databaseUrl)
  const server = {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: serverPort === '' ? '5432' : serverPort,
    dbname: decodeURIComponent(pathname.slice(1)),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
  }
  const values = Object.entries(server)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}='${value.replaceAll("'", "''")}'`)
  return `[databases]
* = ${values.join(' ')}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${SERVER_CONNECTIONS}
`
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false // Not yet.
  } finally {
    socket.destroy()
  }
}
