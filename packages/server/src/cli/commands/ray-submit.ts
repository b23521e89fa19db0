import { randomBytes } from "node:crypto"
import { usageError } from "../cli-error.ts"
import { exitCodes } from "../exit-codes.ts"
import type { Way } from "../follow-workload.ts"
import { renderWays, untilDetached } from "../follow-workload.ts"
import { writeValue } from "../output.ts"
import { nameFromCommand, quoteCommand, sanitiseName } from "../quote.ts"
import type { RayJobSource } from "../ray-follow.ts"
import { followRayJob, rayJobSource, submissionSource } from "../ray-follow.ts"
import type { RaySession } from "../ray-place.ts"
import { checkName, connectRay, whereFlag } from "../ray-place.ts"
import { readRuntimeEnv } from "../ray-runtime-env.ts"
import type { RayShapeOptions } from "../ray-shape.ts"
import { readShape, saysShape, specFor } from "../ray-shape.ts"
import { rayUser } from "../ray-user.ts"
import type { Terminal } from "../terminal.ts"
import { readDuration } from "../work-request.ts"

export interface RaySubmitOptions extends RayShapeOptions {
  readonly cluster?: string
  readonly name?: string
  readonly runtimeEnv?: string
  readonly env?: readonly string[]
  readonly entrypointCpus?: string
  readonly entrypointGpus?: string
  readonly keep?: string
  readonly timeout?: string
  readonly follow?: boolean
}

/** `berth ray submit`: sends a command to a cluster, or makes one for it alone. */
export async function raySubmit(
  terminal: Terminal,
  command: readonly string[],
  options: RaySubmitOptions,
): Promise<number> {
  const entrypoint = entrypointOf(command)
  const session = await connectRay(terminal, options)
  const parts = await readParts(terminal, options)
  if (options.cluster === undefined) return makeJob(session, { ...parts, entrypoint }, command, options)
  return sendTo(session, options.cluster, { ...parts, entrypoint }, options)
}

interface Parts {
  readonly runtimeEnv: string
  readonly cpus: number
  readonly gpus: number
}
type Entrypoint = Parts & { readonly entrypoint: string }

async function readParts(terminal: Terminal, options: RaySubmitOptions): Promise<Parts> {
  return {
    runtimeEnv: await readRuntimeEnv(terminal, options.runtimeEnv, options.env),
    cpus: readShare("--entrypoint-cpus", options.entrypointCpus),
    gpus: readShare("--entrypoint-gpus", options.entrypointGpus),
  }
}

/** A command as the one line that Ray gives to a shell. One word with blanks is such a line already. */
function entrypointOf(command: readonly string[]): string {
  const [first = ""] = command
  const example = "For example: berth ray submit --cluster demo -- python train.py"
  if (first === "") throw usageError("There is no command to run.", example)
  if (first.startsWith("-"))
    throw usageError(`"${first}" is not a command.`, "Options of `berth ray submit` come before the `--`.")
  if (command.some((word) => word.includes("\0"))) throw usageError("A command cannot hold a NUL character.")
  return command.length === 1 ? first : quoteCommand(command)
}

function readShare(option: string, text: string | undefined): number {
  if (text === undefined) return 0
  if (/^\d{1,6}(\.\d{1,4})?$/.test(text)) return Number(text)
  throw usageError(`${option} takes a number such as 1 or 0.5, not "${text}".`)
}

async function sendTo(
  session: RaySession,
  clustername: string,
  { entrypoint, runtimeEnv, cpus, gpus }: Entrypoint,
  options: RaySubmitOptions,
): Promise<number> {
  if (saysShape(options) || options.keep !== undefined || options.timeout !== undefined)
    throw usageError("--cluster names a cluster that is there: leave out what would make another one.")
  const { client, namespace } = session
  const { submissionId } = await client.kuberay.submitRayJob({
    namespace,
    clustername,
    jobsubmission: {
      entrypoint,
      runtimeEnv,
      submissionId: options.name ?? "",
      entrypointNumCpus: cpus,
      entrypointNumGpus: gpus,
    },
  })
  const source = submissionSource(session, clustername, submissionId)
  return tell(session, source, { cluster: clustername, submissionId }, options)
}

async function makeJob(
  session: RaySession,
  { entrypoint, runtimeEnv, cpus, gpus }: Entrypoint,
  command: readonly string[],
  options: RaySubmitOptions,
): Promise<number> {
  const { client, namespace } = session
  const shape = readShape(options)
  const { version } = shape
  const keepSeconds = options.keep === undefined ? 0 : readDuration("--keep", options.keep)
  const limitSeconds = options.timeout === undefined ? 0 : readDuration("--timeout", options.timeout)
  const name = checkName(options.name ?? madeName(command))
  const job = {
    name,
    namespace,
    user: await rayUser(session),
    version,
    entrypoint,
    runtimeEnv,
    shutdownAfterJobFinishes: true,
    ttlSecondsAfterFinished: keepSeconds,
    activeDeadlineSeconds: limitSeconds,
    entrypointNumCpus: cpus,
    entrypointNumGpus: gpus,
    clusterSpec: await specFor(session, shape),
  }
  await client.kuberay.createRayJob({ namespace, job })
  return tell(session, rayJobSource(session, name), { job: name }, options)
}

const longestStem = 40

/** `my-train-x7kqd`: short enough for the names of what is made for it. */
function madeName(command: readonly string[]): string {
  const stem = (command.length === 1 ? sanitiseName(command[0] ?? "") : nameFromCommand(command))
    .slice(0, longestStem)
    .replace(/-+$/, "")
  return `${stem}-${randomBytes(3).toString("hex").slice(0, 5)}`
}

async function tell(
  session: RaySession,
  source: RayJobSource,
  made: Readonly<Record<string, string>>,
  { follow }: RaySubmitOptions,
): Promise<number> {
  const { terminal, form } = session
  const { shownId } = source
  const where = whereFlag(session)
  const ways: readonly Way[] = [
    ["follow", `berth ray logs -f ${shownId}${where}`],
    ["stop it", `berth ray stop ${shownId}${where}`],
  ]
  if (follow) {
    terminal.err(`Submitted ${shownId}.\n`)
    return untilDetached(session, shownId, (signal) => followRayJob(session, source, signal), ways)
  }
  if (form !== "table") {
    await writeValue(terminal, form, made)
    return exitCodes.ok
  }
  terminal.out(`${shownId}\n`)
  terminal.err(renderWays(ways))
  return exitCodes.ok
}
