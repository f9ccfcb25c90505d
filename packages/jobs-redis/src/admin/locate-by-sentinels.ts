import type { StoreFinding } from '@cgk/jobs-core'
import { ErrorReply } from '@redis/client'
import { isNotPermitted } from '../errors.ts'
import { askSentinel, askSentinels, masterOf, type SentinelOptions } from '../sentinel.ts'
import type { Located } from './locate.ts'

type SentinelNode = SentinelOptions['sentinelRootNodes'][number]

/** The master that Sentinels know, and how they are. */
export async function locateBySentinels(options: SentinelOptions): Promise<Located> {
  const { sentinelRootNodes, nodeClientOptions } = options
  const answers = await askSentinels(options)
  const { ip: host, port } = masterOf(options, answers)
  const socket = { ...nodeClientOptions?.socket, host, port: Number(port) }
  const master = { address: '', options: { ...nodeClientOptions, socket } }
  const silent = sentinelRootNodes.filter((_, n) => answers[n]!.status === 'rejected')
  const answering = sentinelRootNodes.find((_, n) => answers[n]!.status === 'fulfilled')!
  const findings = [answersOf(answers.length, silent), await quorumOf(options, answering)]
  return { topology: 'sentinel', servers: [master], findings }
}

function answersOf(count: number, silent: readonly SentinelNode[]): StoreFinding {
  const check = 'sentinels'
  if (silent.length === 0) return { check, level: 'ok', message: `${count} answer` }
  const names = silent.map(({ host, port }) => `${host}:${port}`).join(', ')
  return {
    check,
    level: 'warning',
    message: `no answer from ${names}`,
    advice: 'start them again, or name those that there are',
  }
}

async function quorumOf(options: SentinelOptions, node: SentinelNode): Promise<StoreFinding> {
  const check = 'quorum'
  try {
    await askSentinel(options, node, ['SENTINEL', 'CKQUORUM', options.name])
    return { check, level: 'ok', message: 'enough Sentinels for a failover' }
  } catch (error) {
    if (!(error instanceof ErrorReply)) throw error
    if (isNotPermitted(error))
      return { check, level: 'ok', message: 'this user may not ask for it' }
    return {
      check,
      level: 'error',
      message: 'too few Sentinels for a failover: when the master is lost nothing takes its place',
      advice: 'start as many as the quorum needs, and more than half of all',
    }
  }
}
