import { bodyMembers, readNames } from "./members.ts"
import type { DecodeIssue, Decoded } from "./result.ts"
import { decoded } from "./result.ts"

/** How many ids one batch may name. */
export const maxBatchIds = 1000

/** Reads the body of a batch: at least one id, at most {@link maxBatchIds}, as sent (duplicates kept). */
export function decodeBatch(body: unknown): Decoded<readonly string[]> {
  const issues: DecodeIssue[] = []
  const ids = readNames(bodyMembers(body, "BatchWorkloadsRequest", issues), "workloadIds") ?? []
  const path = ["workloadIds"]
  if (issues.length === 0 && ids.length === 0) issues.push({ path, message: "the workloadIds is empty" })
  if (ids.length > maxBatchIds)
    issues.push({ path, message: `the workloadIds has ${ids.length} ids, the maximum is ${maxBatchIds}` })
  return decoded(ids, issues)
}
