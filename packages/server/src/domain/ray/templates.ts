/** reference/kuberay-v1.md 2.1. As sent: operator and effect are read with tolerance only where pods are made. */
export interface Toleration {
  readonly key: string
  readonly operator: string
  readonly value: string
  readonly effect: string
}

/** The size of pods, by name (DESIGN 2). Unique by namespace and name, which config maps share. */
export interface ComputeTemplate {
  readonly namespace: string
  readonly name: string
  readonly workspaceId: string
  /** Whole cores, 1 or more. */
  readonly cpu: number
  /** In `memoryUnit`, 1 or more. */
  readonly memory: number
  /** A Kubernetes suffix, `Gi` by default. */
  readonly memoryUnit: string
  readonly gpu: number
  /** A Kubernetes resource name; "" = nvidia.com/gpu. */
  readonly gpuAccelerator: string
  readonly tolerations: readonly Toleration[]
  /** Zeros are kept: they are shown. */
  readonly extendedResources: Readonly<Record<string, number>>
  readonly createdAtMs: number
}

/** Named texts that pods get as files or variables. Values of a secret are sealed with the server's key in the row. */
export interface ConfigEntry {
  readonly kind: "configMap" | "secret"
  readonly namespace: string
  readonly name: string
  readonly workspaceId: string
  /** Of a secret: sealed (kit/vault.ts) under `<namespace>/<name>/<key>`. */
  readonly data: Readonly<Record<string, string>>
  /** A server Owner wrote it last: only then what runs as the server's own account takes it. */
  readonly isServerOwners: boolean
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly version: number
}
