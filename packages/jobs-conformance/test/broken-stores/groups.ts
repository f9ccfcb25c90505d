import type { CallOptions, GroupRecord, GroupRef, JobRef, NewGroup } from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { perStore } from './per-store.ts'
import { keyOf } from './slipping-keys.ts'
import { type GroupsAnswer, type SettleRequest, StoreWrapper } from './store-wrapper.ts'

/** A store that knows what its groups were enqueued with. */
abstract class GroupsWatched extends StoreWrapper {
  static readonly #known = perStore(() => new Map<string, NewGroup>())

  override async enqueueGroups(groups: readonly NewGroup[], options?: CallOptions) {
    const answer = await this.inner.enqueueGroups(groups, options)
    if (answer.status === 'enqueued') {
      const known = GroupsWatched.#known(this.shared)
      for (const group of groups) known.set(keyOf(group, group.id), group)
    }
    return answer
  }

  /** The groups that have not ended and of which the jobs are members, each once. */
  protected async openGroupsOf(refs: readonly JobRef[]): Promise<NewGroup[]> {
    const known = GroupsWatched.#known(this.shared)
    const groups = new Set<NewGroup>()
    for (const record of await this.inner.get(refs)) {
      const id = record?.group?.memberOf
      const group = id == null ? undefined : known.get(keyOf(record!, id))
      if (group !== undefined && (await this.isOpen(group))) groups.add(group)
    }
    return [...groups]
  }

  protected async isOpen(ref: GroupRef): Promise<boolean> {
    const [record] = await this.inner.getGroups([ref])
    return record != null && record.endedAt === null
  }
}

/** As two workers that both see their member end last. */
class CallbackTwice extends GroupsWatched {
  override async settle({ settlements, claim }: SettleRequest, options?: CallOptions) {
    const open = await this.openGroupsOf(settlements.map(({ lease }) => lease))
    const { results } = await super.settle({ settlements }, options)
    for (const group of open) {
      if (group.onComplete !== null && !(await this.isOpen(group))) {
        await this.inner.enqueue([group.onComplete], options)
      }
    }
    return { results, claimed: claim === undefined ? null : await this.claim(claim, options) }
  }
}

/** As a callback that does not wait once it is clear which it will be. */
class CallbackTooSoon extends GroupsWatched {
  override async settle({ settlements, claim }: SettleRequest, options?: CallOptions) {
    const { results } = await super.settle({ settlements }, options)
    const failed = settlements.filter(
      ({ outcome }, index) => outcome.type === 'fail' && results[index] === 'settled',
    )
    for (const group of await this.openGroupsOf(failed.map(({ lease }) => lease))) {
      if (group.onAnyFailed !== null) {
        await this.inner.enqueue([group.onAnyFailed], options)
      }
    }
    return { results, claimed: claim === undefined ? null : await this.claim(claim, options) }
  }
}

/** As a deletion that does not know of groups. */
class RemovedNeverCounted extends GroupsWatched {
  static readonly #stuck = perStore(() => new Set<string>())

  override async remove(refs: readonly JobRef[], options?: CallOptions) {
    const open = await this.openGroupsOf(refs)
    const results = await this.inner.remove(refs, options)
    for (const { queue, tenantId, id } of open) {
      const [record] = await this.inner.getGroups([{ queue, tenantId, id }], options)
      if (record?.endedAt == null) continue
      RemovedNeverCounted.#stuck(this.shared).add(keyOf(record, id))
      if (record.callbackId === null) continue
      await this.inner.remove([{ queue, tenantId, id: record.callbackId }], options)
    }
    return results
  }

  override async getGroups(refs: readonly GroupRef[], options?: CallOptions) {
    const stuck = RemovedNeverCounted.#stuck(this.shared)
    const records = await this.inner.getGroups(refs, options)
    return records.map((record) =>
      record !== null && stuck.has(keyOf(record, record.id))
        ? { ...record, cancelled: record.cancelled - 1, endedAt: null, callbackId: null }
        : record,
    )
  }
}

/** As a counter that only ever counts up. */
class CountedTwice extends GroupsWatched {
  static readonly #extra = perStore(() => new Map<string, number>())

  override async retry(refs: readonly JobRef[], options?: CallOptions) {
    const extra = CountedTwice.#extra(this.shared)
    for (const group of await this.openGroupsOf(refs)) {
      const name = keyOf(group, group.id)
      extra.set(name, (extra.get(name) ?? 0) + 1)
    }
    return this.inner.retry(refs, options)
  }

  override async getGroups(refs: readonly GroupRef[], options?: CallOptions) {
    const extra = CountedTwice.#extra(this.shared)
    const records = await this.inner.getGroups(refs, options)
    return records.map((record) => record && this.#counted(record, extra))
  }

  #counted(record: GroupRecord, extra: ReadonlyMap<string, number>): GroupRecord {
    return { ...record, failed: record.failed + (extra.get(keyOf(record, record.id)) ?? 0) }
  }
}

/** As a history that does not know of groups. */
class MembersDiscarded extends StoreWrapper {
  override async settle({ settlements, claim }: SettleRequest, options?: CallOptions) {
    const { results } = await super.settle({ settlements }, options)
    const discarded = settlements.filter(
      ({ discard }, index) => discard && results[index] === 'settled',
    )
    await this.inner.remove(
      discarded.map(({ lease }) => lease),
      options,
    )
    return { results, claimed: claim === undefined ? null : await this.claim(claim, options) }
  }
}

/** As members inserted before the group is. */
class MembersAnyway extends StoreWrapper {
  override async enqueueGroups(
    groups: readonly NewGroup[],
    options?: CallOptions,
  ): Promise<GroupsAnswer> {
    const answer = await this.inner.enqueueGroups(groups, options)
    if (answer.status === 'existing') {
      await this.inner.enqueue(
        groups.flatMap(({ members }) => members),
        options,
      )
    }
    return answer
  }
}

/** As a parent that counts the members of its nested groups and not their callbacks. */
class NestedEndEarly extends StoreWrapper {
  override enqueueGroups(groups: readonly NewGroup[], options?: CallOptions) {
    return this.inner.enqueueGroups(
      groups.map((group) => (group.parentId === null ? group : { ...group, onComplete: null })),
      options,
    )
  }
}

export const groups: readonly BrokenStore[] = [
  {
    fault: 'that makes the callback of a group twice',
    caughtBy: [
      'group counting: members settled from several handles at once make one callback',
      'groups: the end of the last and the callback come in one round trip',
    ],
    caughtByModel: true,
    harness: harnessOf(CallbackTwice),
  },
  {
    fault: 'that makes the callback before the last member has ended',
    caughtBy: ['groups: when one has failed and all have ended, `onAnyFailed` is enqueued'],
    caughtByModel: true,
    harness: harnessOf(CallbackTooSoon),
  },
  {
    fault: 'where a group of which a member is removed never ends',
    caughtBy: ['group counting: the last member may be cancelled or removed'],
    caughtByModel: false,
    harness: harnessOf(RemovedNeverCounted),
  },
  {
    fault: 'that counts a member again when it is retried',
    caughtBy: ["group history: an operator's retry of an ended member takes it out of the count"],
    caughtByModel: true,
    harness: harnessOf(CountedTwice),
  },
  {
    fault: 'that does not keep the members of a group',
    caughtBy: [
      'group history: members stay until the callback has ended, whatever history keeps',
      'group history: a discarded member is gone with the callback',
    ],
    caughtByModel: true,
    harness: harnessOf(MembersDiscarded),
  },
  {
    fault: 'that enqueues the members of a group that is there already',
    caughtBy: ['groups: where the id is taken nothing is stored'],
    caughtByModel: true,
    harness: harnessOf(MembersAnyway),
  },
  {
    fault: 'where nested groups end without their callbacks',
    caughtBy: ['nested groups: a nested group counts when its callback has ended, as that did'],
    caughtByModel: true,
    harness: harnessOf(NestedEndEarly),
  },
]
