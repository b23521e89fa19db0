import type { RayCluster, RayClusterDetail, RayExplanation } from "@berth/contract/berth"
import type { RayJob, RayService } from "@berth/contract/kuberay"
import type { Session } from "./connect.ts"
import { moveLine } from "./event-line.ts"
import { age, count } from "./human.ts"
import type { Column } from "./output.ts"
import type { Terminal } from "./terminal.ts"
import { harmless, paint } from "./terminal.ts"

/** `ready`; `waiting (lost its place)` for one that had it. */
export function clusterState({ state, suspended }: Pick<RayCluster, "state" | "suspended">): string {
  return state === "waiting" && suspended ? "waiting (lost its place)" : state
}

/** `Running`; `Complete (SUCCEEDED)`: the deployment's word, with Ray's where that says more. */
export function jobState({
  jobDeploymentStatus,
  jobStatus,
}: Pick<RayJob, "jobDeploymentStatus" | "jobStatus">): string {
  const phase = jobDeploymentStatus || "new"
  const isStale = jobPhasesOver.includes(phase) && !hasEndedAs(jobStatus)
  return isStale || jobStatus === "" || jobStatus.toLowerCase() === phase.toLowerCase()
    ? phase
    : `${phase} (${jobStatus})`
}

/** What a job of the API is when nothing more comes. */
export const jobPhasesOver: readonly string[] = ["Complete", "Failed", "ValidationFailed"]

/** Whether it is Ray's word for an end. */
export function hasEndedAs(status: string): boolean {
  return ["SUCCEEDED", "FAILED", "STOPPED"].includes(status)
}

/** Ray's first sentence, behind which a log may stand; of a traceback the last line too, which says what happened. */
export function shortMessage(message: string): string {
  const lines = message
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
  const first = (lines[0] ?? "").replace(/, last available logs.*$/, "")
  return message.includes("Traceback (most recent call last)") && lines.length > 1
    ? `${first} ${lines.at(-1)}`
    : first
}

/** `starting` before a cluster serves; then what its applications are, the worst first named. */
export function serviceState({ rayServiceStatus: status }: RayService): string {
  if (!status || status.rayClusterName === "") return "starting"
  const states = new Set(status.serveApplicationStatus.map((one) => one.status || "NOT_STARTED"))
  if (states.size === 0) return "starting"
  return [...states].sort((a, b) => Number(a === "RUNNING") - Number(b === "RUNNING")).join(", ")
}

/** Why an application of it is not as it should be; "" = all are. */
export function serviceTrouble({ rayServiceStatus: status }: RayService): string {
  const troubled = status?.serveApplicationStatus.find(
    (one) => one.status !== "RUNNING" && one.message !== "",
  )
  return troubled ? `${troubled.name}: ${shortMessage(troubled.message)}` : ""
}

type Pod = RayClusterDetail["pods"][number]

/** The pods of a cluster. */
export function podColumns(nowMs: number): readonly Column<Pod>[] {
  return [
    { title: "POD", cell: (pod) => pod.name },
    { title: "GROUP", cell: (pod) => pod.group },
    { title: "STATE", cell: (pod) => pod.state },
    { title: "NODE", cell: (pod) => pod.node ?? "-" },
    { title: "GPUS", cell: (pod) => pod.gpuIndexes.join(",") || "-" },
    { title: "AGE", cell: (pod) => age(pod.startedAt, nowMs), align: "right" },
    { title: "WHY", cell: (pod) => pod.message },
  ]
}

type RayEvent = Pick<RayClusterDetail["events"][number], "reason" | "message" | "count"> & {
  readonly type: string
  readonly lastAt: string | null
}

/** What a cluster or a service has to tell. */
export function eventColumns(nowMs: number): readonly Column<RayEvent>[] {
  return [
    { title: "LAST", cell: (event) => `${age(event.lastAt, nowMs)} ago`, align: "right" },
    { title: "TIMES", cell: (event) => event.count, align: "right" },
    { title: "TYPE", cell: (event) => event.type },
    { title: "REASON", cell: (event) => event.reason },
    { title: "WHAT", cell: (event) => event.message },
  ]
}

/** Why it waits and where it stands; none for what does not wait. */
export function whyLines({ reasons, position, workspaceId, ahead }: RayExplanation): readonly string[] {
  const lines = reasons.map(({ sentence }, at) => `  ${at === 0 ? "because" : "and    "}  ${sentence}`)
  if (position === 0) return lines
  const others = ahead.count === 0 ? "" : `, behind ${count(ahead.count, "other")}`
  return [...lines, `  position ${position} in the queue of ${workspaceId}${others}`]
}

/** All of an explanation, for people. */
export function explainLines(terminal: Terminal, why: RayExplanation): readonly string[] {
  const nowMs = terminal.nowMs()
  const since = why.waitingSince === null ? "" : `, waiting for ${age(why.waitingSince, nowMs)}`
  const kind = why.kind.replace("ray-", "Ray ")
  const lines = [paint(terminal, "bold", harmless(`${kind} ${why.id} is ${why.state || "new"}${since}`))]
  if (why.message !== "") lines.push(harmless(`  ${why.message}`))
  if (why.clusterName !== null && !why.id.endsWith(`/${why.clusterName}`))
    lines.push(harmless(`  its Ray cluster is ${why.clusterName}`))
  lines.push(...whyLines(why).map(harmless))
  if (why.moves.length > 0) lines.push("", paint(terminal, "bold", "what happened, newest first"))
  lines.push(...why.moves.map((move) => harmless(moveLine(move, nowMs))))
  return lines
}

/** A heading between the tables of one command. */
export function heading({ terminal }: Session, text: string): void {
  terminal.out(`\n${paint(terminal, "bold", text)}\n`)
}
