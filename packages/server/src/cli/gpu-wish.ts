import type { CreateGpuRequest, EstimateGpuRequest, GpuTemplate } from "@berth/contract/berth"
import { usageError } from "./cli-error.ts"
import type { CommonOptions, Session } from "./connect.ts"
import { chooseWorkspace, readCount } from "./connect.ts"
import { readDuration } from "./work-request.ts"

/** What is said of the GPUs that somebody asks for, or asks about. */
export interface GpuWishOptions extends CommonOptions {
  readonly gpus?: string
  readonly nodes?: string
  readonly model?: string
  readonly for?: string
  readonly workspace?: string
  readonly cluster?: readonly string[]
  readonly instanceType?: string
  readonly memory?: string
  readonly priority?: string
  readonly idle?: string
  readonly requeue?: boolean
  readonly name?: string
  readonly template?: string
}

/** Numbers as they are typed: what is more is for the server to refuse, with its limits. */
const wide = { min: 1, max: 10_000 } as const

/** The request for what was said, on top of what the template says. @throws CliError for what cannot be meant */
export async function wishFor(session: Session, options: GpuWishOptions): Promise<EstimateGpuRequest> {
  const said = readWish(options)
  const { template: name } = options
  const base = name === undefined ? {} : wishOf(await session.client.berth.gpuTemplate(name))
  const { gpusPerNode, durationSeconds, ...rest } = { ...base, ...said }
  if (gpusPerNode === undefined)
    throw usageError("Say how many GPUs each node is to have: --gpus N.", example)
  if (durationSeconds === undefined) throw usageError("Say for how long: --for 4h.", example)
  return { workspaceId: chooseWorkspace(session, options.workspace), ...rest, gpusPerNode, durationSeconds }
}

const example = "For example: berth gpus get --gpus 8 --nodes 2 --model H100 --for 4h"

type Wish = Partial<Omit<EstimateGpuRequest, "workspaceId" | "name">>

/** @throws CliError */
function readWish(options: GpuWishOptions): Wish {
  const { gpus, nodes, model, instanceType, memory, priority, cluster, idle, requeue } = options
  return {
    ...(gpus === undefined ? {} : { gpusPerNode: readCount("--gpus", gpus, wide) }),
    ...(nodes === undefined ? {} : { nodes: readCount("--nodes", nodes, wide) }),
    ...(options.for === undefined ? {} : { durationSeconds: readLength("--for", options.for) }),
    ...(model === undefined ? {} : { gpuModel: model }),
    ...(instanceType === undefined ? {} : { instanceType }),
    ...(memory === undefined ? {} : { memoryGibPerGpu: readGib(memory) }),
    ...(priority === undefined ? {} : { priority: readGpuPriority(priority) }),
    ...(cluster === undefined ? {} : { clusters: [...cluster] }),
    ...(idle === undefined ? {} : { idleTimeoutSeconds: readLength("--idle", idle) }),
    ...(requeue ? { requeueOnFailure: true } : {}),
  }
}

function wishOf(template: GpuTemplate): Wish {
  const { name: _, workspaceId: _owner, createdAt: _at, clusterId, ...wish } = template
  return { ...wish, clusters: [clusterId] }
}

/** The same with a name: what was said, else one made from the shape, as `2x8xH100`. */
export function named(wish: EstimateGpuRequest, name: string | undefined): CreateGpuRequest {
  const made = [wish.nodes ?? 1, wish.gpusPerNode, wish.gpuModel ?? "GPU"].join("x")
  return { ...wish, name: name ?? made }
}

/** Seconds, at least one. @throws CliError */
export function readLength(option: string, text: string): number {
  const seconds = readDuration(option, text)
  if (seconds < 1) throw usageError(`${option} takes at least a second.`)
  return seconds
}

const bands = { low: 1, medium: 101, high: 201 } as const

/** `low`, `medium`, `high`, or a number from 0 to 300. @throws CliError */
export function readGpuPriority(text: string): number {
  if (text === "low" || text === "medium" || text === "high") return bands[text]
  if (/^\d{1,3}$/.test(text) && Number(text) <= 300) return Number(text)
  throw usageError(`--priority takes low, medium, high or a number from 0 to 300, not "${text}".`)
}

/**
 * Whole GiB from `80`, `80G`, `80GB` (10^9 bytes, as sellers count: an "80 GB" GPU shows 79 GiB) or `80Gi`, `80GiB`;
 * rounded down, for it is the least that is asked for. @throws CliError
 */
export function readGib(text: string): number {
  const [, digits, unit = ""] = /^(\d{1,6})(G|GB|Gi|GiB)?$/i.exec(text) ?? []
  const amount = Number(digits ?? 0)
  if (amount < 1) throw usageError(`--memory takes whole gigabytes per GPU, such as 80GB, not "${text}".`)
  return /i/i.test(unit) ? amount : Math.max(1, Math.floor((amount * 1e9) / 2 ** 30))
}
