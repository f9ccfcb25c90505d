/** Collects durations without an allocation each, so that collecting them does not show in them. */
export class Latencies {
  #values = new Float64Array(65_536)
  #count = 0

  add(milliseconds: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#count++] = milliseconds
  }

  /**
   * The smallest value that at least the given part of all values does not exceed (nearest rank).
   *
   * @param part - above 0, at most 1: 0.5 is the median, 0.99 the 99th percentile.
   */
  percentile(part: number): number {
    const sorted = this.#values.slice(0, this.#count).toSorted()
    return sorted[Math.ceil(part * this.#count) - 1] ?? Number.NaN
  }
}
