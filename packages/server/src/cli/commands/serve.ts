import type { CreateWorkloadRequest, Probe, ServiceSpec, WorkloadDetail } from "@berth/contract/workloads"
import { curlLine, deafPods, reachedAt } from "../addresses.ts"
import { awaitReady, nothingBefore } from "../await-ready.ts"
import { usageError } from "../cli-error.ts"
import type { Session } from "../connect.ts"
import { connect, readCount } from "../connect.ts"
import { exitCodes } from "../exit-codes.ts"
import type { Way } from "../follow-workload.ts"
import { renderWays, untilDetached } from "../follow-workload.ts"
import { count } from "../human.ts"
import { writeFacts } from "../output.ts"
import { registerServed } from "../register-served.ts"
import type { Terminal } from "../terminal.ts"
import { harmless } from "../terminal.ts"
import type { WorkOptions } from "../work-request.ts"
import { readWait, requestFor, tellId } from "../work-request.ts"

export interface ServeOptions extends WorkOptions {
  readonly port?: string
  readonly nodePort?: string
  readonly clusterOnly?: boolean
  readonly stateful?: boolean
  readonly readiness?: string
  readonly liveness?: string
  readonly initialDelay?: string
  readonly maxUnavailable?: string
  readonly register?: boolean
  readonly wait?: string
  readonly detach?: boolean
}

/** `berth serve`: keeps replicas of a command up behind one address; waits until they are ready. */
export async function serve(
  terminal: Terminal,
  command: readonly string[],
  options: ServeOptions,
): Promise<number> {
  const own = readServing(options)
  const waitMs = readWait(options.wait)
  const session = await connect(terminal, options)
  const request = { ...(await requestFor(session, "serve", command, options)), ...own }
  const { workloadId } = await session.client.workloads.create(request)
  if (!options.detach) terminal.err(`Submitted ${workloadId} to ${request.workspaceId}.\n`)
  if (options.register) await registerServed(session, { workload: workloadId })
  if (options.detach) return tellId(session, workloadId)
  const ways = waysOf(workloadId)
  const follow = async (signal: AbortSignal) => {
    const seen = await awaitReady(session, workloadId, { waitMs, mark: nothingBefore, signal })
    if (seen.kind === "ended") return seen.exitCode
    await tellServing(session, seen.detail, signal)
    terminal.err(renderWays(ways))
    return exitCodes.ok
  }
  return untilDetached(session, workloadId, follow, ways)
}

/** What can be done with an application. */
function waysOf(id: string): readonly Way[] {
  return [
    ["look", `berth why ${id}`],
    ["its logs", `berth logs -f ${id}`],
    ["scale it", `berth scale ${id} N`],
    ["stop it", `berth stop ${id}`],
  ]
}

async function tellServing(session: Session, detail: WorkloadDetail, signal: AbortSignal): Promise<void> {
  const { terminal, form } = session
  const { workloadId, phase, resource, readiness } = detail
  const reached = await reachedAt(session, detail, signal)
  const facts: (readonly [string, string])[] = [
    ["workload", `${workloadId}, ${phase} with ${count(resource.replica, "pod")}`],
  ]
  if (reached !== null) {
    const { address, nodeAddress, from } = reached
    facts.push(["address", `${address}, from the server's machine`])
    if (nodeAddress !== "") facts.push(["node port", nodeAddress])
    facts.push(["try", `${curlLine(reached)}${from === "here" ? "" : `  (on ${from})`}`])
  }
  await writeFacts(terminal, form, { workloadId, phase, service: reached }, facts)
  if (reached !== null && reached.message !== "") terminal.err(`${harmless(reached.message)}\n`)
  if (readiness !== undefined) return
  for (const { podId, podIP } of await deafPods(session, detail, signal))
    terminal.err(
      `${harmless(`${podId} runs, but does not listen on ${podIP}:${detail.service?.targetPort} yet: what is to be reached listens on its POD_IP.`)}\n`,
    )
}

type Serving = Pick<CreateWorkloadRequest, "groupVersionKind" | "service" | "readiness" | "liveness">

/** What makes it an application. @throws CliError for what cannot be meant */
function readServing(options: ServeOptions): Serving {
  refuseWithoutPort(options)
  const kind = options.stateful ? "StatefulSet" : "Deployment"
  const serving: Serving = { groupVersionKind: { version: "v1", kind } }
  if (options.port === undefined) return serving
  const port = readCount("--port", options.port, { min: 1, max: 65_535 })
  serving.service = readService(port, options)
  const delay = readDelay(options)
  if (options.readiness !== undefined)
    serving.readiness = { path: readPath("--readiness", options.readiness), port, ...delay }
  if (options.liveness !== undefined)
    serving.liveness = { path: readPath("--liveness", options.liveness), port, ...delay }
  return serving
}

/** All of them are about the port. */
function refuseWithoutPort(options: ServeOptions): void {
  const { port, nodePort, clusterOnly, readiness, liveness, maxUnavailable, register } = options
  const about = {
    "--node-port": nodePort,
    "--cluster-only": clusterOnly,
    "--readiness": readiness,
    "--liveness": liveness,
    "--max-unavailable": maxUnavailable,
    "--register": register,
  }
  const [named] = Object.entries(about).find(([, value]) => value !== undefined) ?? []
  if (port === undefined && named !== undefined)
    throw usageError(`${named} needs --port: the port that the command listens on.`)
}

function readService(port: number, options: ServeOptions): ServiceSpec {
  const { nodePort, clusterOnly, maxUnavailable, stateful } = options
  if (clusterOnly && nodePort !== undefined)
    throw usageError("--cluster-only has no node port: leave one of the two out.")
  if (stateful && maxUnavailable !== undefined)
    throw usageError("--max-unavailable is not for --stateful: its pods are updated one after the other.")
  const shares = maxUnavailable === undefined ? {} : { extends: readShare(maxUnavailable) }
  const base = { protocol: "TCP", port, targetPort: port, ...shares }
  if (clusterOnly) return { ...base, serviceType: "ClusterIP" }
  const node = nodePort === undefined ? 0 : readCount("--node-port", nodePort, { min: 30_000, max: 32_767 })
  return { ...base, serviceType: "NodePort", nodePort: node }
}

function readShare(text: string): { readonly maxUnavailable: string } {
  const [, digits, percent] = /^(\d{1,5})(%?)$/.exec(text) ?? []
  if (digits === undefined || (percent === "%" && Number(digits) > 100))
    throw usageError(`--max-unavailable takes a number of pods or a share such as 25%, not "${text}".`)
  return { maxUnavailable: text }
}

/** The server takes 0 for its own default, which is long. */
function readDelay({ initialDelay, readiness, liveness }: ServeOptions): Pick<Probe, "initialDelaySeconds"> {
  if (initialDelay === undefined) return {}
  if (readiness === undefined && liveness === undefined)
    throw usageError("--initial-delay is of --readiness and --liveness: give one of them.")
  return { initialDelaySeconds: readCount("--initial-delay", initialDelay, { min: 1, max: 86_400 }) }
}

function readPath(name: string, text: string): string {
  if (/^\/[^\s]*$/.test(text)) return text
  throw usageError(`${name} takes a path such as /health, not "${text}".`)
}
