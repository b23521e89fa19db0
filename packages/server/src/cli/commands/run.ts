import type { CreateWorkloadRequest } from "@berth/contract/workloads"
import { usageError } from "../cli-error.ts"
import type { Session } from "../connect.ts"
import { connect, readCount } from "../connect.ts"
import { exitCodes } from "../exit-codes.ts"
import { followWorkload, untilDetached } from "../follow-workload.ts"
import { inHowLong } from "../human.ts"
import { writeDone } from "../output.ts"
import type { Terminal } from "../terminal.ts"
import type { WorkOptions } from "../work-request.ts"
import { readDuration, requestFor, tellId } from "../work-request.ts"

export interface RunOptions extends WorkOptions {
  readonly description?: string
  readonly timeout?: string
  readonly retries?: string
  readonly node?: readonly string[]
  readonly label?: readonly string[]
  readonly after?: readonly string[]
  readonly schedule?: readonly string[]
  readonly detach?: boolean
}

/** `berth run`: submits a command, shows its life, and ends with its exit code. */
export async function run(
  terminal: Terminal,
  command: readonly string[],
  options: RunOptions,
): Promise<number> {
  const session = await connect(terminal, options)
  const request = await buildRequest(session, command, options)
  const { workloadId } = await session.client.workloads.create(request)
  if (options.schedule) return tellSchedule(session, workloadId)
  if (options.detach) return tellId(session, workloadId)
  terminal.err(`Submitted ${workloadId} to ${request.workspaceId}.\n`)
  return untilDetached(session, workloadId, (signal) =>
    followWorkload(session, workloadId, { firstRun: 1, tail: null, since: null, rank: null, signal }),
  )
}

/** The id for programs, the next run for people; nothing is followed, for it never runs itself. */
async function tellSchedule(session: Session, workloadId: string): Promise<number> {
  const { terminal, client, form } = session
  const { schedule } = await client.berth.explainWorkload(workloadId)
  const nextRun = schedule?.next ?? null
  if (form !== "table") await writeDone(terminal, form, "", { workloadId, nextRun })
  else {
    terminal.out(`${workloadId}\n`)
    terminal.err(
      `It runs next ${inHowLong(nextRun, terminal.nowMs())}. End it with: berth stop ${workloadId}\n`,
    )
  }
  return exitCodes.ok
}

/** The Workload API's request for a command line. @throws CliError for what cannot be meant */
async function buildRequest(
  session: Session,
  command: readonly string[],
  options: RunOptions,
): Promise<CreateWorkloadRequest> {
  const own = { ...readLimits(options), ...readPlace(options) }
  return { ...(await requestFor(session, "run", command, options)), ...own }
}

type Limits = Pick<CreateWorkloadRequest, "timeout" | "maxRetry" | "description">

function readLimits(options: RunOptions): Limits {
  const limits: Limits = {}
  const { timeout, retries, description } = options
  if (timeout !== undefined) limits.timeout = readDuration("--timeout", timeout)
  if (retries !== undefined) limits.maxRetry = readCount("--retries", retries, { min: 0, max: 50 })
  if (description !== undefined) limits.description = description
  return limits
}

type Place = Pick<CreateWorkloadRequest, "specifiedNodes" | "customerLabels" | "dependencies" | "cronJobs">

function readPlace({ node, label, after, schedule }: RunOptions): Place {
  const place: Place = {}
  if (node) place.specifiedNodes = [...node]
  if (label) place.customerLabels = readPairs("--label", label)
  if (after) place.dependencies = [...after]
  if (schedule) place.cronJobs = schedule.map(readSchedule)
  return place
}

/** Five cron fields; the server says what is wrong with them. */
function readSchedule(text: string): { readonly schedule: string; readonly action: string } {
  if (text.trim().split(/\s+/).length === 5) return { schedule: text.trim(), action: "start" }
  throw usageError(
    `--schedule takes five cron fields in UTC, not "${text}".`,
    'For example, at three every night: --schedule "0 3 * * *"',
  )
}

function readPairs(option: string, pairs: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {}
  for (const pair of pairs) {
    const at = pair.indexOf("=")
    if (at < 1) throw usageError(`${option} takes NAME=VALUE, not "${pair}".`)
    found[pair.slice(0, at)] = pair.slice(at + 1)
  }
  return found
}
