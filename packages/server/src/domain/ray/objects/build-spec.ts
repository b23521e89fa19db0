import type { Issue } from "../../../kit/errors.ts"
import { canonicalQuantity } from "../../inventory/index.ts"
import type { AskedAutoscaler, AskedClusterSpec } from "../commands.ts"
import type {
  AutoscalerOptions,
  EnvironmentVariables,
  GroupResources,
  HeadGroup,
  RayClusterSpec,
  RayVolume,
  WorkerGroup,
} from "../spec.ts"
import { duplicateIssues, mountIssues, ownVariables } from "./duplicates.ts"
import { type BuildFault, cannotBuild, type RayResource } from "./refusals.ts"

/** What a shape is made from, beside what was asked for. */
export interface SpecSources {
  /** What is being made, for refusals. */
  readonly resource: Extract<RayResource, "ray-cluster" | "ray-job" | "ray-service">
  readonly name: string
  /** The template of that name, which was looked up before. */
  readonly resourcesOf: (template: string) => GroupResources
  /** For head and all workers. */
  readonly envs: EnvironmentVariables
}

export interface BuiltSpec {
  readonly spec: RayClusterSpec
  /** What Kubernetes would find in it (`refuseObject`). */
  readonly issues: readonly Issue[]
}

/** Most workers of a cluster, all groups together. */
const mostWorkers = 10_000
/** Far above any that people write: each is a set of its own in the claim that all of them share. */
const mostGroups = 200
const upscalingModes: readonly string[] = ["", "Default", "Aggressive", "Conservative"]
const autoscalerDefaults = { cpu: "500m", memory: "512Mi" }

/** Where a cluster's shape is in an object of each kind. */
const specPaths = {
  "ray-cluster": ["spec"],
  "ray-job": ["spec", "rayClusterSpec"],
  "ray-service": ["spec", "rayClusterConfig"],
} as const

/** No variables at all. */
export const noVariables: EnvironmentVariables = { values: {}, valuesFrom: {} }

/**
 * The complete shape of a cluster: templates copied in, the cluster's variables merged into each group's, the least
 * number of workers filled in, quantities in canonical form (reference/kuberay-v1.md 5.3).
 * @throws AppError `invalid` with a `BuildFault`
 */
export function buildSpec(asked: AskedClusterSpec, sources: SpecSources): BuiltSpec {
  const head: HeadGroup = buildGroup(asked.head, sources)
  const workers = asked.workers.map((group): WorkerGroup => {
    const minReplicas = group.minReplicas === 0 ? group.replicas : group.minReplicas
    return { ...buildGroup(group, sources), minReplicas }
  })
  const { enableInTreeAutoscaling, headServiceAnnotations } = asked
  const autoscaler =
    enableInTreeAutoscaling && asked.autoscaler ? buildAutoscaler(asked.autoscaler, sources) : null
  const spec = { head, workers, enableInTreeAutoscaling, autoscaler, headServiceAnnotations }
  return { spec, issues: specIssues(asked, spec, sources) }
}

type AskedGroup = AskedClusterSpec["head"] | AskedClusterSpec["workers"][number]

function buildGroup<T extends AskedGroup>(group: T, sources: SpecSources) {
  return {
    ...group,
    resources: sources.resourcesOf(group.computeTemplate),
    volumes: group.volumes.map((volume) => ({ ...volume, storage: storageOf(volume, sources) })),
    imagePullPolicy: pullPolicyOf(group.imagePullPolicy),
    environment: merged(sources.envs, group.environment),
  }
}

function storageOf({ type, storage }: RayVolume, sources: SpecSources): string {
  if (type === "ephemeral") {
    if (storage === "") throw cannotBuild(sources.resource, sources.name, "ephemeral_storage_empty")
    return canonical(storage, "ephemeral_storage", sources)
  }
  return type === "emptyDir" && storage !== "" ? canonical(storage, "empty_dir_storage", sources) : ""
}

function pullPolicyOf(policy: string): string {
  return policy.toLowerCase() === "always" ? "Always" : ""
}

function merged(cluster: EnvironmentVariables, group: EnvironmentVariables): EnvironmentVariables {
  return {
    values: { ...cluster.values, ...group.values },
    valuesFrom: { ...cluster.valuesFrom, ...group.valuesFrom },
  }
}

/** Its volumes are mounts only: what is behind them is not looked at. */
function buildAutoscaler(asked: AskedAutoscaler, sources: SpecSources): AutoscalerOptions {
  const hasSize = asked.cpu !== "" || asked.memory !== ""
  const size = (text: string, usual: string, fault: BuildFault) =>
    hasSize ? canonical(text === "" ? usual : text, fault, sources) : ""
  return {
    ...asked,
    idleTimeoutSeconds: Math.max(0, asked.idleTimeoutSeconds),
    imagePullPolicy: pullPolicyOf(asked.imagePullPolicy),
    cpu: size(asked.cpu, autoscalerDefaults.cpu, "autoscaler_cpu"),
    memory: size(asked.memory, autoscalerDefaults.memory, "autoscaler_memory"),
  }
}

function canonical(text: string, fault: BuildFault, { resource, name }: SpecSources): string {
  const read = canonicalQuantity(text)
  if (!read.ok) throw cannotBuild(resource, name, fault, { value: text, fault: read.message })
  return read.text
}

function specIssues(asked: AskedClusterSpec, built: RayClusterSpec, sources: SpecSources): readonly Issue[] {
  const at = specPaths[sources.resource]
  const head = [...at, "headGroupSpec"]
  const autoscalerAt = [...at, "autoscalerOptions"]
  return [
    ...duplicateIssues(head, ownVariables.head, [sources.envs, asked.head.environment], built.head.volumes),
    ...asked.workers.flatMap(({ environment, volumes }, index) =>
      duplicateIssues(
        [...at, "workerGroupSpecs", index],
        ownVariables.worker,
        [sources.envs, environment],
        volumes,
      ),
    ),
    ...mountIssues(autoscalerAt, built.autoscaler?.volumes ?? []),
    ...workerCountIssues([...at, "workerGroupSpecs"], built.workers),
    ...upscalingIssues([...autoscalerAt, "upscalingMode"], built.autoscaler),
  ]
}

function workerCountIssues(path: Issue["path"], workers: readonly WorkerGroup[]): readonly Issue[] {
  if (workers.length > mostGroups)
    return [{ path, message: `Too many: ${workers.length}: must have at most ${mostGroups} items` }]
  const wanted = workers.reduce(
    (sum, { replicas, minReplicas }) => sum + Math.max(0, replicas, minReplicas),
    0,
  )
  if (wanted <= mostWorkers) return []
  return [{ path, message: `Invalid value: ${wanted}: there can be at most ${mostWorkers} workers in all` }]
}

function upscalingIssues(path: Issue["path"], autoscaler: AutoscalerOptions | null): readonly Issue[] {
  const mode = autoscaler?.upscalingMode ?? ""
  if (upscalingModes.includes(mode)) return []
  const supported = upscalingModes.slice(1).map((name) => JSON.stringify(name))
  return [
    {
      path,
      message: `Unsupported value: ${JSON.stringify(mode)}: supported values: ${supported.join(", ")}`,
    },
    {
      path: ["<nil>"],
      message:
        "Invalid value: null: some validation rules were not checked because the object was invalid; correct the " +
        "existing errors to complete validation",
    },
  ]
}
