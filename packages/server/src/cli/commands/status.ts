import type { Me, Status } from "@berth/contract/berth"
import type { CommonOptions } from "../connect.ts"
import { connect } from "../connect.ts"
import { count, humanSeconds } from "../human.ts"
import { writeFacts } from "../output.ts"
import type { Terminal } from "../terminal.ts"
import { harmless, paint } from "../terminal.ts"

/** `berth status`: the server, who the caller is, what there is. */
export async function status(terminal: Terminal, options: CommonOptions): Promise<void> {
  const session = await connect(terminal, options)
  const { berth } = session.client
  const [server, me] = await Promise.all([berth.status(), berth.me()])
  await writeFacts(terminal, session.form, { url: session.place.url, ...server, me }, [
    ["server", `${session.place.url} (${server.version}, up ${humanSeconds(server.uptimeSeconds)})`],
    ["state", server.ready ? "ready" : `not ready: ${server.readyMessage}`],
    ["you", whoText(me, server)],
    ...factsOf(server),
  ])
  if (session.form === "table")
    for (const warning of server.warnings)
      terminal.err(`${paint(terminal, "yellow", "warning:")} ${harmless(warning)}\n`)
}

/** A word on the switch of all queues; nothing while they are open. */
export function pausedText({ queues }: Pick<Status, "queues">): string {
  if (!queues.paused) return ""
  const goOn = "`berth queue resume --all` goes on"
  if (queues.restoredFrom !== null)
    return `paused: restored from a backup made at ${queues.restoredFrom}; ${goOn}`
  return `all paused by ${queues.pausedBy ?? "somebody"} at ${queues.since ?? "some time"}; ${goOn}`
}

function factsOf({ counts, clusters, queues }: Status): readonly (readonly [string, string])[] {
  return [
    ["nodes", `${counts.nodes} (${counts.healthyNodes} healthy)`],
    ["GPUs", `${counts.gpus} (${counts.gpusFree} without work, ${counts.gpusHeld} held by GPU requests)`],
    ["workspaces", String(counts.workspaces)],
    ["work", `${counts.workloadsRunning} running, ${counts.workloadsQueued} waiting`],
    ["GPU requests", `${counts.gpuRequestsProvisioned} with nodes, ${counts.gpuRequestsQueued} waiting`],
    ...(queues.paused ? [["queues", pausedText({ queues })] as const] : []),
    ...clusters.map(
      (one) =>
        [
          `cluster ${one.id}`,
          `${one.driver} driver, ${count(one.nodes, "node")}, ${one.driverMessage || "working"}`,
        ] as const,
    ),
  ]
}

function whoText(me: Me, server: Status): string {
  const roles = me.workspaces.slice(0, 8).map((one) => `${one.role} in ${one.id}`)
  const role = me.serverRole === null ? "" : `, server ${me.serverRole}`
  const rest = me.serverRole === null && roles.length > 0 ? `, ${roles.join(", ")}` : ""
  return `${me.userName}${role}${rest}${server.noAuth ? " (--no-auth: everybody on this machine is)" : ""}`
}
