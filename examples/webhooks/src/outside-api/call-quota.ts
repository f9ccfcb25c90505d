/** How often one shop may call the outside API: a bucket that fills steadily and is emptied by calls. */
export class CallQuota {
  readonly #perMs: number
  readonly #burst: number
  readonly #buckets = new Map<string, { tokens: number; at: number }>()

  constructor(options: { readonly perSecond: number; readonly burst: number }) {
    this.#perMs = options.perSecond / 1000
    this.#burst = options.burst
  }

  /** Whether a shop may call now. A call that may not costs nothing. */
  admits(shop: string, now: number): boolean {
    const { tokens, at } = this.#buckets.get(shop) ?? { tokens: this.#burst, at: now }
    const filled = Math.min(this.#burst, tokens + (now - at) * this.#perMs)
    if (filled < 1) return false
    this.#buckets.set(shop, { tokens: filled - 1, at: now })
    return true
  }
}
