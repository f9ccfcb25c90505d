import { describe, expect, test } from 'vitest'
import { type GroupMember, type GroupOptions, planGroups } from '../../src/queue/group-request.ts'

const job = (name: string) => ({ job: name, payload: {} })
const nothing = { onAnyFailed: 'nothing' } as const

/** The places of all jobs in a plan, by name. */
function paths(members: readonly GroupMember[], options: GroupOptions): Record<string, string> {
  const planned = planGroups(members, options).flatMap(({ jobs, onComplete, onAnyFailed }) => [
    ...jobs,
    ...(onComplete === null ? [] : [onComplete]),
    ...(onAnyFailed === null || onAnyFailed === 'complete' ? [] : [onAnyFailed]),
  ])
  return Object.fromEntries(planned.map(({ request, path }) => [request.job as string, path]))
}

function refused(members: unknown, options: unknown): unknown {
  try {
    planGroups(members as readonly GroupMember[], options as GroupOptions)
  } catch (error) {
    return error
  }
  throw new Error('expected the group to be refused')
}

test('groups are listed root first, each before those nested in it', () => {
  const nested = { jobs: [job('c')], ...nothing }
  const groups = planGroups(
    [job('a'), { jobs: [nested, job('b')], ...nothing }, { jobs: [], ...nothing }],
    { onComplete: job('all'), onAnyFailed: 'complete' },
  )
  expect(groups.map(({ parent }) => parent)).toEqual([null, 0, 1, 0])
  expect(groups.map(({ jobs }) => jobs.map(({ request }) => request.job))).toEqual([
    ['a'],
    ['b'],
    ['c'],
    [],
  ])
})

test('each job knows its place in the request', () => {
  const inner = { jobs: [job('b')], onComplete: job('c'), onAnyFailed: job('d') }
  const options = { onComplete: job('e'), onAnyFailed: job('f') }
  expect(paths([job('a'), inner], options)).toEqual({
    a: 'group member 0',
    b: 'group member 1.0',
    c: 'group member 1, onComplete',
    d: 'group member 1, onAnyFailed',
    e: 'group, onComplete',
    f: 'group, onAnyFailed',
  })
})

describe('a group that contains itself is a cycle', () => {
  const CYCLE = {
    code: 'JOBS_DEPENDENCY_CYCLE',
    message: 'group member 1.0: the group contains itself',
  }

  test('directly', () => {
    const group = { jobs: [] as GroupMember[], ...nothing }
    group.jobs.push(group)
    expect(refused([job('a'), group], nothing)).toMatchObject(CYCLE)
  })

  test('through the list of the call', () => {
    const members: GroupMember[] = [job('a')]
    members.push({ jobs: [{ jobs: members, ...nothing }], ...nothing })
    expect(refused(members, nothing)).toMatchObject(CYCLE)
  })
})

test('the same group twice, side by side, is two groups', () => {
  const twice = { jobs: [job('a')], ...nothing }
  expect(planGroups([twice, twice], nothing)).toHaveLength(3)
})

const nestedDeep = (levels: number): GroupMember[] =>
  levels === 1 ? [] : [{ jobs: nestedDeep(levels - 1), ...nothing }]

test('32 levels and 10,000 members are allowed, and not one more', () => {
  expect(planGroups(nestedDeep(32), nothing)).toHaveLength(32)
  expect(refused(nestedDeep(33), nothing)).toMatchObject({
    code: 'JOBS_INVALID_OPTION',
    message: expect.stringMatching(
      /: groups are nested deeper than 32 levels, the limit$/,
    ) as string,
  })
  const many = Array.from({ length: 5_000 }, () => job('a'))
  const rest = { jobs: many.slice(1), ...nothing }
  expect(planGroups([...many, rest], nothing)).toHaveLength(2)
  expect(refused([...many, rest, job('a')], nothing)).toMatchObject({
    code: 'JOBS_INVALID_OPTION',
    message: 'group: there are more than 10000 members, the limit of one call',
  })
})

test.each<[string, unknown, unknown, RegExp]>([
  ['no options', [], undefined, /^group: the options must be an object$/],
  ['members that are no list', { jobs: [] }, nothing, /^group: the members must be an array$/],
  [
    'nested members that are no list',
    [{ jobs: 7, ...nothing }],
    nothing,
    /^group member 0: the members must be an array$/,
  ],
  ['nothing said for a failure', [], {}, /^group: onAnyFailed has no default: a job, 'comp/],
  [
    'nothing said for a failure inside',
    [job('a'), { jobs: [] }],
    nothing,
    /^group member 1: onAnyFailed has no default/,
  ],
  [
    'an unknown word for a failure',
    [],
    { onAnyFailed: 'ignore' },
    /^group: onAnyFailed must be a job, 'complete' or 'nothing', not "ignore"$/,
  ],
  [
    'the callback of success that is not there',
    [],
    { onAnyFailed: 'complete' },
    /^group: onAnyFailed is 'complete', but there is no onComplete$/,
  ],
  [
    'an unknown option',
    [],
    { ...nothing, onFailed: 'a' },
    /^group: there is no group option "onFailed"$/,
  ],
  [
    'an id inside',
    [{ jobs: [], ...nothing, groupId: 'a' }],
    nothing,
    /^group member 0: there is no group option "groupId"$/,
  ],
  [
    'a member that is both',
    [{ ...job('a'), jobs: [], ...nothing }],
    nothing,
    /^group member 0: there is no group option "job"$/,
  ],
])('%s is refused', (_, members, options, says) => {
  expect(refused(members, options)).toMatchObject({
    code: 'JOBS_INVALID_OPTION',
    message: expect.stringMatching(says) as string,
  })
})
