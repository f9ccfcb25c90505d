import { createClient } from '@redis/client'

/** Deletes the keys of a server that begin so: plain text, without what patterns are made of. */
export async function deleteKeys(url: string, beginning: string): Promise<void> {
  const client = createClient({ url })
  client.on('error', () => {})
  await client.connect()
  try {
    for await (const keys of client.scanIterator({ MATCH: `${beginning}*`, COUNT: 1_000 })) {
      if (keys.length > 0) await client.unlink(keys)
    }
  } finally {
    client.destroy()
  }
}
