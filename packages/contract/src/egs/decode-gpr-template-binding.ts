import type { DecodeIssue, Decoded } from "../common/index.ts"
import { decoded } from "../common/index.ts"
import { fault, membersOf, optionalFlag, optionalObjects, optionalTexts, requiredText } from "./members.ts"

/** Which templates a workspace uses on which cluster (reference/egs.md 2.9). */
export interface DecodedGprTemplateBinding {
  readonly workspaceName: string
  /** Never empty. */
  readonly clusters: readonly {
    readonly clusterName: string
    readonly defaultTemplateName: string
    /** The default one is among them. */
    readonly templates: readonly string[]
  }[]
  readonly enableAutoGPR: boolean
}

/** Reads the body of POST and PUT /gpr-template-binding. */
export function decodeGprTemplateBinding(body: unknown): Decoded<DecodedGprTemplateBinding> {
  const issues: DecodeIssue[] = []
  const members = membersOf(body, issues)
  const workspaceName = requiredText(members, "workspaceName", "name", "gprTemplateBindingName")
  const clusters = optionalObjects(members, "clusters", (row) => {
    const clusterName = requiredText(row, "clusterName")
    const defaultTemplateName = requiredText(row, "defaultTemplateName")
    const templates = optionalTexts(row, "templates") ?? []
    return { clusterName, defaultTemplateName, templates: [...new Set([defaultTemplateName, ...templates])] }
  })
  if (clusters === undefined && issues.length === 0) fault(members, "clusters", "is required")
  if (clusters?.length === 0) fault(members, "clusters", "must contain at least 1 items")
  const enableAutoGPR = optionalFlag(members, "enableAutoGPR") ?? false
  return decoded({ workspaceName, clusters: clusters ?? [], enableAutoGPR }, issues)
}
