import { AppError, type Issue } from "../../kit/errors.ts"
import { controlPattern, isLabel } from "./labels.ts"
import { isReservedNamespace } from "./namespaces.ts"
import { defaultWorkspaceId, scopes, type WorkspacePolicy } from "./types.ts"

const longestDescription = 1_024
const longestGraceSeconds = 600

/** What a workspace has where nothing is said. */
export const defaultPolicy: WorkspacePolicy = {
  queuePolicy: "fifo",
  enablePreempt: false,
  stopGraceSeconds: 30,
  openToAll: false,
  scopes: [],
  publishServices: false,
  mostGpuRequests: 1,
  autoGpuRequest: false,
  joinGpuRequests: true,
}

/** The built-in workspace takes what is free, as many requests as there are nodes (DESIGN 4). */
export const builtInPolicy = {
  openToAll: true,
  mostGpuRequests: null,
  autoGpuRequest: true,
  joinGpuRequests: false,
} as const satisfies Partial<WorkspacePolicy>
const mostGpuRequests = 1_000

/** @throws AppError `invalid` (resource `workspace`) with the issues, when there are any */
export function refuseIssues(issues: readonly Issue[]): void {
  if (issues.length === 0) return
  throw new AppError("invalid", "The workspace is not valid.", { resource: "workspace", issues })
}

export function idIssues(id: string): readonly Issue[] {
  const path = ["id"]
  if (!isLabel(id))
    return [
      { path, message: "must be 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit" },
    ]
  // It would own the namespace of its name. The built-in workspace is there already, which the row says.
  const isReserved = id !== defaultWorkspaceId && isReservedNamespace(id)
  return isReserved ? [{ path, message: `"${id}" is a reserved name` }] : []
}

export function descriptionIssues(description: string | undefined): readonly Issue[] {
  if (description === undefined) return []
  if (description.length <= longestDescription && !controlPattern.test(description)) return []
  return [
    {
      path: ["description"],
      message: `must be at most ${longestDescription} characters without control characters`,
    },
  ]
}

/** @param known the configured clusters; undefined or null `wanted` is none of these checks' business */
export function clusterIssues(
  wanted: readonly string[] | null | undefined,
  known: readonly string[],
): readonly Issue[] {
  if (wanted === null || wanted === undefined) return []
  if (wanted.length === 0) return [{ path: ["clusters"], message: "must name at least one cluster" }]
  return wanted.flatMap((id, at) => {
    const path = ["clusters", at]
    if (!known.includes(id))
      return [{ path, message: `"${id}" is not a cluster; there are: ${known.join(", ")}` }]
    return wanted.indexOf(id) < at ? [{ path, message: `"${id}" is named twice` }] : []
  })
}

export function policyIssues(policy: Partial<WorkspacePolicy> | undefined): readonly Issue[] {
  if (policy === undefined) return []
  const issues: Issue[] = []
  const check = (name: keyof WorkspacePolicy, isGood: boolean, message: string) => {
    if (policy[name] !== undefined && !isGood) issues.push({ path: ["policy", name], message })
  }
  const { queuePolicy, stopGraceSeconds = 0 } = policy
  check("queuePolicy", queuePolicy === "fifo" || queuePolicy === "balance", "must be fifo or balance")
  check("enablePreempt", typeof policy.enablePreempt === "boolean", "must be true or false")
  check("openToAll", typeof policy.openToAll === "boolean", "must be true or false")
  const isGrace =
    Number.isInteger(stopGraceSeconds) && stopGraceSeconds >= 0 && stopGraceSeconds <= longestGraceSeconds
  check("stopGraceSeconds", isGrace, `must be a whole number from 0 to ${longestGraceSeconds}`)
  check("publishServices", typeof policy.publishServices === "boolean", "must be true or false")
  const { mostGpuRequests: most = null } = policy
  const isCount = most === null || (Number.isInteger(most) && most >= 1 && most <= mostGpuRequests)
  check(
    "mostGpuRequests",
    isCount,
    `must be a whole number from 1 to ${mostGpuRequests}, or null for any number`,
  )
  check("autoGpuRequest", typeof policy.autoGpuRequest === "boolean", "must be true or false")
  check("joinGpuRequests", typeof policy.joinGpuRequests === "boolean", "must be true or false")
  check("scopes", areScopes(policy.scopes), `must be different ones of ${scopes.join(", ")}`)
  return issues
}

function areScopes(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    new Set(value).size === value.length &&
    value.every((scope) => scopes.some((known) => known === scope))
  )
}

/** The policy after a change; members that are undefined or not of a policy change nothing. */
export function mergePolicy(before: WorkspacePolicy, change: Partial<WorkspacePolicy>): WorkspacePolicy {
  return {
    queuePolicy: change.queuePolicy ?? before.queuePolicy,
    enablePreempt: change.enablePreempt ?? before.enablePreempt,
    stopGraceSeconds: change.stopGraceSeconds ?? before.stopGraceSeconds,
    openToAll: change.openToAll ?? before.openToAll,
    scopes: change.scopes ?? before.scopes,
    publishServices: change.publishServices ?? before.publishServices,
    mostGpuRequests: change.mostGpuRequests === undefined ? before.mostGpuRequests : change.mostGpuRequests,
    autoGpuRequest: change.autoGpuRequest ?? before.autoGpuRequest,
    joinGpuRequests: change.joinGpuRequests ?? before.joinGpuRequests,
  }
}
