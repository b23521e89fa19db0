import { usageError } from "./cli-error.ts"
import { readCount } from "./connect.ts"
import type { RayOptions, RaySession } from "./ray-place.ts"
import type { RaySize } from "./ray-templates.ts"
import { readRaySize, templateFor } from "./ray-templates.ts"

/** What is said of the Ray nodes that something is to have. */
export interface RayShapeOptions extends RayOptions {
  readonly version?: string
  readonly cpu?: string
  readonly memory?: string
  readonly gpus?: string
  readonly workers?: string
  readonly workerCpu?: string
  readonly workerMemory?: string
  readonly workerGpus?: string
  readonly template?: string
  readonly workerTemplate?: string
  readonly image?: string
}

/** The Ray that is used where none is named. */
export const usualRayVersion = "2.60.0"

/** A size, or the name of a compute template. */
type NodeWish = { readonly size: RaySize } | { readonly template: string }

/** What was said, read and checked. */
export interface RayShape {
  readonly version: string
  readonly head: NodeWish
  readonly workers: NodeWish
  readonly replicas: number
  readonly image: string
}

/** Calls nothing. @throws CliError for what cannot be meant */
export function readShape(options: RayShapeOptions): RayShape {
  const { version, cpu, memory, gpus, template, image = "" } = options
  const replicas = readCount("--workers", options.workers ?? "0", { min: 0, max: 10_000 })
  checkWorkerFlags(replicas, options)
  if (template !== undefined && isAnySaid(cpu, memory, gpus))
    throw usageError("--template says the size: leave out --cpu, --memory and --gpus.")
  const head = template === undefined ? { size: readRaySize({ cpu, memory, gpus }) } : { template }
  return { version: readVersion(version, image), head, workers: readWorkers(options, head), replicas, image }
}

/** The usual one where neither it nor an image says one; "" where the image does. */
function readVersion(version: string | undefined, image: string): string {
  if (version === undefined) return /:v?\d+\.\d+\.\d+/.test(image) ? "" : usualRayVersion
  if (/^\d{1,3}\.\d{1,3}\.\d{1,3}[A-Za-z0-9.]*$/.test(version)) return version
  throw usageError(`--version takes a version of Ray such as ${usualRayVersion}, not "${version}".`)
}

function readWorkers(options: RayShapeOptions, head: NodeWish): NodeWish {
  const { workerCpu: cpu, workerMemory: memory, workerGpus: gpus, workerTemplate: template } = options
  const saysSize = isAnySaid(cpu, memory, gpus)
  if (saysSize && template !== undefined)
    throw usageError("--worker-template says the size: leave out --worker-cpu and the like.")
  if (template !== undefined) return { template }
  return saysSize ? { size: readRaySize({ cpu, memory, gpus }, "worker-") } : head
}

function checkWorkerFlags(replicas: number, options: RayShapeOptions): void {
  const { workerCpu, workerMemory, workerGpus, workerTemplate } = options
  if (replicas === 0 && isAnySaid(workerCpu, workerMemory, workerGpus, workerTemplate))
    throw usageError("There are no workers: say how many with --workers N.")
}

const isAnySaid = (...said: readonly (string | undefined)[]) => said.some((one) => one !== undefined)

/** Whether anything is said of the shape or the version. */
export function saysShape(options: RayShapeOptions): boolean {
  const { version, cpu, memory, gpus, workers, template, image } = options
  return isAnySaid(version, cpu, memory, gpus, workers, template, image)
}

/** The API wants at least one; this one changes nothing. */
const rayStartParams = { "disable-usage-stats": "true" }

/** A cluster's shape as the API takes it; compute templates that it needs are made. @throws CliError; BerthError */
export async function specFor(session: RaySession, { head, workers, replicas, image }: RayShape) {
  const templateOf = (wish: NodeWish) =>
    "size" in wish ? templateFor(session, wish.size) : Promise.resolve(wish.template)
  const headGroupSpec = { computeTemplate: await templateOf(head), rayStartParams, image }
  if (replicas === 0) return { headGroupSpec, workerGroupSpec: [] }
  const computeTemplate = await templateOf(workers)
  const counts = { replicas, minReplicas: replicas, maxReplicas: replicas }
  return { headGroupSpec, workerGroupSpec: [{ groupName: "workers", computeTemplate, image, ...counts }] }
}
