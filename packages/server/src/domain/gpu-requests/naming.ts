/** How often another id is tried when one is taken: with 48 random bits the second is as good as never needed. */
export const idTries = 20

/** `gpr-` and eight, `-` and four hexadecimal digits (`reference/egs.md 2.1`). May be taken; the caller tries anew. */
export function gpuRequestShownId(random: () => number): string {
  const digits = Array.from({ length: 3 }, () => hexDigits(random)).join("")
  return `gpr-${digits.slice(0, 8)}-${digits.slice(8)}`
}

/** Four of them. */
function hexDigits(random: () => number): string {
  return Math.floor(random() * 0x1_00_00)
    .toString(16)
    .padStart(4, "0")
}
