import type { RayJob, RayService } from "@berth/contract/kuberay"
import { encodeBody, RayJobSchema, RayServiceSchema } from "@berth/contract/kuberay"
import type { CommonOptions, Session } from "./connect.ts"
import { chooseWorkspace, connect } from "./connect.ts"
import type { Terminal } from "./terminal.ts"

/** What every command about Ray takes. */
export interface RayOptions extends CommonOptions {
  readonly workspace?: string
}

/** A session that acts in one namespace: that of the workspace's name, unless another one was said. */
export interface RaySession extends Session {
  readonly namespace: string
}

/** Finds the server and the namespace; calls nothing yet. @throws CliError */
export async function connectRay(terminal: Terminal, options: RayOptions): Promise<RaySession> {
  const session = await connect(terminal, options)
  return { ...session, namespace: chooseWorkspace(session, options.workspace) }
}

/** ` -w WORKSPACE` where a printed command needs it to act on the same namespace. */
export function whereFlag({ namespace, terminal, place }: RaySession): string {
  const usual = terminal.env["BERTH_WORKSPACE"] || place.workspace || "default"
  return namespace === usual ? "" : ` -w ${namespace}`
}

/** RFC 3339 of a time of the KubeRay API; null for none. */
export function instantOf(
  time: { readonly seconds: bigint; readonly nanos: number } | undefined,
): string | null {
  if (!time || time.seconds <= 0n) return null
  return new Date(Number(time.seconds) * 1000 + Math.floor(time.nanos / 1e6)).toISOString()
}

/** As the KubeRay API shows it, for programs. */
export const jobValue = (job: RayJob): unknown => JSON.parse(encodeBody(RayJobSchema, job))
/** As the KubeRay API shows it, for programs. */
export const serviceValue = (service: RayService): unknown =>
  JSON.parse(encodeBody(RayServiceSchema, service))
