import { connect as openSocket } from "node:net"
import type { Endpoint } from "@berth/contract/berth"
import type { WorkloadDetail, WorkloadPod } from "@berth/contract/workloads"
import type { Session } from "./connect.ts"
import { pause } from "./patience.ts"
import { quoteWord } from "./quote.ts"

/** Where an application is reached, for people and programs. */
export interface Reached {
  readonly address: string
  /** Empty without a node port. */
  readonly nodeAddress: string
  /** Works where `from` says. */
  readonly url: string
  readonly from: "here" | "the server's machine"
  /** What is wrong with it; empty when nothing is. */
  readonly message: string
}

const lookMs = 200
/** A server listens within an instant, or says why not. */
const mostLooks = 25

/** Waits until its service listens, or says why not; null when it has none. @throws BerthError */
export async function reachedAt(
  session: Session,
  detail: WorkloadDetail,
  signal: AbortSignal,
): Promise<Reached | null> {
  for (let looks = 1; ; looks++) {
    const query = { workload: detail.workloadId, limit: 1 }
    const [endpoint] = (await session.client.berth.endpoints(query, { signal })).items
    if (!endpoint) return null
    if (endpoint.listening || endpoint.message !== "" || looks >= mostLooks)
      return describe(session, detail, endpoint)
    await pause(lookMs, signal)
  }
}

function describe(
  { place }: Session,
  detail: WorkloadDetail,
  { address, nodeAddress, message }: Endpoint,
): Reached {
  const port = nodeAddress.split(":").at(-1) ?? ""
  const isPublished = nodeAddress.startsWith("0.0.0.0:")
  const elsewhere = !place.isLoopback && isPublished
  const host = elsewhere ? new URL(place.url).hostname : "127.0.0.1"
  const at = nodeAddress === "" ? address : `${host}:${port}`
  const from = place.isLoopback || elsewhere ? "here" : "the server's machine"
  return { address, nodeAddress, url: `http://${at}${detail.readiness?.path ?? "/"}`, from, message }
}

/** The line to type. */
export function curlLine({ url }: Reached): string {
  return `curl ${quoteWord(url)}`
}

const mostLooked = 16
const socketMs = 1000

/**
 * The pods that do not listen where connections go, for those without a check of their own: looked at a few seconds
 * long, for programs take a moment. Only from the server's machine: pods have loopback addresses.
 */
export async function deafPods(
  { place }: Session,
  { pods, service }: WorkloadDetail,
  signal: AbortSignal,
): Promise<readonly WorkloadPod[]> {
  if (!service || !place.isLoopback) return []
  let deaf = pods.filter((pod) => pod.phase === "Running" && pod.podIP).slice(0, mostLooked)
  for (let looks = 1; deaf.length > 0; looks++) {
    const hears = await Promise.all(deaf.map((pod) => isListening(pod.podIP ?? "", service.targetPort)))
    deaf = deaf.filter((_, at) => !hears[at])
    if (deaf.length === 0 || looks >= mostLooks) break
    await pause(lookMs, signal)
  }
  return deaf
}

function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = openSocket({ host, port, timeout: socketMs })
    const done = (hears: boolean) => {
      socket.destroy()
      resolve(hears)
    }
    socket.once("connect", () => done(true))
    socket.once("timeout", () => done(false))
    socket.once("error", () => done(false))
  })
}
