import {
  HeadGroupSpecSchema,
  type AutoscalerOptions,
  type ClusterSpec,
  type EnvironmentVariables as WireVariables,
  type HeadGroupSpec,
  type SecurityContext as WireSecurityContext,
  type Volume,
  type WorkerGroupSpec,
} from "@berth/contract/kuberay"
import { create } from "@bufbuild/protobuf"
import {
  volumeTypes,
  type AskedAutoscaler,
  type AskedClusterSpec,
  type EnvironmentVariables,
  type RayVolume,
  type SecurityContext,
  type ValueSource,
} from "../../domain/ray/index.ts"

/** A cluster's shape as it was asked for; what is missing was refused before. */
export function specFrom(wire: ClusterSpec): AskedClusterSpec {
  const { headGroupSpec, workerGroupSpec, enableInTreeAutoscaling, autoscalerOptions } = wire
  return {
    head: headFrom(headGroupSpec ?? create(HeadGroupSpecSchema)),
    workers: workerGroupSpec.map(workerFrom),
    enableInTreeAutoscaling,
    autoscaler: autoscalerOptions && enableInTreeAutoscaling ? autoscalerFrom(autoscalerOptions) : null,
    headServiceAnnotations: wire.headServiceAnnotations,
  }
}

/** Variables for head and workers of a cluster; none where none were sent. */
export function variablesFrom(wire: WireVariables | undefined): EnvironmentVariables {
  const sources = Object.entries(wire?.valuesFrom ?? {}).map(
    ([name, { source, name: from, key }]): [string, ValueSource] => [
      name,
      { source: sourceNames[source] ?? "field", name: from, key },
    ],
  )
  return { values: { ...wire?.values }, valuesFrom: Object.fromEntries(sources) }
}

const sourceNames: readonly ValueSource["source"][] = ["configMap", "secret", "resourceField", "field"]
const propagations: readonly RayVolume["mountPropagation"][] = ["none", "hostToContainer", "bidirectional"]
const accessModes: readonly RayVolume["accessMode"][] = ["RWO", "ROX", "RWX"]

function headFrom(wire: HeadGroupSpec): AskedClusterSpec["head"] {
  return { ...groupFrom(wire), serviceType: wire.serviceType, enableIngress: wire.enableIngress }
}

function workerFrom(wire: WorkerGroupSpec): AskedClusterSpec["workers"][number] {
  const { groupName, replicas, minReplicas, maxReplicas } = wire
  return {
    ...groupFrom(wire),
    groupName,
    replicas,
    minReplicas: minReplicas === 0 ? replicas : minReplicas,
    maxReplicas,
  }
}

function groupFrom(wire: HeadGroupSpec | WorkerGroupSpec) {
  return {
    computeTemplate: wire.computeTemplate,
    image: wire.image,
    rayStartParams: wire.rayStartParams,
    volumes: wire.volumes.map(volumeFrom),
    serviceAccount: longEnough(wire.serviceAccount),
    imagePullSecret: longEnough(wire.imagePullSecret),
    imagePullPolicy: policyFrom(wire.imagePullPolicy),
    environment: variablesFrom(wire.environment),
    annotations: wire.annotations,
    labels: wire.labels,
    securityContext: securityFrom(wire.securityContext),
  }
}

/** Upstream takes names of one character for none. */
function longEnough(name: string): string {
  return name.length <= 1 ? "" : name
}

function policyFrom(text: string): string {
  return text.toLowerCase() === "always" ? "Always" : ""
}

function securityFrom(wire: WireSecurityContext | undefined): SecurityContext | null {
  if (!wire) return null
  const { add, drop } = wire.capabilities ?? { add: [], drop: [] }
  return { capabilities: { add, drop }, privileged: wire.privileged ?? null }
}

function volumeFrom(wire: Volume): RayVolume {
  return {
    name: wire.name,
    mountPath: wire.mountPath,
    type: volumeTypes[wire.volumeType] ?? null,
    source: wire.source,
    readOnly: wire.readOnly,
    hostPathType: wire.hostPathType === 1 ? "file" : "directory",
    mountPropagation: propagations[wire.mountPropagationMode] ?? "none",
    storageClassName: wire.storageClassName,
    accessMode: accessModes[wire.accessMode] ?? "RWO",
    storage: wire.storage,
    items: { ...wire.items },
  }
}

function autoscalerFrom(wire: AutoscalerOptions): AskedAutoscaler {
  return {
    idleTimeoutSeconds: Math.max(0, wire.idleTimeoutSeconds),
    upscalingMode: wire.upscalingMode,
    image: wire.image,
    imagePullPolicy: policyFrom(wire.imagePullPolicy),
    cpu: wire.cpu,
    memory: wire.memory,
    environment: variablesFrom(wire.envs),
    volumes: wire.volumes.map(volumeFrom),
  }
}
