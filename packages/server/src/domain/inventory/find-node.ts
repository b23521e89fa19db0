import { AppError } from "../../kit/errors.ts"
import type { Principal } from "../identity/index.ts"
import type { NodeIndex } from "./node-index.ts"
import type { Node } from "./types.ts"

/** How callers name a node; clusterId null = whichever cluster has it. */
export interface NodePlace {
  readonly clusterId: string | null
  readonly name: string
}

/** @throws AppError `not_found`, or `invalid` when the name alone does not tell which node is meant */
export function findNode(index: Pick<NodeIndex, "named">, { clusterId, name }: NodePlace): Node {
  const found = index.named(name).filter((node) => clusterId === null || node.clusterId === clusterId)
  const [node] = found
  if (!node) throw nodeNotFound(name)
  if (found.length === 1) return node
  const clusters = found.map((other) => other.clusterId).join(", ")
  const message = `is in several clusters (${clusters}); name one of them`
  throw new AppError("invalid", `Node ${name} ${message}.`, {
    resource: "node",
    name,
    issues: [{ path: ["cluster"], message: `"${name}" ${message}` }],
  })
}

export function nodeNotFound(name: string): AppError {
  return new AppError("not_found", `Node ${name} not found.`, { resource: "node", name })
}

/** A workspace that does not exist for the reader is not named to it. */
export function shownTo(principal: Principal, node: Node): Node {
  const isHidden = node.workspaceId !== null && principal.roleIn(node.workspaceId) === null
  return isHidden ? { ...node, workspaceId: null } : node
}
