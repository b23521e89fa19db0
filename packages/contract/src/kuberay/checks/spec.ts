import type { ClusterSpec, HeadGroupSpec, WorkerGroupSpec } from "../gen.ts"
import { faultTexts, workerFaultTexts } from "./texts.ts"

/** The first fault of what a cluster, a job or a service says of its Ray nodes. */
export function specFault(spec: ClusterSpec | undefined): string | undefined {
  if (!spec) return faultTexts.noSpec
  if (!spec.headGroupSpec) return faultTexts.noHead
  const head = headFault(spec.headGroupSpec)
  if (head !== undefined) return head
  for (const [index, group] of spec.workerGroupSpec.entries()) {
    const worker = workerFault(group, index)
    if (worker !== undefined) return worker
  }
  return undefined
}

function headFault(head: HeadGroupSpec): string | undefined {
  if (head.computeTemplate === "") return faultTexts.noHeadTemplate
  if (Object.keys(head.rayStartParams).length === 0) return faultTexts.noHeadParams
  return isPolicy(head.imagePullPolicy) ? undefined : faultTexts.headImagePolicy
}

function workerFault(group: WorkerGroupSpec, index: number): string | undefined {
  if (group.groupName === "") return workerFaultTexts.noGroupName(index)
  if (group.computeTemplate === "") return workerFaultTexts.noTemplate(index)
  if (group.maxReplicas === 0) return workerFaultTexts.noMaxReplicas(index)
  if (group.minReplicas > group.maxReplicas) return workerFaultTexts.minAboveMax(index)
  return isPolicy(group.imagePullPolicy) ? undefined : faultTexts.workerImagePolicy
}

function isPolicy(policy: string): boolean {
  return ["", "Always", "IfNotPresent"].includes(policy)
}
