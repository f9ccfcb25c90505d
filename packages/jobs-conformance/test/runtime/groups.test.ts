import {
  defineJob,
  type GroupMember,
  type GroupOptions,
  type JobHandler,
  type JobQueue,
  type JobRequest,
  jobRequest,
} from '@cgk/jobs-core'
import { withTenant } from '@cgk/core'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue
/** Names, in the order in which the handlers were called. */
let ran: string[]

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  queue = process.queue()
  ran = []
})

const job = (name: string, payload: unknown = {}): JobRequest => ({ job: name, payload })
const part = job('part')
const broken = job('broken')
const callbacks = { onComplete: job('all-done'), onAnyFailed: job('some-failed') }
const nothing = { onAnyFailed: 'nothing' } as const

const handler: JobHandler<unknown> = ({ name }) => {
  ran.push(name)
  return name === 'broken'
    ? { success: false, error: { message: 'no', retryable: false } }
    : { success: true }
}

const NAMES = ['part', 'broken', 'all-done', 'some-failed', 'chapter-done']

async function run(): Promise<void> {
  const handlers = new Map(NAMES.map((name) => [name, handler]))
  const processor = process.start({ queue, handlers, maxConcurrency: 1 })
  await time.settle()
  await processor.stop()
}

describe('when all members have ended', () => {
  test('and all completed, onComplete runs, once', async () => {
    const group = await queue.enqueueGroup([part, part, part], callbacks)
    expect(group).toMatchObject({ total: 3, completed: 0, failed: 0, cancelled: 0 })
    expect(group).not.toHaveProperty('endedAt')
    await run()
    expect(ran).toEqual(['part', 'part', 'part', 'all-done'])
    const ended = (await queue.getGroup(group))!
    expect(ended).toMatchObject({ total: 3, completed: 3, endedAt: new Date(time.clock.now()) })
    expect(await queue.getJob(ended.callbackId!)).toMatchObject({
      name: 'all-done',
      status: 'completed',
    })
  })

  test('and one failed, onAnyFailed runs, after the others', async () => {
    const { id } = await queue.enqueueGroup([broken, part], callbacks)
    await run()
    expect(ran).toEqual(['broken', 'part', 'some-failed'])
    expect(await queue.getGroup(id)).toMatchObject({ completed: 1, failed: 1, cancelled: 0 })
  })

  test('and one was cancelled, onAnyFailed runs', async () => {
    const { id, jobs } = await queue.enqueueGroup([part, part], callbacks)
    await queue.cancelJob(jobs[0]!)
    await run()
    expect(ran).toEqual(['part', 'some-failed'])
    expect(await queue.getGroup(id)).toMatchObject({ completed: 1, cancelled: 1 })
  })

  test("'complete' runs onComplete all the same", async () => {
    await queue.enqueueGroup([broken], { onComplete: job('all-done'), onAnyFailed: 'complete' })
    await run()
    expect(ran).toEqual(['broken', 'all-done'])
  })

  test("'nothing' runs nothing", async () => {
    const { id } = await queue.enqueueGroup([broken], { ...callbacks, ...nothing })
    await run()
    expect(ran).toEqual(['broken'])
    const ended = await queue.getGroup(id)
    expect(ended).toMatchObject({ failed: 1, endedAt: expect.any(Date) as Date })
    expect(ended).not.toHaveProperty('callbackId')
  })

  test('a group without members has ended at once', async () => {
    const group = await queue.enqueueGroup([], callbacks)
    expect(group).toMatchObject({ total: 0, endedAt: group.createdAt })
    await run()
    expect(ran).toEqual(['all-done'])
  })
})

const recover: JobHandler<unknown> = () => ({ success: true })

test('a retried member ends a second time, and the group only then', async () => {
  const group = await queue.enqueueGroup([broken, part], callbacks)
  const only = process.start({ queue, handlers: new Map([['broken', handler]]) })
  await time.settle()
  await only.stop()
  expect(await queue.getGroup(group)).toMatchObject({ failed: 1 })
  await queue.retryJob(group.jobs[0]!)
  expect(await queue.getGroup(group)).toMatchObject({ failed: 0, completed: 0 })
  const recovered = process.start({ queue, handlers: new Map([['broken', recover]]) })
  await time.settle()
  await recovered.stop()
  await time.advance(60_000)
  await run()
  expect(ran).toEqual(['broken', 'part', 'all-done'])
})

describe('a group in a group', () => {
  const chapter = (...jobs: JobRequest[]): GroupMember => ({
    jobs,
    onComplete: job('chapter-done'),
    onAnyFailed: 'nothing',
  })

  test('counts as one, and ends with its callback', async () => {
    const group = await queue.enqueueGroup([chapter(part, part), part], callbacks)
    expect(group).toMatchObject({ total: 2, groups: [{ total: 2, parentId: group.id }] })
    expect(group.jobs).toHaveLength(1)
    expect(group.groups[0]!.jobs).toHaveLength(2)
    await run()
    expect(ran).toEqual(['part', 'part', 'part', 'chapter-done', 'all-done'])
    expect(await queue.getGroup(group)).toMatchObject({ completed: 2 })
    expect(await queue.getGroup(group.groups[0]!)).toMatchObject({ parentId: group.id })
  })

  test('without a callback to run fails when a member of it did', async () => {
    await queue.enqueueGroup([chapter(broken), part], callbacks)
    await run()
    expect(ran).toEqual(['part', 'broken', 'some-failed'])
  })

  test('keeps the order of the call at every level', async () => {
    const named = (name: string): JobRequest => job('part', name)
    const { jobs, groups } = await queue.enqueueGroup(
      [named('a'), chapter(named('b'), named('c')), named('d'), chapter(named('e'))],
      nothing,
    )
    expect(jobs.map(({ payload }) => payload)).toEqual(['a', 'd'])
    expect(groups.map((group) => group.jobs.map(({ payload }) => payload))).toEqual([
      ['b', 'c'],
      ['e'],
    ])
  })
})

describe('members', () => {
  test('know their group, are what was enqueued, and are listed by it', async () => {
    const options = { priority: 5, delay: 1_000, headers: { a: 'b' } }
    const { id, jobs } = await queue.enqueueGroup([{ ...part, options }, part], nothing)
    await queue.enqueue('part', {})
    expect(jobs[0]).toMatchObject({ groupId: id, status: 'scheduled', priority: 5 })
    expect(await queue.getJob(jobs[0]!)).toEqual(jobs[0])
    const listed = await queue.listJobs({ groupId: id })
    expect(listed.map((member) => member.id)).toEqual(jobs.map((member) => member.id).toReversed())
    expect(await queue.cancelJobs({ groupId: id })).toMatchObject({ matched: 2, changed: 2 })
    expect(await queue.getGroup(id)).toMatchObject({ cancelled: 2 })
  })

  test('stay readable until the callback has ended, though their definition discards them', async () => {
    const kept: unknown[] = []
    const discarded = defineJob({ name: 'discarded', discard: true, handler })
    const look = defineJob({
      name: 'look',
      handler: async () => {
        kept.push(...(await queue.listJobs({ name: 'discarded' })))
        return { success: true }
      },
    })
    process.start({ queue, jobs: [discarded, look] })
    await queue.enqueueGroup([jobRequest(discarded, {}), jobRequest(discarded, {})], {
      onComplete: jobRequest(look, {}),
      ...nothing,
    })
    await time.settle()
    expect(kept).toHaveLength(2)
    expect(await queue.listJobs({ name: 'discarded' })).toEqual([])
  })
})

describe('a groupId', () => {
  test('makes a repeated call return the group that is there, and store nothing', async () => {
    const first = await queue.enqueueGroup([part, part], { ...callbacks, groupId: 'book-1' })
    expect(first).toMatchObject({ id: 'book-1' })
    expect(first).not.toHaveProperty('duplicate')
    const again = await queue.enqueueGroup([part], { ...nothing, groupId: 'book-1' })
    expect(again).toMatchObject({ id: 'book-1', total: 2, duplicate: true, jobs: [], groups: [] })
    expect(await queue.counts()).toMatchObject({ pending: 2 })
  })

  test('is another in every tenant, and none when none is given', async () => {
    const options = { ...nothing, groupId: 'book-1' }
    await queue.enqueueGroup([part], options)
    const inAcme = await withTenant('acme', () => queue.enqueueGroup([part, part], options))
    expect(inAcme).toMatchObject({ tenantId: 'acme', total: 2 })
    expect(await queue.getGroup('book-1')).toMatchObject({ total: 1 })
    expect(await queue.getGroup(inAcme)).toMatchObject({ total: 2 })
    expect(await withTenant('rawdog', () => queue.getGroup('book-1'))).toBeNull()
    const ids = await Promise.all([1, 2].map(() => queue.enqueueGroup([part], nothing)))
    expect(ids[0]!.id).not.toBe(ids[1]!.id)
  })
})

test('the tenant of a group is that of all its jobs, callbacks included', async () => {
  const nested = { jobs: [part], onComplete: job('chapter-done'), onAnyFailed: 'nothing' } as const
  await queue.enqueueGroup([nested, part], { ...callbacks, tenantId: 'acme' })
  await run()
  expect(ran).toHaveLength(4)
  const jobs = await queue.listJobs()
  expect(jobs.map(({ tenantId }) => tenantId)).toEqual(['acme', 'acme', 'acme', 'acme'])
})

describe('is refused, and nothing is stored:', () => {
  const checked = defineJob({
    name: 'checked',
    validate: (payload): payload is string => typeof payload === 'string',
    handler: () => ({ success: true }),
  })
  const withOptions = (options: unknown): JobRequest => ({ ...part, options: options as object })
  const nested = (...jobs: JobRequest[]): GroupMember => ({ jobs, ...nothing })

  test.each<[string, readonly GroupMember[], unknown, string, RegExp]>([
    [
      'a member with a jobId',
      [part, withOptions({ jobId: 'a' })],
      nothing,
      'JOBS_INVALID_OPTION',
      /^group member 1: a job of a group has no jobId: .* Give the group a groupId/,
    ],
    [
      'a member with a uniqueKey',
      [nested(part, withOptions({ uniqueKey: 'a' }))],
      nothing,
      'JOBS_INVALID_OPTION',
      /^group member 0\.1: a job of a group has no uniqueKey/,
    ],
    [
      'a callback with a jobId',
      [part],
      { ...nothing, onComplete: withOptions({ jobId: 'a' }) },
      'JOBS_INVALID_OPTION',
      /^group, onComplete: a job of a group has no jobId/,
    ],
    [
      'a member of another tenant',
      [part, withOptions({ tenantId: 'acme' })],
      nothing,
      'JOBS_INVALID_OPTION',
      /^group member 1: its tenant is acme, the group's is none: a group has one tenant$/,
    ],
    [
      'a member whose payload does not pass',
      [part, nested({ job: checked, payload: 7 })],
      nothing,
      'JOBS_INVALID_PAYLOAD',
      /^group member 1\.0: payload of job "checked" is not valid/,
    ],
    [
      'a member that is none',
      [null as unknown as JobRequest],
      nothing,
      'JOBS_INVALID_JOB_NAME',
      /^group member 0: job name of type undefined is not allowed/,
    ],
    [
      'options that are none',
      [withOptions(60_000)],
      { ...nothing, tenantId: 'acme' },
      'JOBS_INVALID_OPTION',
      /^group member 0: options must be an object/,
    ],
    [
      'a callback that is none',
      [part],
      { onAnyFailed: null },
      'JOBS_INVALID_JOB_NAME',
      /^group, onAnyFailed: job name of type undefined/,
    ],
    [
      'nothing said for a failure',
      [part],
      { onComplete: part },
      'JOBS_INVALID_OPTION',
      /^group: onAnyFailed has no default/,
    ],
    [
      'a groupId that is none',
      [part],
      { ...nothing, groupId: 'a\0' },
      'JOBS_INVALID_JOB_ID',
      /^groupId "a\\u0000" is not allowed: 1 to 200 characters/,
    ],
    [
      'a tenant that is none',
      [part],
      { ...nothing, tenantId: 'a:b' },
      'JOBS_INVALID_TENANT_ID',
      /^tenantId "a:b" is not a tenant id/,
    ],
  ])('%s', async (_name, members, options, code, says) => {
    const error = await refusal(() => queue.enqueueGroup(members, options as GroupOptions))
    expect(error.message).toMatch(says)
    expect(error).toMatchObject({ code, retryable: false })
    expect(await queue.listJobs()).toEqual([])
  })

  test('a group that contains itself', async () => {
    const members: GroupMember[] = [part]
    members.push({ jobs: members, ...nothing })
    expect(await refusal(() => queue.enqueueGroup(members, nothing))).toMatchObject({
      code: 'JOBS_DEPENDENCY_CYCLE',
      message: 'group member 1: the group contains itself',
    })
    expect(await queue.listJobs()).toEqual([])
  })

  test('a group without a tenant where one is required, even without members', async () => {
    const strict = process.queue({ tenancy: 'required' })
    const error = await refusal(() => strict.enqueueGroup([], nothing))
    expect(error.code).toBe('JOBS_TENANT_REQUIRED')
  })
})

test('a group that is not there is null, and an id that is none is refused', async () => {
  expect(await queue.getGroup('book-1')).toBeNull()
  const error = await refusal(() => queue.getGroup(''))
  expect(error.code).toBe('JOBS_INVALID_JOB_ID')
  expect(error.message).toMatch(/^group id "" is not allowed/)
})
