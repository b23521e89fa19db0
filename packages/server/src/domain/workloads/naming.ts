import { isApplication } from "./states.ts"
import type { WorkloadKind } from "./types.ts"

/** Letters that make no words and no look-alikes (reference/workloads.md 2.2). */
const suffixAlphabet = "bcdfghjklmnpqrstvwxz2456789"
const suffixLength = 5

/** Longest display name: 63 of a Kubernetes name less the id's suffix and room for a pod's. */
export const displayNameLimit = 45
const normalisedPattern = /^[a-z][-a-z0-9]{0,43}[a-z0-9]$/

/** The display name as the id carries it: trimmed, lower case, `_` as `-`. */
export function normaliseName(displayName: string): string {
  return displayName.trim().toLowerCase().replaceAll("_", "-")
}

/** The family's sentence for a name that cannot be used; null when it can. */
export function nameFault(displayName: string): string | null {
  if ([...displayName].length > displayNameLimit)
    return `the maximum length of the workload name [${displayName}] is ${displayNameLimit}`
  if (!normalisedPattern.test(normaliseName(displayName)))
    return (
      `the name must consist of 1 to ${displayNameLimit} lower case alphanumeric characters or '-', ` +
      "start with an alphabetic character, and end with an alphanumeric character"
    )
  return null
}

/** A fresh id for a display name: `train` → `train-x7kqd`. May clash; the caller tries anew. */
export function workloadIdFor(displayName: string, random: () => number): string {
  let suffix = ""
  for (let i = 0; i < suffixLength; i++)
    suffix += suffixAlphabet[Math.floor(random() * suffixAlphabet.length)]
  return `${normaliseName(displayName)}-${suffix}`
}

/** Pod names of a job: rank 0 is the master (reference/workloads.md 4.1). */
export function podIdFor(workloadId: string, index: number): string {
  return index === 0 ? `${workloadId}-master-0` : `${workloadId}-worker-${index - 1}`
}

/** The main container of a kind's pods (reference/workloads.md 4.1). */
export function mainContainerOf(kind: WorkloadKind): string {
  return isApplication(kind) ? "main" : "pytorch"
}

const podSuffixLength = 5

/**
 * Pod names of an application (reference/workloads.md 4.1): a StatefulSet's keep theirs, a Deployment's are
 * `<id>-<revision>-<random>`, so that no two of them are alike.
 */
export function applicationPodId(
  workload: { readonly id: string; readonly kind: WorkloadKind },
  revision: number,
  ordinal: number,
  random: () => number,
): string {
  if (workload.kind === "StatefulSet") return `${workload.id}-${ordinal}`
  let suffix = ""
  for (let i = 0; i < podSuffixLength; i++)
    suffix += suffixAlphabet[Math.floor(random() * suffixAlphabet.length)]
  return `${workload.id}-${revision}-${suffix}`
}
