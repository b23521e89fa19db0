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
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (value instanceof Written) return value.text
  if (Array.isArray(value)) return `[${value.map(wireText).join(",")}]`
  const object = value as { readonly [key: string]: WireValue }
  let text = ""
  // Pages are made of many: names need no escapes, and no list of members is made.
  for (const key in object) text += `${text === "" ? "{" : ","}"${key}":${wireText(object[key] ?? null)}`
  return text === "" ? "{}" : `${text}}`
}
