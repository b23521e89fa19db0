import { AppError } from "../../kit/errors.ts"
import { isLabel, isReservedNamespace, mostNamespaces } from "../../domain/workspaces/index.ts"

/** What a workspace is to be, as far as it is checked here. */
export interface SliceWish {
  readonly name: string
  readonly clusters: readonly string[]
  readonly namespaces: readonly string[]
}

/** The workspace that a wish is to change: what stays as it is is not checked again. */
type Before = Pick<SliceWish, "clusters" | "namespaces">

/** Detail of the `invalid` whose facts are a row of `Details`: `{ reason, message, field }`. */
export const sliceFaultDetail = "slice_invalid"
/** Clusters that a workspace made through this API may use: what its list shows as `maxClusters`. */
export const mostClusters = 16

const labelRule = "must be 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit"
const clustersField = "Spec.Clusters"
const applications = "Spec.NamespaceIsolationProfile.ApplicationNamespaces"

/** Why a field is refused, by the words Kubernetes has for it. */
type Cause = "Required" | "Invalid" | "Duplicate" | "TooMany"

interface Fault {
  readonly field: string
  readonly cause: Cause
  readonly message: string
}

/**
 * Checks a wish as the documented server's admission does: first fault first (reference/egs.md 3).
 * @param known the configured clusters
 * @param before undefined for a new workspace
 * @throws AppError `invalid` detail `slice_invalid`
 */
export function refuseSliceFaults(wish: SliceWish, known: readonly string[], before?: Before): void {
  const ofName = before ? undefined : nameFault(wish.name)
  const ofClusters = wish.clusters === before?.clusters ? undefined : clusterFault(wish, known)
  const ofNamespaces = wish.namespaces === before?.namespaces ? undefined : namespaceFault(wish)
  const fault = ofName ?? ofClusters ?? ofNamespaces
  if (fault) throw sliceFault(wish.name, fault)
}

/** A namespace, or the name itself, is another workspace's. */
export function namespaceTaken(error: AppError): AppError {
  const { namespace, holder } = error.facts
  const name = error.subject ?? ""
  const isName = namespace === name
  const field = isName ? "metadata.name" : `${applications}.Namespace`
  const message = `Invalid value: "${String(namespace)}": namespace is already acquired by slice "${String(holder)}"`
  return sliceFault(name, { field, cause: "Invalid", message })
}

function sliceFault(name: string, { field, cause, message }: Fault): AppError {
  return new AppError("invalid", `${field}: ${message}`, {
    resource: "workspace",
    name,
    detail: sliceFaultDetail,
    facts: { field, reason: `FieldValue${cause}`, message },
  })
}

function nameFault(name: string): Fault | undefined {
  if (!isLabel(name)) return invalid("metadata.name", name, labelRule)
  // it would own the namespace of its name; `default` is there already, which is said in another way
  const isReserved = name !== "default" && isReservedNamespace(name)
  return isReserved ? invalid("metadata.name", name, "is a reserved name") : undefined
}

function clusterFault({ clusters, namespaces }: SliceWish, known: readonly string[]): Fault | undefined {
  if (clusters.length === 0) {
    const field = namespaces.length > 0 ? `${applications}.Clusters` : clustersField
    return { field, cause: "Required", message: "Required value: clusters" }
  }
  const twice = firstTwice(clusters)
  if (twice !== undefined) return duplicate(clustersField, twice)
  if (clusters.length > mostClusters) return tooMany(clustersField, clusters.length, mostClusters)
  const unknown = clusters.find((cluster) => !known.includes(cluster))
  return unknown === undefined ? undefined : invalid(clustersField, unknown, "cluster is not registered")
}

function namespaceFault({ name, namespaces }: SliceWish): Fault | undefined {
  const field = `${applications}.Namespace`
  if (namespaces.length > mostNamespaces) return tooMany(field, namespaces.length, mostNamespaces)
  for (const namespace of namespaces) {
    if (!isLabel(namespace)) return invalid(field, namespace, labelRule)
    if (namespace !== name && isReservedNamespace(namespace))
      return invalid(field, namespace, "is a reserved namespace")
  }
  const twice = firstTwice(namespaces)
  return twice === undefined ? undefined : duplicate(field, twice)
}

function firstTwice(names: readonly string[]): string | undefined {
  return names.find((name, at) => names.indexOf(name) < at)
}

function invalid(field: string, value: string, rule: string): Fault {
  return { field, cause: "Invalid", message: `Invalid value: ${JSON.stringify(value)}: ${rule}` }
}

function duplicate(field: string, value: string): Fault {
  return { field, cause: "Duplicate", message: `Duplicate value: ${JSON.stringify(value)}` }
}

function tooMany(field: string, count: number, most: number): Fault {
  return { field, cause: "TooMany", message: `Too many: ${count}: must have at most ${most} items` }
}
