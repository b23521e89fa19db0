import type { Store } from "../journal/index.ts"
import { builtInNamespaces, namespacesOf } from "./namespaces.ts"
import { defaultWorkspaceId, type Workspace, workspaceChanged } from "./types.ts"

/**
 * Every workspace in memory, those being deleted too: who asks at each request asks here. Its first four
 * members are what the directory needs (`createDirectory({ clock, ...index })`).
 */
export interface WorkspaceIndex {
  allWorkspaces(): Iterable<string>
  openWorkspaces(): Iterable<string>
  isWorkspace(id: string): boolean
  isOpenWorkspace(id: string): boolean
  find(id: string): Workspace | undefined
  /** The id of the workspace that a namespace belongs to, one that is being deleted too. */
  namespaceOwner(name: string): string | undefined
  /** Ordered by id. */
  list(): readonly Workspace[]
  /** Replaces everything: at boot, from the rows. */
  load(workspaces: readonly Workspace[]): void
  /** Follows the store's topic from now on; returns how to stop. Subscribe before loading. */
  follow(store: Pick<Store, "subscribe">): () => void
  apply(change: { readonly workspace: Workspace; readonly gone: boolean }): void
}

export function createWorkspaceIndex(): WorkspaceIndex {
  const byId = new Map<string, Workspace>()
  const open = new Set<string>()
  const owners = new Map<string, string>()

  function apply({ workspace, gone }: { readonly workspace: Workspace; readonly gone: boolean }) {
    const { id } = workspace
    for (const name of ownedBy(byId.get(id))) owners.delete(name)
    if (!gone) for (const name of ownedBy(workspace)) owners.set(name, id)
    if (gone) byId.delete(id)
    else byId.set(id, workspace)
    if (!gone && workspace.policy.openToAll) open.add(id)
    else open.delete(id)
  }

  return {
    allWorkspaces: () => byId.keys(),
    openWorkspaces: () => open.keys(),
    isWorkspace: (id) => byId.has(id),
    isOpenWorkspace: (id) => open.has(id),
    find: (id) => byId.get(id),
    namespaceOwner: (name) => owners.get(name),
    list: () => [...byId.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    load(workspaces) {
      byId.clear()
      open.clear()
      owners.clear()
      for (const workspace of workspaces) apply({ workspace, gone: false })
    },
    follow: (store) => store.subscribe(workspaceChanged, apply),
    apply,
  }
}

function ownedBy(workspace: Workspace | undefined): readonly string[] {
  if (!workspace) return []
  const names = namespacesOf(workspace)
  return workspace.id === defaultWorkspaceId ? [...builtInNamespaces, ...names] : names
}
