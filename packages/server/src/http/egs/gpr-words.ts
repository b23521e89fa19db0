import type { AppError } from "../../kit/errors.ts"
import type { OperationWords, Refused } from "./words.ts"
import { missing } from "./words.ts"

/** What refusals about GPU requests call their states: as they are stored upstream (reference/egs.md 1.4). */
const storedStates: Readonly<Record<string, string>> = {
  queued: "Queued",
  provisioned: "Successful",
  complete: "Complete",
  early_released: "EarlyReleased",
  timed_out: "TimedOut",
  error: "Error",
}

/** A change that the state does not allow: upstream answers 500. */
function refusedByState(error: AppError): Refused | undefined {
  if (error.code !== "conflict" || error.detail === undefined) return undefined
  // Nobody sees one that was taken out of the queue.
  if (error.detail === "cancelled") return missing(error)
  const state = storedStates[error.detail]
  if (state === undefined) return undefined
  const { what } = error.facts
  const refused = { status: 500, reason: "", details: "" } as const
  if (what === "delete")
    return {
      ...refused,
      short: "Cannot delete",
      errorText: "UNKNOWN",
      said: `Cannot delete GPR in ${state} state`,
    }
  if (what === "early_release")
    return {
      ...refused,
      short: "Unable to Early Release",
      said: `Cannot update early release of GPR in ${state} state`,
    }
  return { ...refused, short: "Unable to Update", said: `Cannot update GPR in ${state} state` }
}

/** The workspace's queue is full: this much was looked into. */
function refusedByQueue(error: AppError): Refused | undefined {
  if (error.code !== "too_many" || error.detail !== "queue_full") return undefined
  return { status: 429, short: "Too Many Requests", said: error.message, reason: "", details: "" }
}

const missingWorkspace = "Slice Workspace Not Found"
const waitTime: OperationWords = {
  doing: () => "Error while fetching GPR wait time",
  invalidText: "",
  refuse: refusedByQueue,
}
const say = (text: string): OperationWords => ({ doing: () => text })

/** By method and path: the operations about GPU requests, their templates and bindings. */
export const gprWords: Readonly<Record<string, OperationWords>> = {
  "POST /api/v1/gpr": waitTime,
  "POST /api/v1/gpr/waittime": waitTime,
  "PUT /api/v1/gpr": { doing: () => "Error while updating a GPR", refuse: refusedByState },
  "DELETE /api/v1/gpr": { doing: () => "Error while deleting GPR", refuse: refusedByState },
  "GET /api/v1/gpr": say("Error while fetching GPRs"),
  "GET /api/v1/gpr/list": {
    doing: ({ resource, subject }) =>
      resource === "workspace" && subject !== undefined
        ? `Error in listing GPR's for slice ${subject}`
        : "Error in listing GPR's",
    missing: missingWorkspace,
  },
  "POST /api/v1/gpr-template": say("Error while creating GPR template"),
  "PUT /api/v1/gpr-template": say("Error while updating GPR template"),
  "DELETE /api/v1/gpr-template": say("Error while deleting GPR template"),
  "GET /api/v1/gpr-template": say("Error while fetching GPR template"),
  "GET /api/v1/gpr-template/list": say("Error in listing GPR templates"),
  "POST /api/v1/gpr-template-binding": say("Error while creating GPR template binding"),
  "PUT /api/v1/gpr-template-binding": say("Error while updating GPR template binding"),
  "DELETE /api/v1/gpr-template-binding": say("Error while deleting GPR template binding"),
  "GET /api/v1/gpr-template-binding": say("Error while fetching GPR template binding"),
  "GET /api/v1/gpr-template-binding/list": say("Error in listing GPR template bindings"),
}
