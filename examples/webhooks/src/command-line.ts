import { parseArgs } from 'node:util'

/** What `src/main.ts` can be told. */
export interface CommandLine {
  /** Decides the deliveries and what the outside API answers. */
  readonly seed: number
  /** About so many different deliveries; `undefined` for all there are. */
  readonly deliveries: number | undefined
  /** The URL of a store for the noisy shop alone; `undefined`: it shares that of the others. */
  readonly noisyStore: string | undefined
}

/** What the arguments say, or what is wrong with them. */
export function readCommandLine(args: string[]): CommandLine | { readonly problem: string } {
  try {
    const { values } = parseArgs({
      args,
      options: {
        seed: { type: 'string', default: '20' },
        deliveries: { type: 'string' },
        'noisy-store': { type: 'string' },
      },
    })
    return {
      seed: wholeNumber('--seed', values.seed),
      deliveries:
        values.deliveries === undefined
          ? undefined
          : wholeNumber('--deliveries', values.deliveries),
      noisyStore: values['noisy-store'],
    }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

function wholeNumber(option: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new Error(`${option} takes a whole number from 1, not “${text}”`)
}
