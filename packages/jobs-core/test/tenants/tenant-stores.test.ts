import { describe, expect, test } from 'vitest'
import type { JobStore } from '../../src/storage/job-store.ts'
import { listDirectory } from '../../src/tenants/list-directory.ts'
import { createTenantStores, type TenantStoresConfig } from '../../src/tenants/tenant-stores.ts'

// Where jobs go is all that is asked here; what a store does with them is not.
interface NamedStore extends JobStore {
  readonly closed: boolean
}

function bareStore(name: string): NamedStore {
  const store = {
    name,
    closed: false,
    enqueue: () => Promise.resolve([]),
    close() {
      store.closed = true
      return Promise.resolve()
    },
  }
  return store as unknown as NamedStore
}

const main = bareStore('main')
const big = bareStore('big')
const directory = () => listDirectory([{ id: 'small' }, { id: 'large', store: 'big' }])
const tenantStores = (config: Partial<TenantStoresConfig> = {}) =>
  createTenantStores({
    directory: directory(),
    stores: { main, big },
    defaultStore: 'main',
    ...config,
  })

test('a tenant lives in its store; one without a store, an unknown one and none in the default one', () => {
  const stores = tenantStores()
  expect(stores.refOf('large')).toBe('big')
  for (const id of ['small', 'unknown', null]) expect(stores.refOf(id)).toBe('main')
})

test('the only store is the default one, and of several the one named default', () => {
  const list = listDirectory([])
  expect(createTenantStores({ directory: list, stores: { main } }).defaultRef).toBe('main')
  const stores = { default: main, big }
  expect(createTenantStores({ directory: list, stores }).defaultRef).toBe('default')
  expect(() => createTenantStores({ directory: list, stores: { main, big } })).toThrow(
    'defaultStore must be one of main, big, not "default"',
  )
})

test.each<[string, Partial<TenantStoresConfig>, string]>([
  ['no stores', { stores: {} }, 'stores must name at least one store'],
  ['a name like a URL', { stores: { 'a:b': main } }, 'store name "a:b" is not allowed'],
  [
    'something else',
    { stores: { main: {} as JobStore } },
    'stores.main must be a store or open one',
  ],
  ['no directory', { directory: [] as never }, 'directory must be one'],
])('%s is refused', (_, config, problem) => {
  expect(() => tenantStores(config)).toThrow(problem)
})

test('two names for one store are refused, where both would tell it of their tenants', () => {
  const stores = tenantStores({ stores: { main, big: main } })
  stores.get('main')
  expect(() => stores.get('big')).toThrow('the stores main and big are the same')
})

test('a store that is not known is named, and the tenant that needs it', () => {
  const stores = tenantStores({ directory: listDirectory([{ id: 'large', store: 'huge' }]) })
  expect(() => stores.get(stores.refOf('large'))).toThrow(
    'there is no store "huge", which the directory names for tenant "large"; there are main, big',
  )
  expect(() => stores.get('other')).toThrow('there is no store "other"; there are main, big')
})

describe('a tenant whose store is a URL', () => {
  const url = 'postgres://app:hunter2@db/jobs'
  const list = () =>
    listDirectory([
      { id: 'a', store: url },
      { id: 'b', store: url },
    ])

  test('shares it with all who name it: it is opened once', () => {
    const opened: string[] = []
    const stores = tenantStores({
      directory: list(),
      open(asked) {
        opened.push(asked)
        return bareStore('url')
      },
    })
    expect(stores.get(stores.refOf('a')).store).toBe(stores.get(stores.refOf('b')).store)
    expect(opened).toEqual([url])
  })

  test('never shows it: neither in a label nor in a message', () => {
    const stores = tenantStores({ directory: list() })
    expect(stores.labelOf(url)).toMatch(/^postgres#[0-9a-f]{8}$/)
    expect(() => stores.get(url)).toThrow(/^a tenant's store is a URL \(postgres#[0-9a-f]{8}\)/)
  })
})

describe('a store that was opened here', () => {
  test('is closed when the last user leaves it and no tenant needs it, and opened anew when one does', async () => {
    const list = listDirectory([{ id: 'a', store: 'lazy' }])
    const made: NamedStore[] = []
    const lazy = () => {
      made.push(bareStore('lazy'))
      return made.at(-1)!
    }
    const stores = createTenantStores({
      directory: list,
      stores: { main, lazy },
      defaultStore: 'main',
    })
    stores.acquire('lazy')
    stores.acquire('lazy')
    list.replace([])
    await stores.release('lazy')
    expect(made[0]!.closed).toBe(false)
    await stores.release('lazy')
    expect(made[0]!.closed).toBe(true)
    expect(stores.get('lazy').store).toBe(made[1])
  })

  test('stays open while a tenant needs it; one that was given is never closed', async () => {
    const own = bareStore('own')
    const stores = tenantStores({ stores: { main, big: () => own } })
    stores.acquire('big')
    stores.acquire('main')
    await stores.release('big')
    await stores.release('main')
    expect([own.closed, main.closed]).toEqual([false, false])
    await stores.close()
    expect([own.closed, main.closed]).toEqual([true, false])
  })
})

describe('a tenant that moves', () => {
  test('is looked for where it was before as well, its own store first', () => {
    const list = directory()
    const stores = tenantStores({ directory: list })
    expect(stores.placesOf('small')).toEqual(['main'])
    list.replace([{ id: 'small', store: 'big' }])
    expect(stores.placesOf('small')).toEqual(['big', 'main'])
    list.replace([{ id: 'small' }])
    expect(stores.placesOf('small')).toEqual(['main', 'big'])
    expect(stores.placesOf('large')).toEqual(['main', 'big'])
  })

  test('is also looked for where the directory says that it was', () => {
    const stores = tenantStores({
      directory: listDirectory([{ id: 'small', store: 'big', formerStores: ['main', 'big'] }]),
    })
    expect(stores.placesOf('small')).toEqual(['big', 'main'])
    expect([...stores.needed()]).toEqual(['main', 'big'])
  })
})
