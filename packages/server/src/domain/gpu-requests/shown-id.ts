const hex = "0123456789abcdef"

/** `gpr-` + 8 + `-` + 4 hexadecimal digits (reference/egs.md 2.1). @param random a float in [0, 1) */
export function newShownId(random: () => number): string {
  const digits = (count: number) =>
    Array.from({ length: count }, () => hex[Math.floor(random() * hex.length)] ?? "0").join("")
  return `gpr-${digits(8)}-${digits(4)}`
}
