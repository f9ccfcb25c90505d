const PATTERN = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(0|[1-9]\d{0,9})\.([1-9]\d{0,18})$/
const GREATEST_TURN = 2 ** 31 - 1
const GREATEST_ID = 2n ** 63n - 1n

/** What a lease's token says: the claim, as it is in `lease`, and the turn and the row of the job. */
export interface Token {
  readonly claim: string
  readonly turn: number
  readonly id: bigint
}

export function writeToken({ claim, turn, id }: Token): string {
  return `${claim}.${turn}.${id}`
}

/** `null` for a text that no claim ever gave. */
export function readToken(text: string): Token | null {
  const [, claim, turnDigits, idDigits] = PATTERN.exec(text) ?? []
  if (claim === undefined || turnDigits === undefined || idDigits === undefined) return null
  const turn = Number(turnDigits)
  const id = BigInt(idDigits)
  return turn > GREATEST_TURN || id > GREATEST_ID ? null : { claim, turn, id }
}
