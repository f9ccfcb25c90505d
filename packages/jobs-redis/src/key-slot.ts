/** How many slots a cluster has. */
export const SLOTS = 16_384
const POLYNOMIAL = 0x1021

/** The slot of a cluster that a key with a part in braces belongs to. */
export function slotOf(key: string): number {
  const from = key.indexOf('{') + 1
  return checksum(key.slice(from, key.indexOf('}', from))) % SLOTS
}

/** CRC-16 as XMODEM has it, of ASCII text. */
function checksum(text: string): number {
  let sum = 0
  for (let at = 0; at < text.length; at++) {
    sum ^= text.charCodeAt(at) << 8
    for (let bit = 0; bit < 8; bit++) {
      sum = (sum & 0x8000 ? (sum << 1) ^ POLYNOMIAL : sum << 1) & 0xffff
    }
  }
  return sum
}
