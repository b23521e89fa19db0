import type { RayService } from "@berth/contract/kuberay"
import { CliError } from "./cli-error.ts"
import { shortMessage } from "./ray-facts.ts"
import type { RaySession } from "./ray-place.ts"
import { whereFlag } from "./ray-place.ts"

/** An application that cannot be deployed where it is served, as a sentence; null = none. */
export function applicationFault(
  { name, rayServiceStatus: status }: RayService,
  applications: readonly string[],
): string | null {
  const failed = status?.serveApplicationStatus.find(
    (one) => one.status === "DEPLOY_FAILED" && applications.includes(one.name),
  )
  if (!failed) return null
  return `The application ${failed.name} of ${name} cannot be deployed: ${shortMessage(failed.message)}`
}

/** What the server says that stands in a service's way; null = nothing. @throws BerthError */
export async function serviceFault(
  { client, namespace }: RaySession,
  name: string,
  signal?: AbortSignal,
): Promise<string | null> {
  const options = signal ? { signal } : {}
  const { message } = await client.berth.explainRay("ray-service", namespace, name, options)
  return message === "" ? null : `The service ${name} cannot serve: ${message}`
}

/** A change is there after this: what is said then is about it. */
const changeMs = 15_000

/**
 * Told at each look what is wrong, throws for what is.
 * @param before what was wrong before a change: for a while it is not about the change
 */
export function createFaultWatch(
  session: RaySession,
  name: string,
  before: readonly string[],
): (faults: readonly string[]) => void {
  const startedAtMs = session.terminal.nowMs()
  const old = new Set(before)
  return (faults) => {
    for (const fault of old) if (!faults.includes(fault)) old.delete(fault)
    if (session.terminal.nowMs() - startedAtMs >= changeMs) old.clear()
    const fault = faults.find((one) => !old.has(one))
    if (fault === undefined) return
    throw new CliError(
      fault,
      `Mend its configuration and say the same again. More: berth ray status ${name}${whereFlag(session)}`,
    )
  }
}
