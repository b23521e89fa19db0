import type { PatchWorkloadRequest, WorkloadDetail } from "@berth/contract/workloads"
import { changeWorkload } from "../change-workload.ts"
import { CliError, usageError } from "../cli-error.ts"
import type { CommonOptions, Session } from "../connect.ts"
import { connect } from "../connect.ts"
import type { Terminal } from "../terminal.ts"
import { entryPointFor, readEnv, readGpus, readWait, virtualEnvironments } from "../work-request.ts"

export interface UpdateOptions extends CommonOptions {
  readonly env?: readonly string[]
  readonly image?: string
  readonly cpu?: string
  readonly memory?: string
  readonly gpus?: string
  readonly cwd?: string
  readonly wait?: string
  readonly detach?: boolean
}

/** `berth update`: changes what a workload runs, and waits until all of its pods run that. */
export async function update(
  terminal: Terminal,
  id: string,
  command: readonly string[],
  options: UpdateOptions,
): Promise<number> {
  refuseNothing(command, options)
  const waitMs = readWait(options.wait)
  const plain = readPlain(options)
  const env = readEnv(options.env ?? [], terminal)
  const session = await connect(terminal, options)
  const before = await session.client.workloads.get(id)
  const change = { ...plain, ...(await readLaunch(session, before, { command, env, cwd: options.cwd })) }
  return changeWorkload(session, before, {
    change,
    replaces: true,
    waitMs,
    isDetached: options.detach === true,
  })
}

function refuseNothing(command: readonly string[], options: UpdateOptions): void {
  const { env, image, cpu, memory, gpus, cwd } = options
  const named = [env, image, cpu, memory, gpus].some((one) => one !== undefined)
  if (command.length > 0) return
  if (cwd !== undefined)
    throw usageError("--cwd is where a command starts: give the command too.", "berth update ID -- COMMAND")
  if (!named)
    throw usageError(
      "There is nothing to change.",
      "Say --env, --image, --cpu, --memory, --gpus or a command. For another number of pods: berth scale ID N",
    )
}

function readPlain({ image, cpu, memory, gpus }: UpdateOptions): PatchWorkloadRequest {
  const change: PatchWorkloadRequest = {}
  if (image !== undefined) change.image = image
  if (cpu !== undefined) change.cpu = cpu
  if (memory !== undefined) change.memory = memory
  if (gpus !== undefined) change.gpu = String(readGpus(gpus))
  return change
}

interface Launch {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
}

/** The API replaces the environment as a whole: what is not named stays by being sent again. */
async function readLaunch(
  session: Session,
  before: WorkloadDetail,
  { command, env, cwd }: Launch,
): Promise<PatchWorkloadRequest> {
  const own = command.length > 0 ? { ...virtualEnvironments(session.terminal), ...env } : env
  const change: PatchWorkloadRequest = {}
  if (command.length > 0) change.entryPoint = await entryPointFor(session, "update", command, cwd)
  if (Object.keys(own).length === 0) return change
  refuseMasked(before)
  return { ...change, env: { ...before.env, ...own } }
}

/** Who may not read the values would write the mask over them. */
function refuseMasked({ workloadId, env }: WorkloadDetail): void {
  const values = Object.values(env)
  if (values.length === 0 || values.some((value) => value !== "***")) return
  throw new CliError(
    `You may not read the environment of ${workloadId}, so nothing can be added to it.`,
    "Its owner, or an owner of its workspace, can.",
  )
}
