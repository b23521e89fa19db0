import {
  decodeGetQuery,
  decodeServiceId,
  decodeStackList,
  encodeStack,
  encodeStackPage,
  noStack,
  refusalOf,
  type StackColumn,
  type StackComponentView,
  type StackView,
} from "@berth/contract/services"
import { defaultWorkspaceId, type WorkspaceService } from "../../domain/workspaces/index.ts"
import { lastingId } from "../plugins/server-ids.ts"
import { refused, valueOf, WordedError } from "./errors.ts"
import { pageOf } from "./memory-lists.ts"
import { parameterOf, searchOf, type ServicesHandler } from "./requests.ts"

type Workspaces = Pick<WorkspaceService, "find">

/** What is asked about stacks. There is one, for clients that cannot be without: nothing runs on it here. */
export function stackHandlers(workspaces: Workspaces) {
  return {
    async listStacks(request) {
      const query = valueOf("listStacks", decodeStackList(searchOf(request)))
      // It is nobody's.
      const stacks = query.scopeUser === null ? [defaultStack(workspaces)] : []
      return encodeStackPage(pageOf("listStacks", stacks, query, columnOf), query.hydrate)
    },
    async getStack(request) {
      const id = decodeServiceId(parameterOf(request, "stack_id"), "stack_id")
      const query = decodeGetQuery(searchOf(request))
      const refusal = refusalOf(id, query)
      if (refusal) throw refused("getStack", refusal)
      const stack = defaultStack(workspaces)
      const wanted = valueOf("getStack", id)
      if (stack.id !== wanted) throw new WordedError("not_found", 404, noStack(wanted))
      return encodeStack(stack, valueOf("getStack", query).hydrate)
    },
  } satisfies Readonly<Record<string, ServicesHandler>>
}

function defaultStack(workspaces: Workspaces): StackView {
  const createdAtMs = workspaces.find(defaultWorkspaceId)?.createdAtMs ?? 0
  const made = (of: string) => ({
    id: lastingId(workspaces, of),
    name: "default",
    createdAtMs,
    updatedAtMs: createdAtMs,
  })
  const component = (type: string): StackComponentView => ({
    ...made(type),
    type,
    flavor: "local",
    integration: "built-in",
  })
  const components = [component("orchestrator"), component("artifact_store")]
  return { ...made("stack"), description: "", components }
}

function columnOf(view: StackView, column: StackColumn): string | null {
  return column === "user" ? null : view[column]
}
