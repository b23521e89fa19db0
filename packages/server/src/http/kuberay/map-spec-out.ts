import type {
  AutoscalerOptionsSchema,
  ClusterSpecSchema,
  EnvironmentVariablesSchema,
  HeadGroupSpecSchema,
  SecurityContextSchema,
  Volume_VolumeType,
  VolumeSchema,
  WorkerGroupSpecSchema,
} from "@berth/contract/kuberay"
import type { MessageInitShape } from "@bufbuild/protobuf"
import {
  volumeTypes,
  type AutoscalerOptions,
  type EnvironmentVariables,
  type HeadGroup,
  type RayClusterSpec,
  type RayVolume,
  type SecurityContext,
  type WorkerGroup,
} from "../../domain/ray/index.ts"

type WireVariables = MessageInitShape<typeof EnvironmentVariablesSchema>

/** How values of variables are shown to the one who asks. */
export type ShowValue = (value: string) => string

/** A cluster's shape, as reading it gives it (reference/kuberay-v1.md 5.4). */
export function wireSpecOf(
  spec: RayClusterSpec,
  show: ShowValue,
): MessageInitShape<typeof ClusterSpecSchema> {
  const { head, workers, enableInTreeAutoscaling, autoscaler, headServiceAnnotations } = spec
  return {
    headGroupSpec: wireHead(head, show),
    workerGroupSpec: workers.map((group) => wireWorker(group, show)),
    enableInTreeAutoscaling,
    ...(autoscaler && { autoscalerOptions: wireAutoscaler(autoscaler, show) }),
    headServiceAnnotations: { ...headServiceAnnotations },
  }
}

/** Variables of this name are the cluster's own, whoever set them. */
const ownOfAll = [
  "MY_POD_IP",
  "RAY_CLUSTER_NAME",
  "RAY_PORT",
  "RAY_ADDRESS",
  "RAY_USAGE_STATS_KUBERAY_IN_USE",
]
const ownOfHead = new Set(ownOfAll)
const ownOfWorkers = new Set([
  ...ownOfAll,
  "RAY_DISABLE_DOCKER_CPU_WARNING",
  "TYPE",
  "CPU_REQUEST",
  "CPU_LIMITS",
  "MEMORY_REQUESTS",
  "MEMORY_LIMITS",
  "MY_POD_NAME",
  "FQ_RAY_IP",
  "RAY_IP",
  "REDIS_PASSWORD",
])
const hiddenAnnotations = new Set([
  "ray.io/compute-image",
  "ray.io/compute-template",
  "ray.io/health-state",
  "ray.io/ft-enabled",
])
const hiddenLabels = new Set([
  "app.kubernetes.io/created-by",
  "app.kubernetes.io/name",
  "ray.io/cluster",
  "ray.io/cluster-dashboard",
  "ray.io/group",
  "ray.io/identifier",
  "ray.io/is-ray-node",
  "ray.io/node-type",
])
const sourceNumbers = { configMap: 0, secret: 1, resourceField: 2, field: 3 } as const
const propagationNumbers = { none: 0, hostToContainer: 1, bidirectional: 2 } as const
const accessNumbers = { RWO: 0, ROX: 1, RWX: 2 } as const

function wireHead(group: HeadGroup, show: ShowValue): MessageInitShape<typeof HeadGroupSpecSchema> {
  return {
    ...wireGroup(group),
    environment: wireVariables(group.environment, ownOfHead, show),
    serviceType: group.serviceType,
    enableIngress: group.enableIngress,
  }
}

function wireWorker(group: WorkerGroup, show: ShowValue): MessageInitShape<typeof WorkerGroupSpecSchema> {
  const { groupName, replicas, minReplicas, maxReplicas } = group
  return {
    ...wireGroup(group),
    environment: wireVariables(group.environment, ownOfWorkers, show),
    groupName,
    replicas,
    minReplicas,
    maxReplicas,
  }
}

function wireGroup(group: HeadGroup | WorkerGroup) {
  return {
    computeTemplate: group.computeTemplate,
    image: group.image,
    rayStartParams: { ...group.rayStartParams },
    // One of a type that the API does not name has no volume: its mount alone is not shown.
    volumes: group.volumes.filter(({ type }) => type !== null).map(wireVolume),
    serviceAccount: group.serviceAccount,
    imagePullSecret: group.imagePullSecret,
    annotations: without(group.annotations, hiddenAnnotations),
    labels: without(group.labels, hiddenLabels),
    imagePullPolicy: group.imagePullPolicy,
    ...(group.securityContext && { securityContext: wireSecurity(group.securityContext) }),
  }
}

function wireSecurity(context: SecurityContext): MessageInitShape<typeof SecurityContextSchema> {
  const { capabilities, privileged } = context
  return {
    capabilities: { add: [...(capabilities?.add ?? [])], drop: [...(capabilities?.drop ?? [])] },
    ...(privileged !== null && { privileged }),
  }
}

function wireVariables(
  { values, valuesFrom }: EnvironmentVariables,
  hidden: ReadonlySet<string>,
  show: ShowValue,
): WireVariables {
  const shown = Object.entries(without(values, hidden)).map(([name, value]) => [name, show(value)])
  const sources = Object.entries(without(valuesFrom, hidden)).map(([name, { source, name: from, key }]) => [
    name,
    { source: sourceNumbers[source], name: from, key },
  ])
  return {
    values: Object.fromEntries(shown) as Record<string, string>,
    valuesFrom: Object.fromEntries(sources) as NonNullable<WireVariables["valuesFrom"]>,
  }
}

function without<T>(members: Readonly<Record<string, T>>, hidden: ReadonlySet<string>): Record<string, T> {
  return Object.fromEntries(Object.entries(members).filter(([name]) => !hidden.has(name)))
}

/** Only what reading gives back of each type. */
function wireVolume(volume: RayVolume): MessageInitShape<typeof VolumeSchema> {
  const { type, source, storage, items } = volume
  const same = {
    name: volume.name,
    mountPath: volume.mountPath,
    volumeType: volumeTypes.findIndex((word) => word === type) as Volume_VolumeType,
  }
  const mountPropagationMode = propagationNumbers[volume.mountPropagation]
  switch (type) {
    case "persistentVolumeClaim":
      return { ...same, source, readOnly: volume.readOnly, mountPropagationMode }
    case "hostPath":
      return { ...same, source, hostPathType: volume.hostPathType === "file" ? 1 : 0, mountPropagationMode }
    case "ephemeral": {
      const { storageClassName, accessMode } = volume
      return {
        ...same,
        storage,
        storageClassName,
        accessMode: accessNumbers[accessMode],
        mountPropagationMode,
      }
    }
    case "configMap":
    case "secret":
      return { ...same, source, items: { ...items } }
    case "emptyDir":
      return { ...same, storage }
    case null:
      return same
  }
}

function wireAutoscaler(
  options: AutoscalerOptions,
  show: ShowValue,
): MessageInitShape<typeof AutoscalerOptionsSchema> {
  const { idleTimeoutSeconds, upscalingMode, image, imagePullPolicy, cpu, memory } = options
  return {
    idleTimeoutSeconds,
    upscalingMode,
    image,
    imagePullPolicy,
    cpu,
    memory,
    ...(hasVariables(options.environment) && { envs: wireAutoscalerVariables(options.environment, show) }),
    volumes: options.volumes.map(({ name, mountPath, readOnly, mountPropagation }) => ({
      name,
      mountPath,
      readOnly,
      mountPropagationMode: propagationNumbers[mountPropagation],
    })),
  }
}

function hasVariables({ values, valuesFrom }: EnvironmentVariables): boolean {
  return Object.keys(values).length > 0 || Object.keys(valuesFrom).length > 0
}

/** Whole config maps and secrets, numbered: that is all that is left of what was sent. */
function wireAutoscalerVariables(environment: EnvironmentVariables, show: ShowValue): WireVariables {
  const { values, valuesFrom } = environment
  const whole = Object.keys(valuesFrom)
    .toSorted()
    .flatMap((name) => valuesFrom[name] ?? [])
    .filter(({ source }) => source === "configMap" || source === "secret")
    .map(({ source, name }, index) => [String(index), { source: sourceNumbers[source], name }])
  return {
    values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, show(value)])),
    valuesFrom: Object.fromEntries(whole) as NonNullable<WireVariables["valuesFrom"]>,
  }
}
