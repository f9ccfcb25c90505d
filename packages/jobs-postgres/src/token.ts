const PATTERN = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(0|[1-9]\d{0,9})\.([1-9]\d{0,18})$/
const GREATEST_TURN = 2 ** 31 - 1
const GREATEST_ID = String(2n ** 63n - 1n)

/** What a lease's token says: the claim, as it is in `lease`, and the turn and the row of the job. */
export interface Token {
  readonly claim: string
  readonly turn: number
  /** In decimal digits. */
  readonly id: string
}

export function writeToken({ claim, turn, id }: Token): string {
  return `${claim}.${turn}.${id}`
}

/** `null` for a text that no claim ever gave. */
export function readToken(text: string): Token | null {
  const [, claim, turnDigits, id] = PATTERN.exec(text) ?? []
  if (claim === undefined || turnDigits === undefined || id === undefined) return null
  const turn = Number(turnDigits)
  const isTooGreat = id.length === GREATEST_ID.length && id > GREATEST_ID
  return turn > GREATEST_TURN || isTooGreat ? null : { claim, turn, id }
}
