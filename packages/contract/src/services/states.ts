import { serviceStates } from "../common/index.ts"

const expected = listed(serviceStates)

/** How a value that is no state is refused. */
export const stateFault = enumFault(expected)

/** The list in quotes as refusals write it: commas, `or` before the last. */
export function listed(values: readonly string[]): string {
  const quoted = values.map((value) => `'${value}'`)
  return `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`
}

/** How a value that is not of a closed list is refused. */
export function enumFault(list: string): { type: string; msg: string; ctx: { expected: string } } {
  return { type: "enum", msg: `Input should be ${list}`, ctx: { expected: list } }
}
