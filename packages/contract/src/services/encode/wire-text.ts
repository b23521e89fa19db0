/** JSON that is written already. */
export class Written {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** What an answer is made of. Members stand in the order in which they were set; keys are fixed names. */
export type WireValue =
  | string
  | number
  | boolean
  | null
  | Written
  | readonly WireValue[]
  | { readonly [key: string]: WireValue }

/** The text of an answer, without blanks, characters as themselves. */
export function wireText(value: WireValue): string {
  if (value instanceof Written) return value.text
  if (Array.isArray(value)) return `[${value.map(wireText).join(",")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const members = Object.entries(value as { readonly [key: string]: WireValue })
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${wireText(member)}`).join(",")}}`
}
