import type { Json } from "../../kit/json.ts"

/**
 * A value of JSON as Go prints it: `map[a:1 b:[x y]]`, `<nil>`. Runtime environments of submissions are shown so
 * (reference/kuberay-v1.md 5.9). Keys are in order.
 */
export function goText(value: Json): string {
  if (value === null) return "<nil>"
  if (typeof value === "string") return value
  if (typeof value !== "object") return String(value)
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`
  const members = Object.entries(value).toSorted(([a], [b]) => compare(a, b))
  return `map[${members.map(([key, member]) => `${key}:${goText(member)}`).join(" ")}]`
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
