/** What a person reads who waits for results. */
export interface Progress {
  /** Says what runs now, on a terminal; overwritten by what follows. */
  show(text: string): void
  /** Says what stays to be read, on stderr. */
  note(text: string): void
  /** Prints a result, on stdout. */
  print(text: string): void
}

export function createProgress(): Progress {
  const isTerminal = process.stderr.isTTY
  const clear = (): void => {
    if (isTerminal) process.stderr.write('\r\u001b[K')
  }
  return {
    show(text) {
      clear()
      if (isTerminal) process.stderr.write(text)
    },
    note(text) {
      clear()
      process.stderr.write(`${text}\n`)
    },
    print(text) {
      clear()
      process.stdout.write(`${text}\n`)
    },
  }
}
