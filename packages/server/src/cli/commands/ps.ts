import type { WorkloadItem } from "@berth/contract/workloads"
import { collect } from "@berth/sdk"
import type { CommonOptions, Session } from "../connect.ts"
import { usageError } from "../cli-error.ts"
import { connect, readCount } from "../connect.ts"
import { age, count, inHowLong } from "../human.ts"
import type { Column } from "../output.ts"
import { writeList } from "../output.ts"
import type { Terminal } from "../terminal.ts"

export interface PsOptions extends CommonOptions {
  readonly workspace?: string
  readonly all?: boolean
  readonly phase?: string
  readonly limit?: string
  readonly user?: string
}

/** Of what has not ended. */
const livePhases = ["Pending", "Running", "Updating", "NotReady"]
const phases = [...livePhases, "Succeeded", "Failed", "Stopped"]

/** `berth ps`: workloads, newest first; only those that wait or run unless asked for more. */
export async function ps(terminal: Terminal, options: PsOptions): Promise<void> {
  const phase = phasesFor(options)
  const session = await connect(terminal, options)
  const { items, totalCount } = await session.client.workloads.list({
    limit: readCount("--limit", options.limit ?? "100", { min: 1, max: 1000 }),
    ...(options.workspace === undefined ? {} : { workspaceId: options.workspace }),
    ...(options.user === undefined ? {} : { userName: options.user }),
    ...(phase === undefined ? {} : { phase }),
  })
  if (items.length === 0) await refuseUnknown(session, options.workspace)
  const rows = await withNextRuns(session, await withAddresses(session, items, options.workspace))
  await writeList(terminal, session.form, {
    rows,
    columns: columns(terminal.nowMs(), rows),
    empty: nothingFor(options),
  })
  if (session.form === "table" && totalCount > items.length)
    terminal.err(`${items.length} of ${totalCount}: --limit shows more.\n`)
  const isNarrowed = options.phase !== undefined || options.user !== undefined
  if (session.form === "table" && !isNarrowed) await tellOfRay(session, options.workspace)
}

function nothingFor({ all, phase }: PsOptions): string {
  return all === true || phase !== undefined
    ? "No workload is like this."
    : "Nothing waits or runs. `berth ps -a` also shows what has ended."
}

/** To the list a workspace that there is not is an empty one. @throws BerthError 404 */
async function refuseUnknown({ client }: Session, workspace: string | undefined): Promise<void> {
  if (workspace !== undefined) await client.berth.workspace(workspace)
}

const overStates: readonly string[] = ["failed", "gone"]

/** Ray's clusters wait and run in the same queue, and have a list of their own. */
async function tellOfRay(session: Session, workspace: string | undefined): Promise<void> {
  const { terminal, client } = session
  // who may not see them, or asks an older server, is told nothing of them
  const all = await collect((page) => client.berth.rayClusters(page)).catch(() => [])
  const live = all.filter(
    ({ state, workspaceId }) =>
      !overStates.includes(state) && (workspace === undefined || workspaceId === workspace),
  )
  if (live.length === 0) return
  const waiting = live.filter(({ state }) => state === "waiting").length
  const ofThem = waiting === 0 ? "" : `, ${waiting} of them waiting`
  const where = workspace === undefined ? "-A" : `-w ${workspace}`
  const how = `\`berth ray ls ${where}\` lists ${live.length === 1 ? "it" : "them"}`
  terminal.err(`${count(live.length, "Ray cluster")}${ofThem}: ${how}.\n`)
}

function phasesFor({ all, phase }: PsOptions): readonly string[] | undefined {
  if (phase !== undefined) return readPhases(phase)
  return all ? undefined : livePhases
}

/** In any case. @throws CliError for a word that is no phase */
function readPhases(text: string): readonly string[] {
  return text.split(",").map((word) => {
    const found = phases.find((phase) => phase.toLowerCase() === word.trim().toLowerCase())
    if (found === undefined) throw usageError(`--phase takes ${phases.join(", ")}, not "${word}".`)
    return found
  })
}

/** A workload; where its service answers if it has one; when it runs next if it is a schedule. */
type Row = WorkloadItem & {
  readonly address?: string
  readonly nodeAddress?: string
  readonly nextRun?: string
}

async function withAddresses(
  { client }: Session,
  items: readonly WorkloadItem[],
  workspace: string | undefined,
): Promise<readonly Row[]> {
  if (items.length === 0) return items
  const query = workspace === undefined ? {} : { workspace }
  const endpoints = await collect((page) => client.berth.endpoints({ ...query, ...page }))
  const byId = new Map(endpoints.map((one) => [one.workloadId, one]))
  return items.map((item) => {
    const endpoint = byId.get(item.workloadId)
    return endpoint ? { ...item, address: endpoint.address, nodeAddress: endpoint.nodeAddress } : item
  })
}

/** More schedules than this on a page are shown without their next run. */
const mostSchedules = 50

/** A list does not say when schedules run next. What waits for a single start time has a place in its queue. */
async function withNextRuns({ client }: Session, rows: readonly Row[]): Promise<readonly Row[]> {
  const isSchedule = (one: Row) =>
    one.phase === "Pending" && one.schedulerOrder === 0 && one.message.includes("has not been reached")
  const found = new Map<string, string>()
  const ask = async ({ workloadId }: Row) => {
    const { schedule } = await client.berth.explainWorkload(workloadId)
    if (schedule?.next) found.set(workloadId, schedule.next)
  }
  // one that is gone by now is shown as it was listed
  await Promise.allSettled(rows.filter(isSchedule).slice(0, mostSchedules).map(ask))
  return rows.map((row) => {
    const nextRun = found.get(row.workloadId)
    return nextRun === undefined ? row : { ...row, nextRun }
  })
}

function columns(nowMs: number, rows: readonly Row[]): readonly Column<Row>[] {
  const address = { title: "ADDRESS", cell: (one: Row) => one.nodeAddress || (one.address ?? "") }
  return [
    { title: "ID", cell: (one) => one.workloadId },
    { title: "WORKSPACE", cell: (one) => one.workspaceId },
    { title: "USER", cell: (one) => one.userName },
    { title: "PHASE", cell: (one) => one.phase },
    { title: "PODS", cell: (one) => one.resource.replica, align: "right" },
    { title: "GPUS/POD", cell: (one) => one.resource.gpu ?? "0", align: "right" },
    { title: "AGE", cell: (one) => age(one.creationTime, nowMs), align: "right" },
    { title: "RUNTIME", cell: (one) => (one.startTime === "" ? "-" : one.runtime), align: "right" },
    ...(rows.some((one) => one.address !== undefined) ? [address] : []),
    { title: "WAITS", cell: (one) => waits(one, nowMs) },
  ]
}

function waits(one: Row, nowMs: number): string {
  if (one.nextRun !== undefined) return `next run ${inHowLong(one.nextRun, nowMs)}`
  if (one.phase !== "Pending") return ""
  const place = one.schedulerOrder > 0 ? `${one.schedulerOrder}.` : ""
  return [place, one.message].filter((part) => part !== "").join(" ")
}
