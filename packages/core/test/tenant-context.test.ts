import { currentTenant, withTenant } from '@cgk/core'
import { describe, expect, expectTypeOf, test, vi } from 'vitest'

describe('withTenant', () => {
  test('there is no current tenant outside of it', () => {
    expect(currentTenant()).toBeUndefined()
  })

  test('the tenant holds through awaits, timers and microtasks', async () => {
    const seen = await withTenant('rawdog', async () => {
      const here = [currentTenant()]
      await Promise.resolve()
      here.push(currentTenant())
      await new Promise((resolve) => setImmediate(resolve))
      here.push(currentTenant())
      here.push(await new Promise((resolve) => setTimeout(() => resolve(currentTenant()), 0)))
      return here
    })
    expect(seen).toEqual(['rawdog', 'rawdog', 'rawdog', 'rawdog'])
    expect(currentTenant()).toBeUndefined()
  })

  test('two tenants that interleave never see each other', async () => {
    const steps: string[] = []
    const run = (id: string): Promise<void> =>
      withTenant(id, async () => {
        for (let step = 0; step < 3; step++) {
          await new Promise((resolve) => setImmediate(resolve))
          steps.push(`${id} sees ${currentTenant()}`)
        }
      })
    await Promise.all([run('rawdog'), run('meliusly')])
    expect(steps).toEqual(
      Array.from({ length: 3 }, () => ['rawdog sees rawdog', 'meliusly sees meliusly']).flat(),
    )
  })

  test('calls nest: the innermost wins and the outer one is back afterwards', () => {
    withTenant('outer', () => {
      withTenant('inner', () => {
        expect(currentTenant()).toBe('inner')
      })
      expect(currentTenant()).toBe('outer')
      expect(() =>
        withTenant('inner', () => {
          throw new Error('no')
        }),
      ).toThrow('no')
      expect(currentTenant()).toBe('outer')
    })
  })

  test('null runs without a tenant whatever the caller has', () => {
    withTenant('rawdog', () => {
      withTenant(null, () => {
        expect(currentTenant()).toBeUndefined()
      })
      expect(currentTenant()).toBe('rawdog')
    })
  })

  test('what is not a tenant id is refused before anything runs', () => {
    const fn = vi.fn()
    expect(() => withTenant('a:b', fn)).toThrow('is not a tenant id')
    expect(fn).not.toHaveBeenCalled()
  })

  test('it returns what the function returns', () => {
    expect(withTenant('rawdog', () => 7)).toBe(7)
    expectTypeOf(withTenant('rawdog', () => 7)).toEqualTypeOf<number>()
    expectTypeOf(withTenant('rawdog', async () => 7)).toEqualTypeOf<Promise<number>>()
  })

  test('two copies of the module agree on the current tenant', async () => {
    const copy = (await import(
      // The query makes it another module.
      '../src/tenant-context.ts?copy=1' as string
    )) as { withTenant: typeof withTenant; currentTenant: typeof currentTenant }
    expect(copy.withTenant).not.toBe(withTenant)
    expect(copy.withTenant('rawdog', currentTenant)).toBe('rawdog')
    expect(withTenant('meliusly', copy.currentTenant)).toBe('meliusly')
  })
})
