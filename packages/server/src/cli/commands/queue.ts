import type { GpuQueueEntry, QueueEntry } from "@berth/contract/berth"
import { BerthError, collect } from "@berth/sdk"
import { CliError, usageError } from "../cli-error.ts"
import type { CommonOptions, Session } from "../connect.ts"
import { connect } from "../connect.ts"
import { gpuReasonText, shapeText, whenText } from "../gpu-request-facts.ts"
import { age, humanBytes, humanCpu, humanSeconds } from "../human.ts"
import type { Column } from "../output.ts"
import { writeDone, writeList } from "../output.ts"
import type { Terminal } from "../terminal.ts"
import { harmless, paint } from "../terminal.ts"
import { queueName } from "../ray-place.ts"
import { pausedText } from "./status.ts"

export interface QueueOptions extends CommonOptions {
  readonly workspace?: string
  readonly all?: boolean
  readonly force?: boolean
  /** GPU requests instead of work. */
  readonly gpus?: boolean
}

/** `berth queue`: what waits, by workspace and position. */
export async function queueList(terminal: Terminal, options: QueueOptions): Promise<void> {
  const session = await connect(terminal, options)
  if (options.gpus) return gpuQueueList(session, options.workspace)
  const { workspace } = options
  const { berth } = session.client
  const [rows, status] = await Promise.all([
    collect((page) => berth.queue({ ...page, ...(workspace === undefined ? {} : { workspace }) })),
    berth.status(),
  ])
  await writeList(terminal, session.form, {
    rows,
    columns: columns(terminal.nowMs(), (id) => queueName(session, id)),
    empty: "Nothing waits.",
  })
  if (session.form === "table" && status.queues.paused)
    terminal.err(`${paint(terminal, "yellow", "queues:")} ${harmless(pausedText(status))}\n`)
}

/** The one queue of GPU requests, in its order. */
async function gpuQueueList(session: Session, workspace: string | undefined): Promise<void> {
  const { terminal } = session
  const all = await collect((page) => session.client.berth.gpuQueue(page))
  await writeList(terminal, session.form, {
    rows: all.filter((one) => workspace === undefined || one.workspaceId === workspace),
    columns: gpuColumns(terminal.nowMs()),
    empty: "Nobody waits for GPUs.",
  })
}

function gpuColumns(nowMs: number): readonly Column<GpuQueueEntry>[] {
  return [
    { title: "POS", cell: (one) => one.position, align: "right" },
    { title: "ID", cell: (one) => one.id },
    { title: "WORKSPACE", cell: (one) => one.workspaceId },
    { title: "USER", cell: (one) => one.userName },
    { title: "PRIORITY", cell: (one) => one.priority, align: "right" },
    { title: "GPUS", cell: shapeText },
    { title: "FOR", cell: (one) => humanSeconds(one.durationSeconds), align: "right" },
    { title: "WAITS", cell: (one) => age(one.createdAt, nowMs), align: "right" },
    { title: "WHEN", cell: (one) => whenText(one, nowMs) },
    { title: "REASON", cell: (one) => gpuReasonText(one.reasons[0], nowMs) },
  ]
}

function columns(nowMs: number, nameOf: (id: string) => string): readonly Column<QueueEntry>[] {
  return [
    { title: "WORKSPACE", cell: (one) => one.workspaceId },
    { title: "POS", cell: (one) => one.position, align: "right" },
    { title: "ID", cell: (one) => nameOf(one.workloadId) },
    { title: "USER", cell: (one) => one.userName },
    { title: "PRIORITY", cell: (one) => ["low", "normal", "high"][one.priority] ?? one.priority },
    { title: "PODS", cell: (one) => one.pods, align: "right" },
    { title: "GPUS/POD", cell: (one) => one.size.gpus, align: "right" },
    { title: "WAITS", cell: (one) => age(one.queuedAt, nowMs), align: "right" },
    { title: "REASON", cell: (one) => reasonText(one, nameOf) },
  ]
}

/**
 * Why it waits, in a few words: `no reservation (gpu: 12 needed, 0 free)`.
 * @param nameOf how those in the way are called
 */
export function reasonText(one: Pick<QueueEntry, "reasons">, nameOf: (id: string) => string): string {
  const [first] = one.reasons
  return first ? `${first.code.replaceAll("_", " ")}${amounts(first)}${whatOf(first, nameOf)}` : ""
}

type Reason = QueueEntry["reasons"][number]

function amounts({ resource, unit, needed, free }: Reason): string {
  if (resource === null || needed === null) return ""
  const amount = (value: number) =>
    unit === "bytes" ? humanBytes(value) : unit === "cpuMilli" ? humanCpu(value) : String(value)
  return ` (${resource}: ${amount(needed)} needed, ${amount(free ?? 0)} free)`
}

/** What the reason is about, where its code leaves that open. */
function whatOf(
  { code, dependsOn, workloads, nodes, until }: Reason,
  nameOf: (id: string) => string,
): string {
  if (code === "dependency") return named(dependsOn)
  if (code === "blocked_by") return named(workloads.map(nameOf))
  if (until !== null) return ` until ${until}`
  return named(nodes)
}

function named(names: readonly string[]): string {
  const [first, ...others] = names
  if (first === undefined) return ""
  return others.length === 0 ? ` ${first}` : ` ${first} and ${others.length} more`
}

/** `berth queue pause`. */
export async function queuePause(terminal: Terminal, workspace: string | undefined, options: QueueOptions) {
  return queueSwitch(terminal, workspace, options, "pause")
}

/** `berth queue resume`. */
export async function queueResume(terminal: Terminal, workspace: string | undefined, options: QueueOptions) {
  return queueSwitch(terminal, workspace, options, "resume")
}

const orForce = ", or resume with force."

/** What the API calls by its member is a flag here. */
function explainStrays(error: unknown): never {
  if (!(error instanceof BerthError) || !error.message.endsWith(orForce)) throw error
  throw new CliError(
    `${error.message.slice(0, -orForce.length)}.`,
    "`berth queue resume --all --force` goes on although they run.",
  )
}

async function queueSwitch(
  terminal: Terminal,
  workspace: string | undefined,
  options: QueueOptions,
  verb: "pause" | "resume",
): Promise<void> {
  if ((workspace === undefined) === !options.all)
    throw usageError(
      `Say which queue to ${verb}: a workspace, or --all.`,
      `For example: berth queue ${verb} default`,
    )
  const session = await connect(terminal, options)
  const { berth } = session.client
  const target = workspace ?? null
  const answer = await (
    verb === "pause"
      ? berth.pauseQueue(target)
      : berth.resumeQueue(target, options.force ? { force: true } : {})
  ).catch(explainStrays)
  const whose = workspace === undefined ? "All queues are" : `The queue of ${workspace} is`
  const effect = answer.paused ? "paused: nothing more starts from it; what runs goes on" : "open again"
  await writeDone(terminal, session.form, `${whose} ${effect}.`, answer)
}
