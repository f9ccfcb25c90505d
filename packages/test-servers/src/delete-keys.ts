import { redisClient } from './redis-client.ts'

/** Deletes the keys of a server that begin so: plain text, without what patterns are made of. */
export async function deleteKeys(url: string, beginning: string): Promise<void> {
  const client = redisClient(url)
  await client.connect()
  try {
    for await (const keys of client.scanIterator({ MATCH: `${beginning}*`, COUNT: 1_000 })) {
      if (keys.length > 0) await client.unlink(keys)
    }
  } finally {
    client.destroy()
  }
}
