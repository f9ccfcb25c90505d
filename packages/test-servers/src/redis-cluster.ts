import { freePort } from './free-port.ts'
import { RedisInstance } from './redis-instance.ts'
import { waitUntil } from './wait-until.ts'

const MASTERS = 3
const SLOTS = 16_384
const NODE_TIMEOUT_MS = 1_000

type Slots = readonly (readonly [
  from: number,
  to: number,
  ...nodes: readonly (readonly [host: string, port: number, id: string])[],
])[]

/** A Redis Cluster of our own: three masters, each with a replica. */
export class RedisCluster implements AsyncDisposable {
  readonly nodes: readonly RedisInstance[]

  private constructor(nodes: readonly RedisInstance[]) {
    this.nodes = nodes
  }

  /**
   * @param program - `redis-server` or `valkey-server`
   * @param settings - of the redis.conf of each node
   */
  static async start(
    program: string,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<RedisCluster> {
    const busPorts = await Promise.all(Array.from({ length: 2 * MASTERS }, freePort))
    const starting = await Promise.allSettled(
      busPorts.map((busPort) =>
        RedisInstance.start(program, {
          'cluster-enabled': 'yes',
          'cluster-port': String(busPort),
          'cluster-node-timeout': String(NODE_TIMEOUT_MS),
          // Of a replica that lagged behind: tests have no time to wait for it.
          'cluster-replica-validity-factor': '0',
          'repl-diskless-sync-delay': '0',
          // A replica counts once it has heard something.
          'repl-ping-replica-period': '1',
          ...settings,
        }),
      ),
    )
    const cluster = new RedisCluster(
      starting.flatMap((start) => (start.status === 'fulfilled' ? start.value : [])),
    )
    try {
      for (const start of starting) if (start.status === 'rejected') throw start.reason
      await cluster.#join(busPorts)
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  /** As the Redis store takes it; names two of the nodes. */
  get url(): string {
    const [first, second] = this.nodes.map(({ url }) => new URL(url).host)
    return `redis-cluster://${first}?node=${second}`
  }

  /** The masters at first. */
  get masters(): readonly RedisInstance[] {
    return this.nodes.slice(0, MASTERS)
  }

  /** The master that has the slot of a key, as a node that answers sees it. */
  async masterOf(key: string): Promise<RedisInstance> {
    const slot = await this.#slotOf(key)
    const [, , master] = (await slotsOf(this.#speaker)).find(
      ([from, to]) => from <= slot && slot <= to,
    )!
    return this.nodes.find(({ port }) => port === master![1])!
  }

  /** Moves the slot of a key to another master, key by key, while clients use it. */
  async moveSlotOf(key: string): Promise<void> {
    const slot = String(await this.#slotOf(key))
    const from = await this.masterOf(key)
    const masters = (await slotsOf(this.#speaker)).map(([, , master]) => master![1])
    const to = this.nodes.find((node) => node !== from && masters.includes(node.port))!
    const [fromId, toId] = [await idOf(from), await idOf(to)]
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
    const target = ['127.0.0.1', String(to.port), '', '0', '10000', 'KEYS'] as const
    for (;;) {
      const keys = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, '1')) as string[]
      if (keys.length === 0) break
      await from.command('MIGRATE', ...target, ...keys)
    }
    for (const node of [to, from]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()))
  }

  async #join(busPorts: readonly number[]): Promise<void> {
    for (const [index, node] of this.nodes.entries()) {
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
      // Each meets each: to hear of one from another takes seconds.
      for (const [at, other] of this.nodes.slice(0, index).entries()) {
        const ports = [other.port, busPorts[at]!].map(String)
        await node.command('CLUSTER', 'MEET', '127.0.0.1', ...ports)
      }
    }
    for (let index = 0; index < MASTERS; index++) {
      const [from, to] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / MASTERS))
      const range = [String(from), String(to! - 1)]
      await this.nodes[index]!.command('CLUSTER', 'ADDSLOTSRANGE', ...range)
    }
    for (let index = 0; index < MASTERS; index++) {
      const replica = this.nodes[MASTERS + index]!
      const master = await idOf(this.nodes[index]!)
      await waitUntil('a replica knows its master', async () => {
        return (await replica.command('CLUSTER', 'REPLICATE', master)) === 'OK'
      })
    }
    await waitUntil('every node knows every master and replica', async () => {
      const views = await Promise.all(this.nodes.map(slotsOf))
      return views.every(
        (view) => view.length === MASTERS && view.every((part) => part.length === 4),
      )
    })
    await waitUntil('the cluster works', async () => {
      const infos = await Promise.all(this.nodes.map((node) => node.command('CLUSTER', 'INFO')))
      return infos.every((info) => String(info).includes('cluster_state:ok'))
    })
    await waitUntil('replicas have what their masters have', async () => {
      const infos = await Promise.all(
        this.nodes.slice(MASTERS).map((node) => node.command('INFO', 'replication')),
      )
      return infos.every((info) => String(info).includes('master_link_status:up'))
    })
  }

  /** A node that answers. */
  get #speaker(): RedisInstance {
    return this.nodes.find(({ isRunning }) => isRunning)!
  }

  async #slotOf(key: string): Promise<number> {
    return (await this.#speaker.command('CLUSTER', 'KEYSLOT', key)) as number
  }
}

async function idOf(node: RedisInstance): Promise<string> {
  return (await node.command('CLUSTER', 'MYID')) as string
}

async function slotsOf(node: RedisInstance): Promise<Slots> {
  return (await node.command('CLUSTER', 'SLOTS')) as Slots
}
