import type { RayJob, RayService } from "@berth/contract/kuberay"
import { encodeBody, RayJobSchema, RayServiceSchema } from "@berth/contract/kuberay"
import { usageError } from "./cli-error.ts"
import type { CommonOptions, Session } from "./connect.ts"
import { chooseWorkspace, connect, usualWorkspace } from "./connect.ts"
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

const nameShape = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

/** A name that something new may have; how long it may be is for the server to say. @throws CliError */
export function checkName(name: string): string {
  if (nameShape.test(name)) return name
  throw usageError(`"${name}" is no name here: it takes lower-case letters, digits and dashes, as in demo-1.`)
}

/** ` -w WORKSPACE` where a printed command needs it to act on the same namespace. */
export function whereFlag(session: RaySession): string {
  const { namespace } = session
  return namespace === usualWorkspace(session) ? "" : ` -w ${namespace}`
}

/**
 * What waits in the queue, as `berth why` takes it: of Ray, which the queue names by namespace, `ray/NAME` where that is
 * the usual one. Workloads, which have no slash, stay as they are.
 */
export function queueName(session: Session, id: string): string {
  const [namespace, name] = id.split("/")
  return name !== undefined && namespace === usualWorkspace(session) ? `ray/${name}` : id
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
