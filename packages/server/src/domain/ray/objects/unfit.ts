import type { RayClusterSpec, WorkerGroup } from "../spec.ts"

/** Longest names: what is made for a job or service is named after it, with more behind. */
const longest = { RayCluster: 53, RayJob: 47, RayService: 47 } as const
const serviceLabel = /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/

/**
 * Why an object that was taken can never run (what KubeRay's operator finds after the API said yes), a sentence;
 * undefined where nothing speaks against it.
 * @param spec null: a job that only selects a cluster
 */
export function unfitReason(
  kind: keyof typeof longest,
  name: string,
  spec: RayClusterSpec | null,
): { readonly reason: string; readonly message: string } | undefined {
  const wrongName = nameFault(kind, name)
  if (wrongName !== undefined)
    return {
      reason: `Invalid${kind}Metadata`,
      message: `${saidOf(kind, "metadata")}${kind} name ${wrongName}`,
    }
  const wrongGroup = groupFault(spec?.workers ?? [])
  if (wrongGroup === undefined) return undefined
  return { reason: `Invalid${kind}Spec`, message: `${saidOf(kind, "spec")}${wrongGroup}` }
}

/** Of a cluster the event alone tells it; of the others also their status, which says what it is about. */
function saidOf(kind: keyof typeof longest, part: "metadata" | "spec"): string {
  return kind === "RayCluster" ? "" : `The ${kind} ${part} is invalid: `
}

function nameFault(kind: keyof typeof longest, name: string): string | undefined {
  if (name.length > longest[kind]) return `should be no more than ${longest[kind]} characters`
  if (serviceLabel.test(name)) return undefined
  return "should be a DNS-1035 label: a to z, 0 to 9 and -, beginning with a letter and not ending with -"
}

function groupFault(workers: readonly WorkerGroup[]): string | undefined {
  const names = workers.map(({ groupName }) => groupName)
  const twice = names.find((name, at) => names.indexOf(name) < at)
  if (twice !== undefined) return `worker group ${twice} is there twice`
  for (const { groupName, minReplicas, maxReplicas } of workers) {
    const group = `worker group ${groupName} has`
    if (minReplicas < 0) return `${group} negative minReplicas ${minReplicas}`
    if (maxReplicas < 0) return `${group} negative maxReplicas ${maxReplicas}`
    if (minReplicas > maxReplicas)
      return `${group} minReplicas ${minReplicas} greater than maxReplicas ${maxReplicas}`
  }
  return undefined
}
