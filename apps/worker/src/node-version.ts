const OLDEST = [22, 18] as const

/**
 * What to tell whoever started the worker with a Node.js that is too old; `null` where it is not. An
 * older one does not run the TypeScript of configs and jobs, and says so in other words.
 */
export function nodeProblem(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return null
  return `needs Node.js ${OLDEST.join('.')} or newer, and this is ${version}`
}
