import { currentTenant } from '@cgk/core'
import type { JobEventListener, JobEventType } from '../events/job-event.ts'
import type { EnqueueChain } from '../middleware/enqueue-middleware.ts'
import { JobGroups } from '../queue/job-groups.ts'
import { type QueueBasis, type QueueOnStore, queueOnStore } from '../queue/queue-on-store.ts'
import type { JobStore } from '../storage/job-store.ts'
import type { OpenedStore, TenantStores } from './tenant-stores.ts'

/** A queue's part in one store. */
export interface QueuePlace extends QueueOnStore {
  /** The name of its store where others read it. */
  readonly label: string
  readonly store: JobStore
  /** Its groups, whose members pass the middleware of the whole queue. */
  readonly groups: JobGroups
}

interface Listening {
  readonly listen: (place: QueuePlace) => () => void
  readonly offs: Map<QueuePlace, () => void>
}

/** The parts of one queue in the stores of its tenants, and which of them a call is for. */
export class QueueRoutes {
  readonly basis: QueueBasis
  readonly stores: TenantStores
  readonly #middleware: EnqueueChain
  readonly #places = new Map<JobStore, QueuePlace>()
  readonly #listening = new Set<Listening>()

  constructor(basis: QueueBasis, stores: TenantStores, middleware: EnqueueChain) {
    this.basis = basis
    this.stores = stores
    this.#middleware = middleware
  }

  /** Resolves once the directory is known. */
  async ready(): Promise<void> {
    if (!this.isReady) await this.stores.directory.ready()
  }

  /** The place of new jobs of a tenant: at once, unless the directory is not known yet. */
  placeOf(tenantId: string | null): QueuePlace | Promise<QueuePlace> {
    const place = (): QueuePlace => this.at(this.stores.get(this.stores.refOf(tenantId)))
    return this.isReady ? place() : this.ready().then(place)
  }

  /** Whether the directory is known. */
  get isReady(): boolean {
    return this.stores.directory.current() !== null
  }

  /** The places where jobs of a tenant may be: its own first. */
  async placesOf(tenantId: string | null): Promise<readonly QueuePlace[]> {
    await this.ready()
    return this.stores.placesOf(tenantId).map((ref) => this.at(this.stores.get(ref)))
  }

  /** The places of a choice of tenants: of one, or all. */
  placesOfChoice(
    tenantId: string | null | undefined = currentTenant(),
  ): Promise<readonly QueuePlace[]> {
    return tenantId === undefined ? this.all() : this.placesOf(tenantId)
  }

  /** The default store's first, then by label: every store that is needed or open. */
  async all(): Promise<readonly QueuePlace[]> {
    await this.ready()
    const { stores } = this
    const others = new Map<string, QueuePlace>()
    // A store that nobody can open has no jobs.
    const refs = [...stores.names, ...stores.needed()].filter((ref) => stores.knows(ref))
    for (const opened of [...refs.map((ref) => stores.get(ref)), ...stores.opened()]) {
      others.set(opened.label, this.at(opened))
    }
    const first = this.at(stores.get(stores.defaultRef))
    others.delete(first.label)
    const byLabel = [...others.values()].toSorted((a, b) => (a.label < b.label ? -1 : 1))
    return [first, ...byLabel]
  }

  /** The place of a store that is open. */
  at({ label, store }: OpenedStore): QueuePlace {
    const known = this.#places.get(store)
    if (known !== undefined) return known
    const made = queueOnStore(this.basis, store, () => this.#activeIn(store))
    const groups = new JobGroups({ ...made.parts, middleware: this.#middleware })
    const place: QueuePlace = { ...made, label, store, groups }
    this.#places.set(store, place)
    for (const { listen, offs } of this.#listening) offs.set(place, listen(place))
    return place
  }

  /** The places made so far. */
  get made(): Iterable<QueuePlace> {
    return this.#places.values()
  }

  /** A store was closed: its place is no more. */
  forget(store: JobStore): void {
    const place = this.#places.get(store)
    if (place === undefined) return
    this.#places.delete(store)
    for (const { offs } of this.#listening) {
      offs.get(place)?.()
      offs.delete(place)
    }
  }

  /** Listens in every place, those that come later included. */
  on<TType extends JobEventType>(type: TType, listener: JobEventListener<TType>): () => void {
    const listen = ({ queue }: QueuePlace): (() => void) => queue.on(type, listener)
    const listening: Listening = { listen, offs: new Map() }
    for (const place of this.#places.values()) listening.offs.set(place, listen(place))
    this.#listening.add(listening)
    return () => {
      this.#listening.delete(listening)
      for (const off of listening.offs.values()) off()
    }
  }

  /** For schedules that make a job for each tenant: those that live in the store and are active. */
  async #activeIn(store: JobStore): Promise<string[]> {
    await this.ready()
    const { stores } = this
    const active: string[] = []
    for (const { id, status } of stores.directory.current()!.values()) {
      if (status === 'active' && stores.isIn(id, store)) active.push(id)
    }
    return active
  }
}
