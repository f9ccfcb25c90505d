import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { execute } from './execute.ts'
import { findLocalServer, startEmbeddedServer } from './find-server.ts'
import type { FoundServer } from './found-server.ts'
import { findPgBouncer, findPostgres, findRedis, findValkey, type Search } from './find-program.ts'
import { RedisPrefixes } from './redis-prefixes.ts'

/** Which Postgres a test wants: the one found on this machine, or the newest, from npm. */
export type PostgresKind = 'local' | 'embedded'

const FINDERS: Readonly<Record<PostgresKind, () => Promise<FoundServer>>> = {
  local: findLocalServer,
  embedded: startEmbeddedServer,
}

/**
 * Lives beside the test run, and hands out databases, and prefixes of keys, to its processes: a server is looked for when
 * the first test file asks, by one process alone, and what was handed out is gone at the end even if
 * a test process crashed.
 */
export class ServerBroker {
  readonly url: string
  readonly #http: Server
  readonly #servers = new Map<PostgresKind, Promise<FoundServer>>()
  /** Where databases are, by their names. */
  readonly #databases = new Map<string, PostgresKind>()
  readonly #redis = new RedisPrefixes()
  #redisServer: Promise<Search> | undefined
  #valkeyServer: Promise<Search> | undefined
  #pgBouncer: Promise<Search> | undefined
  #postgres: Promise<Search> | undefined

  private constructor(http: Server) {
    this.#http = http
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  }

  static async start(): Promise<ServerBroker> {
    const http = createServer()
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    http.unref()
    const broker = new ServerBroker(http)
    http.on('request', (request, response) => {
      // Kept open, it would be closed just as somebody asks again.
      response.setHeader('connection', 'close')
      broker.#answer(request).then(
        (body) => response.end(body),
        (error: unknown) => {
          response.statusCode = 500
          response.end(error instanceof Error ? error.message : String(error))
        },
      )
    })
    return broker
  }

  async stop(): Promise<void> {
    this.#http.close()
    for (const [name, kind] of this.#databases) {
      // What is left behind is no reason to leave the servers running too.
      await this.#drop(kind, name).catch(() => {})
    }
    await this.#redis.stop()
    for (const server of this.#servers.values()) {
      await server.then(
        (found) => found.stop(),
        () => {},
      )
    }
  }

  /**
   * `POST /<kind>` creates a database and answers its URL; `DELETE /<kind>/<name>` drops it.
   * `POST /redis` answers a URL and a prefix; `DELETE /redis/<prefix>` deletes what has it.
   * `GET /pgbouncer`, `GET /postgres`, `GET /redis-server` and `GET /valkey-server` answer a {@link Search}.
   */
  async #answer(request: IncomingMessage): Promise<string> {
    const [kind, name] = (request.url ?? '').split('/').slice(1)
    if (kind === 'pgbouncer') return JSON.stringify(await (this.#pgBouncer ??= findPgBouncer()))
    if (kind === 'postgres') return JSON.stringify(await (this.#postgres ??= findPostgres()))
    if (kind === 'redis-server') return JSON.stringify(await (this.#redisServer ??= findRedis()))
    if (kind === 'valkey-server') return JSON.stringify(await (this.#valkeyServer ??= findValkey()))
    if (kind === 'redis') return this.#answerRedis(request.method, name)
    if (kind !== 'local' && kind !== 'embedded') throw new Error(`no server ${kind}`)
    if (request.method === 'POST') return this.#create(kind)
    if (request.method === 'DELETE' && name !== undefined && this.#databases.has(name)) {
      await this.#drop(kind, name)
    }
    return ''
  }

  async #answerRedis(method: string | undefined, prefix: string | undefined): Promise<string> {
    if (method === 'POST') return JSON.stringify(await this.#redis.create())
    if (method === 'DELETE' && prefix !== undefined) await this.#redis.delete(prefix)
    return ''
  }

  async #create(kind: PostgresKind): Promise<string> {
    let server = this.#servers.get(kind)
    if (server === undefined) {
      server = FINDERS[kind]()
      this.#servers.set(kind, server)
    }
    const url = new URL((await server).url)
    const name = `cgk_test_${randomBytes(6).toString('hex')}`
    await execute(url.href, `create database ${name}`)
    // Nobody pulls the plug of this server, and waiting for its disk is most of the time that tests take.
    await execute(url.href, `alter database ${name} set synchronous_commit = off`)
    this.#databases.set(name, kind)
    url.pathname = `/${name}`
    return url.href
  }

  async #drop(kind: PostgresKind, name: string): Promise<void> {
    this.#databases.delete(name)
    const server = await this.#servers.get(kind)
    if (server !== undefined) await execute(server.url, `drop database ${name} with (force)`)
  }
}
