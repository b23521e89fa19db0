/** What a service is, or should be (reference/zenml-services.md 2.3). */
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
