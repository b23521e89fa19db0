import type { GpuRequest } from "@berth/contract/berth"
import { collect } from "@berth/sdk"
import { usageError } from "../cli-error.ts"
import type { CommonOptions, Session } from "../connect.ts"
import { connect } from "../connect.ts"
import { exitCodes } from "../exit-codes.ts"
import { untilNotQueued } from "../follow-gpu-request.ts"
import { estimateText, nodesText, shapeText, untilText, whenText } from "../gpu-request-facts.ts"
import type { GpuWishOptions } from "../gpu-wish.ts"
import { named, readLength, wishFor } from "../gpu-wish.ts"
import { humanSeconds, inHowLong } from "../human.ts"
import type { Column } from "../output.ts"
import { writeDone, writeFacts, writeList, writeValue } from "../output.ts"
import { untilDetached } from "../follow-workload.ts"
import type { Terminal } from "../terminal.ts"
import { harmless } from "../terminal.ts"

export interface GetOptions extends GpuWishOptions {
  readonly wait?: boolean
  readonly detach?: boolean
}

export interface GpuListOptions extends CommonOptions {
  readonly workspace?: string
  readonly all?: boolean
}

/** `berth gpus get`: asks for GPUs, prints the id, and says when they come and why not now. */
export async function gpusGet(terminal: Terminal, options: GetOptions): Promise<number> {
  if (options.wait && options.detach) throw usageError("--wait and --detach do not go together.")
  const session = await connect(terminal, options)
  const wish = await wishFor(session, options)
  const made = await session.client.berth.createGpuRequest(named(wish, options.name))
  if (session.form === "table") terminal.out(`${made.id}\n`)
  if (options.wait) return waitFor(session, made.id)
  if (session.form !== "table") await writeValue(terminal, session.form, made)
  else if (!options.detach) await tellWhen(session, made.id)
  return exitCodes.ok
}

/** Until it holds its nodes: exit code 0; 1 when it left the queue otherwise; 130 by Ctrl-C, which leaves it queued. */
function waitFor(session: Session, id: string): Promise<number> {
  const follow = async (signal: AbortSignal) => {
    const { request } = await untilNotQueued(session, id, signal)
    if (session.form !== "table") await writeValue(session.terminal, session.form, request)
    session.terminal.err(`${harmless(standing(request, session.terminal.nowMs()))}\n`)
    return request.state === "provisioned" ? exitCodes.ok : exitCodes.failure
  }
  return untilDetached(session, id, follow, [
    ["look at it", `berth why ${id}`],
    ["cancel it", `berth gpus cancel ${id}`],
  ])
}

async function tellWhen({ client, terminal }: Session, id: string): Promise<void> {
  const { request, sentences } = await client.berth.explainGpuRequest(id)
  terminal.err(`${harmless(standing(request, terminal.nowMs()))}\n`)
  if (request.state !== "queued") return
  for (const sentence of sentences) terminal.err(`  ${harmless(sentence)}\n`)
}

/** One sentence on how it stands. */
function standing(request: GpuRequest, nowMs: number): string {
  const { id, workspaceId, state } = request
  if (state === "queued") return `${id} of ${workspaceId} ${estimateText(request, nowMs)}.`
  const nodes = nodesText(request)
  if (state === "provisioned")
    return `${id}: ${workspaceId} has ${nodes}, until ${untilText(request.endsAt, nowMs)}.`
  const why =
    request.failureReason === "" ? (request.cause ?? "").replaceAll("_", " ") : request.failureReason
  return `${id} is ${state.replaceAll("_", " ")}: ${why}.`
}

/** `berth gpus ls`: what waits and what holds nodes; with --all also what is over. */
export async function gpusList(terminal: Terminal, options: GpuListOptions): Promise<void> {
  const session = await connect(terminal, options)
  const { workspace, all } = options
  const rows = await collect((page) =>
    session.client.berth.gpuRequests({
      ...page,
      ...(workspace === undefined ? {} : { workspace }),
      ...(all ? {} : { state: ["queued", "provisioned"] }),
    }),
  )
  await writeList(terminal, session.form, {
    rows,
    columns: columns(terminal.nowMs()),
    empty: all ? "There are no GPU requests." : "Nobody waits for GPUs, and nobody holds any.",
  })
}

function columns(nowMs: number): readonly Column<GpuRequest>[] {
  return [
    { title: "ID", cell: (one) => one.id },
    { title: "NAME", cell: (one) => one.name },
    { title: "WORKSPACE", cell: (one) => one.workspaceId },
    { title: "STATE", cell: (one) => one.state.replaceAll("_", " ") },
    { title: "GPUS", cell: shapeText },
    { title: "FOR", cell: (one) => humanSeconds(one.durationSeconds), align: "right" },
    { title: "PRIORITY", cell: (one) => one.priority, align: "right" },
    { title: "WHEN", cell: (one) => whenText(one, nowMs) },
    { title: "NODES", cell: nodesText },
    { title: "USER", cell: (one) => one.userName },
  ]
}

/** `berth gpus show`. */
export async function gpusShow(terminal: Terminal, id: string, options: CommonOptions): Promise<void> {
  const session = await connect(terminal, options)
  const one = await session.client.berth.gpuRequest(id)
  await writeFacts(terminal, session.form, one, facts(one, terminal.nowMs()))
}

type Fact = readonly [name: string, value: string]

function facts(one: GpuRequest, nowMs: number): readonly Fact[] {
  const nodes = one.heldNodes.map((node) => node.name).join(" ")
  const memory = one.memoryGibPerGpu === null ? "" : `, ${one.memoryGibPerGpu} GiB each`
  const instance = one.instanceType === null ? "" : `, on ${one.instanceType}`
  return [
    ["id", one.id],
    ["name", one.name],
    ["workspace", one.workspaceId],
    ["user", one.userName],
    ["state", one.state.replaceAll("_", " ")],
    ["GPUs", `${shapeText(one)}${memory}${instance}`],
    ["clusters", one.clusters.join(" ")],
    ["for", humanSeconds(one.durationSeconds)],
    ["priority", `${one.priority} (${one.band})`],
    ...timeFacts(one, nowMs),
    ["nodes", nodes || "none"],
    ["idle time-out", one.idleTimeoutSeconds === null ? "never" : humanSeconds(one.idleTimeoutSeconds)],
    ["node lost", one.requeueOnFailure ? "back to the queue" : "ends as error"],
    ...(one.automatic === null ? [] : [["made for", one.automatic.workloadId] as const]),
    ["cost", one.cost === null ? "no price" : `${one.cost.amount} ${one.cost.currency}`],
  ]
}

function timeFacts(one: GpuRequest, nowMs: number): readonly Fact[] {
  const first = one.firstEstimate
  return [
    ["created", one.createdAt],
    ...(one.state === "queued" ? [["estimate", estimateText(one, nowMs)] as const] : []),
    ...(first === null ? [] : [["said first", first.startAt ?? "cannot be met"] as const]),
    ...(one.startedAt === null ? [] : [["started", one.startedAt] as const]),
    ...(one.endsAt === null || one.endedAt !== null ? [] : [["ends", inHowLong(one.endsAt, nowMs)] as const]),
    ...(one.endedAt === null
      ? []
      : [["ended", `${one.endedAt} (${(one.cause ?? "").replaceAll("_", " ")})`] as const]),
    ...(one.failureReason === "" ? [] : [["because", one.failureReason] as const]),
  ]
}

/** `berth gpus release`: gives the nodes back; what runs on them is told to end. */
export async function gpusRelease(terminal: Terminal, id: string, options: CommonOptions): Promise<void> {
  const session = await connect(terminal, options)
  const one = await session.client.berth.releaseGpuRequest(id)
  await writeDone(
    terminal,
    session.form,
    `${one.id} gives back ${nodesText(one)}; what runs there is ended.`,
    one,
  )
}

/** `berth gpus cancel`. */
export async function gpusCancel(terminal: Terminal, id: string, options: CommonOptions): Promise<void> {
  const session = await connect(terminal, options)
  await session.client.berth.cancelGpuRequest(id)
  await writeDone(terminal, session.form, `${id} is out of the queue.`, { id })
}

/** `berth gpus extend`: refused where it would push somebody back. */
export async function gpusExtend(
  terminal: Terminal,
  id: string,
  options: CommonOptions & { readonly by?: string },
): Promise<void> {
  if (options.by === undefined)
    throw usageError("Say by how much: --by 2h.", `For example: berth gpus extend ${id} --by 2h`)
  const seconds = readLength("--by", options.by)
  const session = await connect(terminal, options)
  const one = await session.client.berth.extendGpuRequest(id, seconds)
  const until = inHowLong(one.endsAt, terminal.nowMs())
  await writeDone(terminal, session.form, `${one.id} ends ${until}.`, one)
}
