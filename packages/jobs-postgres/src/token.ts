const PATTERN = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(0|[1-9]\d{0,9})$/
const GREATEST_TURN = 2 ** 31 - 1

/** What a lease's token says: the claim, as it is in `lease`, and the turn of the job. */
export interface Token {
  readonly claim: string
  readonly turn: number
}

/** `null` for a text that no claim ever gave. */
export function readToken(text: string): Token | null {
  const [, claim, digits] = PATTERN.exec(text) ?? []
  const turn = Number(digits)
  return claim === undefined || turn > GREATEST_TURN ? null : { claim, turn }
}
