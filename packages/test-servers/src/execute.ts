import postgres from 'postgres'

/** Runs one statement on a connection of its own. */
export async function execute(url: string, text: string): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: 10, onnotice: () => {} })
  try {
    await sql.unsafe(text)
  } finally {
    await sql.end({ timeout: 1 })
  }
}
