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

function factsOf({ counts, clusters }: Status): readonly (readonly [string, string])[] {
  return [
    ["nodes", `${counts.nodes} (${counts.healthyNodes} healthy)`],
    ["GPUs", `${counts.gpus} (${counts.gpusFree} free)`],
    ["workspaces", String(counts.workspaces)],
    ["work", `${counts.workloadsRunning} running, ${counts.workloadsQueued} waiting`],
    ...clusters.map(
      (one) =>
        [
          `cluster ${one.id}`,
          `${one.driver}, ${count(one.nodes, "node")}, ${one.driverMessage || "working"}`,
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
