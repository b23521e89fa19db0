import type { Issue } from "../../../kit/errors.ts"
import type { EnvironmentVariables, RayVolume } from "../spec.ts"

type Path = readonly (string | number)[]

/** Names that a pod has before anybody names one, in their order (reference/kuberay-v1.md 5.3). */
export const ownVariables = {
  head: ["MY_POD_IP"],
  worker: [
    "RAY_DISABLE_DOCKER_CPU_WARNING",
    "TYPE",
    "CPU_REQUEST",
    "CPU_LIMITS",
    "MEMORY_REQUESTS",
    "MEMORY_LIMITS",
    "MY_POD_NAME",
    "MY_POD_IP",
  ],
} as const

/**
 * What Kubernetes finds in lists whose entries must differ. A variable stands behind the pod's own ones, the
 * cluster's before the group's, values before sources, by name.
 * @param group where the group is in the object
 */
export function duplicateIssues(
  group: Path,
  own: readonly string[],
  environments: readonly EnvironmentVariables[],
  volumes: readonly RayVolume[],
): readonly Issue[] {
  const pod = [...group, "template", "spec"]
  const names = environments.flatMap(({ values, valuesFrom }) => [...namesIn(values), ...namesIn(valuesFrom)])
  return [
    ...repeated([...own, ...names], "name", [...pod, "containers", 0, "env"]),
    ...mountIssues([...pod, "containers", 0], volumes),
    ...repeated(
      volumes.filter(({ type }) => type !== null).map(({ name }) => name),
      "name",
      [...pod, "volumes"],
    ),
  ]
}

/** As `duplicateIssues`, of mounts alone: two at one path. */
export function mountIssues(container: Path, volumes: readonly RayVolume[]): readonly Issue[] {
  const paths = volumes.map(({ mountPath }) => mountPath)
  return repeated(paths, "mountPath", [...container, "volumeMounts"])
}

function namesIn(variables: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(variables).toSorted()
}

function repeated(values: readonly string[], key: string, path: Path): readonly Issue[] {
  const seen = new Set<string>()
  return values.flatMap((value, at) => {
    if (!seen.has(value)) {
      seen.add(value)
      return []
    }
    return [{ path: [...path, at], message: `Duplicate value: ${JSON.stringify({ [key]: value })}` }]
  })
}
