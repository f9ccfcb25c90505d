/** Answers for each item, in their order, with a call for each queue that they are of. */
export async function perQueue<Item extends { readonly queue: string }, Answer>(
  items: readonly Item[],
  call: (queue: string, items: readonly Item[]) => Promise<readonly Answer[]>,
): Promise<readonly Answer[]> {
  const places = new Map<string, number[]>()
  for (const [place, { queue }] of items.entries()) {
    const known = places.get(queue)
    if (known === undefined) places.set(queue, [place])
    else known.push(place)
  }
  const answers: Answer[] = []
  await Promise.all(
    [...places].map(async ([queue, ofQueue]) => {
      const found = await call(
        queue,
        ofQueue.map((place) => items[place]!),
      )
      for (const [at, place] of ofQueue.entries()) answers[place] = found[at]!
    }),
  )
  return answers
}
