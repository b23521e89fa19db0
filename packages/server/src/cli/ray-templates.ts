import type { ComputeTemplate } from "@berth/contract/kuberay"
import { BerthError } from "@berth/sdk"
import { CliError, usageError } from "./cli-error.ts"
import { readCount } from "./connect.ts"
import type { RaySession } from "./ray-place.ts"

/** The size of a Ray node, as a compute template says it. */
export interface RaySize {
  /** Whole cores. */
  readonly cpu: number
  /** In `memoryUnit`. */
  readonly memory: number
  readonly memoryUnit: string
  readonly gpu: number
}

/** A size as it is typed; what is absent is the usual. */
export interface TypedSize {
  readonly cpu?: string | undefined
  readonly memory?: string | undefined
  readonly gpus?: string | undefined
}

const usualSize = { cpu: "1", memory: "2Gi", gpus: "0" } as const

/** @param prefix of the flags' names: `worker-` for those of workers. @throws CliError */
export function readRaySize(typed: TypedSize, prefix = ""): RaySize {
  const { cpu = usualSize.cpu, memory = usualSize.memory, gpus = usualSize.gpus } = typed
  return {
    cpu: readCount(`--${prefix}cpu`, cpu, { min: 1, max: 10_000 }),
    ...readMemory(`--${prefix}memory`, memory),
    gpu: readCount(`--${prefix}gpus`, gpus, { min: 0, max: 1024 }),
  }
}

function readMemory(option: string, text: string): Pick<RaySize, "memory" | "memoryUnit"> {
  const [, digits = "", memoryUnit = ""] = /^([1-9]\d{0,8})(Mi|Gi|Ti)$/.exec(text) ?? []
  if (digits === "") throw usageError(`${option} takes a size such as 512Mi or 8Gi, not "${text}".`)
  return { memory: Number(digits), memoryUnit }
}

/** `berth-2cpu-8gi-1gpu`: a size has one name. */
export function templateNameOf({ cpu, memory, memoryUnit, gpu }: RaySize): string {
  const gpus = gpu === 0 ? "" : `-${gpu}gpu`
  return `berth-${cpu}cpu-${memory}${memoryUnit.toLowerCase()}${gpus}`
}

/**
 * The name of a compute template of that size, which is made where there is none.
 * @throws CliError when one of that name says something else; BerthError
 */
export async function templateFor(session: RaySession, size: RaySize): Promise<string> {
  const { client, namespace } = session
  const name = templateNameOf(size)
  const found = await templateOrNull(session, name)
  if (found !== null) return sameSize(found, size)
  try {
    const computeTemplate = { name, namespace, ...size }
    await client.kuberay.createComputeTemplate({ namespace, computeTemplate })
    return name
  } catch (error) {
    // somebody else made it meanwhile
    const made = isStatus(error, 409) ? await templateOrNull(session, name) : null
    if (made === null) throw error
    return sameSize(made, size)
  }
}

async function templateOrNull({ client, namespace }: RaySession, name: string) {
  try {
    return await client.kuberay.getComputeTemplate({ namespace, name })
  } catch (error) {
    if (isStatus(error, 404)) return null
    throw error
  }
}

/** Whether it is an answer of that status. */
export function isStatus(error: unknown, status: number): error is BerthError {
  return error instanceof BerthError && error.status === status
}

function sameSize(template: ComputeTemplate, size: RaySize): string {
  const { name, cpu, memory, memoryUnit, gpu, gpuAccelerator } = template
  const isSame =
    cpu === size.cpu && memory === size.memory && memoryUnit === size.memoryUnit && gpu === size.gpu
  if (isSame && gpuAccelerator === "") return name
  throw new CliError(
    `The compute template ${name} has another size than its name says.`,
    "Say which one to use: --template NAME (`berth ray templates` lists them).",
  )
}
