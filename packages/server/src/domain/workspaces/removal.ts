import { AppError } from "../../kit/errors.ts"
import { authorize, record } from "../identity/index.ts"
import { systemActor, type Tx } from "../journal/index.ts"
import type { WorkspaceService } from "./commands.ts"
import type { WorkspacesOptions } from "./options.ts"
import { requireWorkspace, writeWorkspace } from "./tell.ts"
import { defaultWorkspaceId, type Workspace } from "./types.ts"

export interface Removal extends Pick<WorkspaceService, "remove"> {
  /**
   * Ends the deletion of a workspace once nothing of it lives: its memberships, keys and nodes' assignments
   * go with it. To be called when its last claim or workload is gone, and at boot for each that is
   * `deleting`; too early or too often does no harm.
   * @returns whether it is gone now by this call
   */
  finishDeletion(id: string): Promise<boolean>
}

const actor = systemActor("workspaces")

/** Deletion in two steps: `deleting` takes no new work and lets the old end; then the row goes. */
export function createRemoval(options: WorkspacesOptions): Removal {
  const { store, rows, clock } = options

  async function isOver(tx: Tx, id: string): Promise<boolean> {
    const workspace = await rows.byId(tx, id)
    return workspace?.state === "deleting" && (await options.liveWork(tx, id)) === 0
  }

  async function finishDeletion(id: string): Promise<boolean> {
    // in steps, so that writers never wait long; nothing new comes in meanwhile
    for (;;) {
      const step = await finishStep(id)
      if (step !== "more") return step === "gone"
    }
  }

  async function finishStep(id: string): Promise<"gone" | "kept" | "more"> {
    const nowMs = clock.nowMs()
    return store.tx(async (tx) => {
      if (!(await isOver(tx, id))) return "kept"
      if ((await options.clearStep(tx, id)) > 0) return "more"
      await revokeKeys(options, tx, id, nowMs)
      await unassignNodes(options, tx, id, nowMs)
      // With its memberships, which the store deletes along.
      await rows.delete(tx, id)
      // In no workspace: nobody has a role in this one any more, and the next of its name is another.
      await record(tx, {
        operation: "workspace.delete",
        event: "workspace.deleted",
        subject: { kind: "workspace", id },
        workspace: null,
        actor,
        atMs: nowMs,
        data: { id },
      })
      return "gone"
    })
  }

  return {
    async remove(principal, id, { force }) {
      authorize(principal, "workspace.delete", { workspaceId: id })
      if (id === defaultWorkspaceId)
        throw refusal(id, `Workspace ${id} is built in and cannot be deleted.`, "built_in")
      const nowMs = clock.nowMs()
      await store.tx(async (tx) => {
        const before = await requireWorkspace(rows, tx, id)
        if (before.state === "deleting") return
        const live = await options.liveWork(tx, id)
        if (live > 0 && !force) throw stillWorking(before, live)
        const change = { operation: "workspace.delete", event: "workspace.deleting" } as const
        await writeWorkspace(
          rows,
          tx,
          { ...before, state: "deleting" },
          { ...change, actor: principal.actor, atMs: nowMs, data: { force, liveWork: live } },
        )
      })
      await finishDeletion(id)
    },
    finishDeletion,
  }
}

function refusal(id: string, message: string, detail: string): AppError {
  return new AppError("conflict", message, { resource: "workspace", name: id, detail })
}

function stillWorking({ id }: Workspace, live: number): AppError {
  const things = live === 1 ? "1 thing is" : `${live} things are`
  return new AppError("conflict", `Workspace ${id} has work: ${things} not over. Stop it, or use force.`, {
    resource: "workspace",
    name: id,
    detail: "live_work",
    facts: { live },
  })
}

/** Else a later workspace of the same name would be open to the keys of this one. */
async function revokeKeys({ identityRows }: WorkspacesOptions, tx: Tx, id: string, nowMs: number) {
  for (const key of await identityRows.keys(tx)) {
    if (key.workspaceId !== id || key.revokedAtMs !== null) continue
    await identityRows.revokeKey(tx, key.id, nowMs)
    await record(tx, {
      operation: "key.revoke",
      event: "key.revoked",
      subject: { kind: "key", id: key.id },
      workspace: null,
      actor,
      atMs: nowMs,
      data: { name: key.name, prefix: key.prefix, userId: key.userId, workspaceDeleted: id },
    })
  }
}

async function unassignNodes({ inventoryRows }: WorkspacesOptions, tx: Tx, id: string, nowMs: number) {
  for (const node of await inventoryRows.nodes(tx)) {
    if (node.workspaceId !== id) continue
    await inventoryRows.updateNode(tx, { ...node, workspaceId: null })
    await record(tx, {
      operation: "workspace.nodes",
      event: "node.unassigned",
      subject: { kind: "node", id: node.id },
      workspace: null,
      actor,
      atMs: nowMs,
      data: { name: node.name, clusterId: node.clusterId, workspaceDeleted: id },
    })
  }
}
