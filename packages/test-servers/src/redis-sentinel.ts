import { RedisInstance } from './redis-instance.ts'
import { waitUntil } from './wait-until.ts'

const SENTINELS = 3
const QUORUM = 2
const DOWN_AFTER_MS = 500

/** A Redis server with a replica, and the Sentinels that let the replica take its place. */
export class RedisSentinel implements AsyncDisposable {
  /** What the Sentinels call the pair. */
  readonly name = 'jobs'
  /** The master at first. */
  readonly first: RedisInstance
  /** The replica at first. */
  readonly second: RedisInstance
  readonly sentinels: readonly RedisInstance[]

  private constructor(
    first: RedisInstance,
    second: RedisInstance,
    sentinels: readonly RedisInstance[],
  ) {
    this.first = first
    this.second = second
    this.sentinels = sentinels
  }

  /**
   * @param program - `redis-server` or `valkey-server`
   * @param settings - of the redis.conf of both servers
   */
  static async start(
    program: string,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<RedisSentinel> {
    const started = new AsyncDisposableStack()
    try {
      const both = { 'repl-diskless-sync-delay': '0', ...settings }
      const first = started.use(await RedisInstance.start(program, both))
      const replicaof = { replicaof: `127.0.0.1 ${first.port}` }
      const second = started.use(await RedisInstance.start(program, { ...both, ...replicaof }))
      await waitUntil('the replica has what the master has', async () =>
        String(await second.command('INFO', 'replication')).includes('master_link_status:up'),
      )
      const name = 'jobs'
      const config = [
        `sentinel monitor ${name} 127.0.0.1 ${first.port} ${QUORUM}`,
        `sentinel down-after-milliseconds ${name} ${DOWN_AFTER_MS}`,
        `sentinel failover-timeout ${name} 3000`,
      ]
      const sentinels: RedisInstance[] = []
      for (let index = 0; index < SENTINELS; index++) {
        sentinels.push(started.use(await RedisInstance.startSentinel(program, config)))
      }
      await waitUntil('the sentinels know each other and the replica', async () => {
        const views = await Promise.all(
          sentinels.map((each) => each.command('SENTINEL', 'MASTER', name)),
        )
        return views.every((view) => {
          const master = view as Readonly<Record<string, string>>
          return master['num-slaves'] === '1' && master['num-other-sentinels'] === '2'
        })
      })
      started.move()
      return new RedisSentinel(first, second, sentinels)
    } catch (error) {
      await started[Symbol.asyncDispose]()
      throw error
    }
  }

  /** As the Redis store takes it. */
  get url(): string {
    const [first, ...others] = this.sentinels.map(({ url }) => new URL(url).host)
    return `redis-sentinel://${first}?name=${this.name}${others.map((host) => `&node=${host}`).join('')}`
  }

  /** Resolves when the Sentinels have made another server the master. */
  async failedOverTo(server: RedisInstance): Promise<void> {
    await waitUntil('the sentinels have chosen another master', async () => {
      const chosen = await this.sentinels[0]!.command(
        'SENTINEL',
        'GET-MASTER-ADDR-BY-NAME',
        this.name,
      )
      return (chosen as readonly string[])[1] === String(server.port)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [...this.sentinels, this.first, this.second].map((each) => each[Symbol.asyncDispose]()),
    )
  }
}
