import { JobsError } from '../errors.ts'
import { describe } from '../job/names.ts'
import type { JobStore } from '../storage/job-store.ts'
import { storeLabel } from './store-label.ts'
import type { TenantDirectory } from './tenant-directory.ts'
import type { Tenant, TenantMap } from './tenant.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/
const URL_SCHEME = /^[a-z][a-z0-9+.-]*:/

/** What {@link createTenantStores} takes. */
export interface TenantStoresConfig {
  readonly directory: TenantDirectory
  /**
   * The stores by the names that tenants use for them: one that is open, which nobody here closes, or
   * a function that opens one, called when it is first needed.
   */
  readonly stores: Readonly<Record<string, JobStore | (() => JobStore)>>
  /**
   * The store of jobs without a tenant, of tenants without a `store` and of those that the directory
   * does not list. @defaultValue the only one, else the one named `default`
   */
  readonly defaultStore?: string
  /** Opens the store of a tenant whose `store` is a URL, such as `openStore` of `@cgk/jobs`. */
  readonly open?: (url: string) => JobStore
}

/** A store with what it may be called where others read it: never its URL. */
export interface OpenedStore {
  readonly label: string
  readonly store: JobStore
}

interface Opened extends OpenedStore {
  /** Opened here, so it is closed here. */
  readonly isOurs: boolean
  users: number
}

/**
 * Where the tenants of a directory live: each store is opened once, however many tenants and queues use
 * it. For `createJobQueue`, which routes by it.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`
 *
 * @example
 * ```ts
 * const stores = createTenantStores({ directory, stores: { main, big }, defaultStore: 'main' })
 * const queue = createJobQueue({ name: 'default', store: stores })
 * ```
 */
export function createTenantStores(config: TenantStoresConfig): TenantStores {
  return new TenantStores(config)
}

/** See {@link createTenantStores}. */
export class TenantStores {
  readonly directory: TenantDirectory
  readonly #sources: TenantStoresConfig['stores']
  readonly #default: string
  readonly #open: TenantStoresConfig['open']
  /** By name or URL. */
  readonly #opened = new Map<string, Opened>()
  /** Where tenants were before the directory changed, as far as it was seen here. */
  readonly #left = new Map<string, Set<string>>()
  readonly #unsubscribe: () => void
  #seen: TenantMap | null

  constructor({ directory, stores, defaultStore, open }: TenantStoresConfig) {
    this.directory = checkDirectory(directory)
    this.#sources = stores
    this.#default = checkStores(stores, defaultStore)
    this.#open = open
    this.#seen = directory.current()
    this.#unsubscribe = directory.subscribe((tenants) => {
      this.#changed(tenants)
    })
  }

  /** The name or URL of a tenant's store; of the default one for no tenant, or one not listed. */
  refOf(tenantId: string | null): string {
    return this.#refIn(this.directory.current(), tenantId)
  }

  /** The name of the default store. */
  get defaultRef(): string {
    return this.#default
  }

  /** A tenant's own store first, then those in which jobs of it may be from before. */
  placesOf(tenantId: string | null): readonly string[] {
    if (tenantId === null) return [this.#default]
    const former = this.directory.get(tenantId)?.formerStores ?? []
    const places = [this.refOf(tenantId), ...former]
    for (const left of this.#left.get(tenantId) ?? []) {
      // One that was closed had nothing left of it.
      if (this.#opened.has(left) || Object.hasOwn(this.#sources, left)) places.push(left)
    }
    return places.length === 1 ? places : [...new Set(places)]
  }

  /** Whether a tenant's own store is that one. */
  isIn(tenantId: string, store: JobStore): boolean {
    return this.#opened.get(this.refOf(tenantId))?.store === store
  }

  /** Whether there is such a store, or something that opens it. */
  knows(ref: string): boolean {
    if (Object.hasOwn(this.#sources, ref)) return true
    return this.#open !== undefined && URL_SCHEME.test(ref)
  }

  /** The stores that the directory needs, the default one among them. */
  needed(): ReadonlySet<string> {
    const needed = new Set([this.#default])
    for (const { store, formerStores = [] } of this.directory.current()?.values() ?? []) {
      if (store !== undefined) needed.add(store)
      for (const former of formerStores) needed.add(former)
    }
    return needed
  }

  /** The names of the stores given, needed or not. */
  get names(): readonly string[] {
    return Object.keys(this.#sources)
  }

  /** What a store may be called in logs and answers. */
  labelOf(ref: string): string {
    return storeLabel(ref, Object.hasOwn(this.#sources, ref))
  }

  /**
   * The store of that name or URL, opened if it is not.
   *
   * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for one that is not known; whatever opening throws.
   */
  get(ref: string): OpenedStore {
    return this.#get(ref)
  }

  /** The same, kept open until it is released as often. */
  acquire(ref: string): OpenedStore {
    const opened = this.#get(ref)
    opened.users += 1
    return opened
  }

  /**
   * Closes a store that was opened here and that nobody uses and the directory does not need.
   *
   * @returns whether it is closed.
   */
  async release(ref: string): Promise<boolean> {
    const opened = this.#opened.get(ref)
    if (opened === undefined) return true
    opened.users -= 1
    if (opened.users > 0 || !opened.isOurs || this.needed().has(ref)) return false
    this.#opened.delete(ref)
    await opened.store.close()
    return true
  }

  /** The stores that are open. */
  opened(): readonly OpenedStore[] {
    return [...this.#opened.values()]
  }

  /** Closes what was opened here, whatever the others do, and follows the directory no more. */
  async close(): Promise<void> {
    this.#unsubscribe()
    const ours = [...this.#opened.values()].filter(({ isOurs }) => isOurs)
    this.#opened.clear()
    const answers = await Promise.allSettled(ours.map(({ store }) => store.close()))
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
  }

  #get(ref: string): Opened {
    const known = this.#opened.get(ref)
    if (known !== undefined) return known
    const opened: Opened = { label: this.labelOf(ref), ...this.#openStore(ref), users: 0 }
    for (const { label, store } of this.#opened.values()) {
      // Two names would each take back what the other says about its tenants.
      if (store === opened.store) {
        throw new JobsError(
          'JOBS_INVALID_CONFIG',
          `the stores ${label} and ${opened.label} are the same; give it one name`,
        )
      }
    }
    this.#opened.set(ref, opened)
    return opened
  }

  #openStore(ref: string): Pick<Opened, 'store' | 'isOurs'> {
    const source = Object.hasOwn(this.#sources, ref) ? this.#sources[ref] : undefined
    if (typeof source === 'function') return { store: source(), isOurs: true }
    if (source !== undefined) return { store: source, isOurs: false }
    if (this.#open !== undefined && URL_SCHEME.test(ref)) {
      return { store: this.#open(ref), isOurs: true }
    }
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      URL_SCHEME.test(ref)
        ? `a tenant's store is a URL (${this.labelOf(ref)}), and there is nothing that opens one: see createTenantStores, open`
        : `there is no store ${describe(ref)}${this.#namedFor(ref)}; there are ${this.names.join(', ')}`,
    )
  }

  /** For whom the directory names a store: where to look for a slip of the pen. */
  #namedFor(ref: string): string {
    for (const { id, store, formerStores } of this.directory.current()?.values() ?? []) {
      if (store !== ref && formerStores?.includes(ref) !== true) continue
      return `, which the directory names for tenant ${describe(id)}`
    }
    return ''
  }

  #refIn(tenants: TenantMap | null, tenantId: string | null): string {
    const tenant: Tenant | undefined = tenantId === null ? undefined : tenants?.get(tenantId)
    return tenant?.store ?? this.#default
  }

  #changed(tenants: TenantMap): void {
    const before = this.#seen
    this.#seen = tenants
    if (before === null) return
    for (const id of new Set([...before.keys(), ...tenants.keys()])) {
      const [from, to] = [this.#refIn(before, id), this.#refIn(tenants, id)]
      if (from === to) continue
      const left = this.#left.get(id) ?? new Set()
      left.add(from)
      left.delete(to)
      this.#left.set(id, left)
    }
  }
}

function checkDirectory(directory: TenantDirectory): TenantDirectory {
  if (typeof directory?.current === 'function' && typeof directory.subscribe === 'function') {
    return directory
  }
  throw new JobsError('JOBS_INVALID_CONFIG', 'directory must be one, such as of listDirectory')
}

/** @returns the name of the default store. */
function checkStores(
  stores: TenantStoresConfig['stores'] | undefined,
  defaultStore: string | undefined,
): string {
  const names = Object.keys(stores ?? {})
  for (const name of names) {
    const store = stores![name]
    if (!NAME.test(name)) {
      throw new JobsError(
        'JOBS_INVALID_CONFIG',
        `store name ${describe(name)} is not allowed: 1 to 100 characters of A-Z, a-z, 0-9, '.', '_' and '-', the first a letter or a digit`,
      )
    }
    if (typeof store !== 'function' && typeof store?.enqueue !== 'function') {
      throw new JobsError('JOBS_INVALID_CONFIG', `stores.${name} must be a store or open one`)
    }
  }
  const chosen = defaultStore ?? (names.length === 1 ? names[0]! : 'default')
  if (names.includes(chosen)) return chosen
  throw new JobsError(
    'JOBS_INVALID_CONFIG',
    names.length === 0
      ? 'stores must name at least one store'
      : `defaultStore must be one of ${names.join(', ')}, not ${describe(chosen)}`,
  )
}

/** Tells a {@link TenantStores}, also one of another copy of this package, from a store. */
export function isTenantStores(value: unknown): value is TenantStores {
  return typeof value === 'object' && value !== null && 'directory' in value && 'placesOf' in value
}
