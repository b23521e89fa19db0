/** What a service is, or should be; also `state` of its status. */
export const serviceStates = [
  "inactive",
  "active",
  "pending_startup",
  "pending_shutdown",
  "error",
  "scaled_to_zero",
] as const
export type ServiceState = (typeof serviceStates)[number]

/** Exactly one of the states, in lower case. */
export function isServiceState(text: string): text is ServiceState {
  return (serviceStates as readonly string[]).includes(text)
}

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
