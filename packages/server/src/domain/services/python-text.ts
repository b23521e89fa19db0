/** What is written: nothing that JSON has no word for. */
export type PlainValue = string | number | boolean | null | { readonly [name: string]: PlainValue }

/** JSON as Python's `json.dumps` writes it: a space after each comma and colon, nothing but ASCII. */
export function pythonText(value: PlainValue): string {
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([name, member]) => `${pythonText(name)}: ${pythonText(member)}`)
      .join(", ")}}`
  return JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )
}
