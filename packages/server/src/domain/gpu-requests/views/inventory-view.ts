import { authorize, type Principal } from "../../identity/index.ts"
import { isManaged, type Node } from "../../inventory/index.ts"
import type { GpuNodeView, GpuRequestService } from "../commands.ts"
import { requireWorkspace } from "../create-request.ts"
import type { GpuRequestsOptions } from "../options.ts"
import type { GpuRequest, GpuRequestId, NodeHold } from "../types.ts"

/** GPU nodes with who has them. */
export function createInventoryViews(
  options: GpuRequestsOptions,
): Pick<GpuRequestService, "inventory" | "inventoryOf"> {
  const { board, nodes } = options
  const withGpus = () => nodes().filter((node) => node.gpus.length > 0)

  return {
    async inventory(principal) {
      authorize(principal, "node.list", { workspaceId: null })
      const all = withGpus()
      const holders = await holdersOf(options, all)
      const views = all.map((node) => nodeView(options, principal, node, holders))
      return [...views.filter((view) => view.managed), ...views.filter((view) => !view.managed)]
    },

    async inventoryOf(principal, workspaceId) {
      authorize(principal, "gpu-request.list", { workspaceId })
      requireWorkspace(options, workspaceId)
      const held = withGpus().filter((node) => {
        const hold = board.hold(node.id)
        return hold?.workspaceId === workspaceId && hold.state === "held"
      })
      const holders = await holdersOf(options, held)
      return held.map((node) => nodeView(options, principal, node, holders))
    },
  }
}

function nodeView(
  { board, gpusInUse }: GpuRequestsOptions,
  principal: Principal,
  node: Node,
  holders: ReadonlyMap<GpuRequestId, GpuRequest>,
): GpuNodeView {
  const hold = board.hold(node.id) ?? null
  const isVisible = hold !== null && principal.roleIn(hold.workspaceId) !== null
  return {
    node: shownNode(principal, node),
    managed: isManaged(node) && node.workspaceId === null,
    hold: hold && (isVisible ? hold : anonymous(hold)),
    holder: isVisible ? (holders.get(hold.requestId) ?? null) : null,
    gpusInUse: gpusInUse(node.id),
  }
}

/** Live ones from memory; those that have ended and whose nodes still drain are few. */
async function holdersOf(
  { board, rows, store }: GpuRequestsOptions,
  nodes: readonly Node[],
): Promise<ReadonlyMap<GpuRequestId, GpuRequest>> {
  const ids = new Set(nodes.flatMap((node) => board.hold(node.id)?.requestId ?? []))
  const found = await Promise.all(
    [...ids].map(async (id) => board.request(id) ?? (await rows.byId(store.committed, id))),
  )
  return new Map(found.flatMap((request) => (request ? [[request.id, request]] : [])))
}

/** That it is held shows to everybody, by whom does not. */
function anonymous(hold: NodeHold): NodeHold {
  return { ...hold, requestId: "" as GpuRequestId, workspaceId: "" }
}

/** A workspace that does not exist for the reader is not named to it. */
function shownNode(principal: Principal, node: Node): Node {
  const isHidden = node.workspaceId !== null && principal.roleIn(node.workspaceId) === null
  return isHidden ? { ...node, workspaceId: null } : node
}
