import { answerFor, type Answer } from '../../src/outside-api/faults.ts'

/** The first key of rawdog whose calls are answered so, in this order. */
export function keyAnswered(seed: number, ...types: Answer['type'][]): string {
  for (let index = 0; ; index++) {
    const key = `rawdog/job_${index}`
    if (types.every((type, call) => answerFor(seed, key, call + 1).type === type)) return key
  }
}
