import type { Toleration } from "./templates.ts"

/** What a variable of a Ray pod is made of (reference/kuberay-v1.md 2.2, EnvironmentVariables). */
export interface EnvironmentVariables {
  readonly values: Readonly<Record<string, string>>
  readonly valuesFrom: Readonly<Record<string, ValueSource>>
}
export interface ValueSource {
  /** `other`: a number that no version of the API names; it counts as a field. */
  readonly source: "configMap" | "secret" | "resourceField" | "field"
  readonly name: string
  readonly key: string
}

export const volumeTypes = [
  "persistentVolumeClaim",
  "hostPath",
  "ephemeral",
  "configMap",
  "secret",
  "emptyDir",
] as const
/** In the order of their numbers on the wire (reference/kuberay-v1.md 2.2, Volume). */
export type VolumeType = (typeof volumeTypes)[number]

/** As asked for, quantities in Kubernetes' canonical form. */
export interface RayVolume {
  readonly name: string
  readonly mountPath: string
  /** null: a number that the API does not name; it has a mount and no volume. */
  readonly type: VolumeType | null
  /** Path on the host, or name of the claim, config map or secret. */
  readonly source: string
  readonly readOnly: boolean
  readonly hostPathType: "directory" | "file"
  readonly mountPropagation: "none" | "hostToContainer" | "bidirectional"
  readonly storageClassName: string
  readonly accessMode: "RWO" | "ROX" | "RWX"
  /** A quantity, or "". */
  readonly storage: string
  /** Key → path below the mount; empty = all keys under their own names. */
  readonly items: Readonly<Record<string, string>>
}

export interface SecurityContext {
  readonly capabilities: { readonly add: readonly string[]; readonly drop: readonly string[] } | null
  readonly privileged: boolean | null
}

/** What a compute template said when the object was made: a later change of the template does not reach it. */
export interface GroupResources {
  readonly cpu: number
  readonly memory: number
  /** A Kubernetes suffix: `Gi`, `Mi`, …; "" = bytes. */
  readonly memoryUnit: string
  readonly gpu: number
  readonly gpuAccelerator: string
  readonly tolerations: readonly Toleration[]
  readonly extendedResources: Readonly<Record<string, number>>
}

interface PodGroup {
  readonly computeTemplate: string
  readonly resources: GroupResources
  /** As the user wrote it; "" = none. */
  readonly image: string
  readonly rayStartParams: Readonly<Record<string, string>>
  readonly volumes: readonly RayVolume[]
  readonly serviceAccount: string
  readonly imagePullSecret: string
  /** "Always" or "". */
  readonly imagePullPolicy: string
  /** The cluster's variables and the group's own, merged. */
  readonly environment: EnvironmentVariables
  readonly annotations: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly securityContext: SecurityContext | null
}
export interface HeadGroup extends PodGroup {
  /** Free text; "" = the default. */
  readonly serviceType: string
  readonly enableIngress: boolean
}
export interface WorkerGroup extends PodGroup {
  readonly groupName: string
  readonly replicas: number
  /** `replicas` where the request said 0. */
  readonly minReplicas: number
  readonly maxReplicas: number
}

export interface AutoscalerOptions {
  /** Seconds; 0 = not set. */
  readonly idleTimeoutSeconds: number
  readonly upscalingMode: string
  readonly image: string
  /** "Always" or "". */
  readonly imagePullPolicy: string
  /** Quantities; "" where neither was given. */
  readonly cpu: string
  readonly memory: string
  readonly environment: EnvironmentVariables
  readonly volumes: readonly RayVolume[]
}

/** The shape of a Ray cluster, checked and complete: what is stored, returned and started (kuberay-v1.md 5.3). */
export interface RayClusterSpec {
  readonly head: HeadGroup
  readonly workers: readonly WorkerGroup[]
  readonly enableInTreeAutoscaling: boolean
  /** null unless autoscaling is on. */
  readonly autoscaler: AutoscalerOptions | null
  readonly headServiceAnnotations: Readonly<Record<string, string>>
}
