/** A DNS-1123 label. */
const labelPattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

/** Whether it may name a workspace or a namespace, but for reserved ones. */
export function isLabel(name: string): boolean {
  return labelPattern.test(name)
}

/** Control characters but tab and line ends; and halves of characters, of which a database keeps something else. */
export const controlPattern = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\p{Surrogate}]/u
