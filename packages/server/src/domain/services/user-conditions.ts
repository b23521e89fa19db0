import { ulidToUuid } from "../../kit/ids.ts"
import type { User } from "../identity/index.ts"
import type { UserCondition } from "./commands.ts"

/**
 * The users of whom a name or the id is as the condition says, ASCII case ignored; ids are compared as 32 hex digits.
 * `not_equals` holds as soon as one of the two is not equal, as upstream has it (reference/zenml-live.md, correction 6).
 */
export function matchedUsers({ op, values }: UserCondition, users: readonly User[]): readonly User[] {
  const ofName = testOf(op, values.map(lower))
  const ofId = testOf(
    op,
    values.map((value) => lower(value).replaceAll("-", "")),
  )
  return users.filter(({ id, name }) => ofName(lower(name)) || ofId(hexOf(id)))
}

function testOf(op: UserCondition["op"], values: readonly string[]): (text: string) => boolean {
  const [value = ""] = values
  switch (op) {
    case "equals":
      return (text) => text === value
    case "not_equals":
      return (text) => text !== value
    case "contains":
      return (text) => text.includes(value)
    case "not_contains":
      return (text) => !text.includes(value)
    case "starts_with":
      return (text) => text.startsWith(value)
    case "ends_with":
      return (text) => text.endsWith(value)
    case "one_of":
      return (text) => values.includes(text)
  }
}

function hexOf(id: string): string {
  return ulidToUuid(id.slice(id.indexOf("_") + 1)).replaceAll("-", "")
}

function lower(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
