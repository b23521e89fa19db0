import { AppError, type Issue } from "../../kit/errors.ts"
import type { Tx } from "../journal/index.ts"
import { controlPattern, isLabel } from "./labels.ts"
import type { Workspace, WorkspaceStore } from "./types.ts"

/** Most namespaces that a workspace may ask for, beside the one of its own name. */
export const mostNamespaces = 64
const longestContact = 256

/** Belong to the built-in workspace (DESIGN 2); no other can claim them. */
export const builtInNamespaces: readonly string[] = ["default", "ray-system"]

/** Whether nobody may claim it: the built-in workspace's, and Kubernetes' own. */
export function isReservedNamespace(name: string): boolean {
  return builtInNamespaces.includes(name) || name.startsWith("kube-")
}

/** Every namespace of a workspace: the one of its name, then those that were asked for. */
export function namespacesOf({ id, namespaces }: Pick<Workspace, "id" | "namespaces">): readonly string[] {
  return [...new Set([id, ...namespaces])]
}

/** @param workspaceId whose namespaces they are to be; it may list the one of its own name */
export function namespaceIssues(
  wanted: readonly string[] | undefined,
  workspaceId: string,
): readonly Issue[] {
  if (wanted === undefined) return []
  if (wanted.length > mostNamespaces)
    return [{ path: ["namespaces"], message: `must be at most ${mostNamespaces}` }]
  return wanted.flatMap((name, at) => {
    const path = ["namespaces", at]
    if (!isLabel(name))
      return [
        { path, message: "must be 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit" },
      ]
    if (name !== workspaceId && isReservedNamespace(name))
      return [{ path, message: `"${name}" is a reserved namespace` }]
    return wanted.indexOf(name) < at ? [{ path, message: `"${name}" is named twice` }] : []
  })
}

export function contactIssues(contact: Partial<Workspace["contact"]> = {}): readonly Issue[] {
  const members = ["name", "email"] as const
  return members
    .filter((member) => isUnfit(contact[member] ?? ""))
    .map((member) => ({
      path: ["contact", member],
      message: `must be at most ${longestContact} characters without control characters`,
    }))
}

function isUnfit(text: string): boolean {
  return text.length > longestContact || controlPattern.test(text)
}

/**
 * Passes when no other workspace has a namespace of this one, its name included. Reads every row in the
 * transaction: two that claim the same in the same instant do not both pass. One that is being deleted still
 * has its own.
 * @throws AppError `conflict` (resource `workspace`, name the one that wants it, detail `namespace_taken`,
 *   facts `{ namespace, holder }`)
 */
export async function refuseTakenNamespaces(rows: WorkspaceStore, tx: Tx, wanted: Workspace): Promise<void> {
  const names = new Set(namespacesOf(wanted))
  for (const other of await rows.workspaces(tx)) {
    if (other.id === wanted.id) continue
    const namespace = namespacesOf(other).find((name) => names.has(name))
    if (namespace !== undefined) throw taken(wanted.id, namespace, other.id)
  }
}

/** Names the holder: only a server Owner claims namespaces, and sees every workspace. */
function taken(id: string, namespace: string, holder: string): AppError {
  return new AppError("conflict", `Namespace ${namespace} belongs to workspace ${holder}.`, {
    resource: "workspace",
    name: id,
    detail: "namespace_taken",
    facts: { namespace, holder },
  })
}
