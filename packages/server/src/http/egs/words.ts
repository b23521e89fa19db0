import { formatDuration, type DetailRow } from "@berth/contract/egs"
import type { AppError } from "../../kit/errors.ts"

/** A refusal of what was looked into: what `error.data` and the members around it say (reference/egs.md 1.4). */
export interface Refused {
  readonly status: number
  /** The short reason, of the answer and, unless `errorText`, of `error`. */
  readonly short: string
  readonly errorText?: string
  /** What is wrong: `Errormessage`. */
  readonly said: string
  readonly reason: string
  readonly details: "" | readonly DetailRow[]
}

/** How one operation words its refusals. */
export interface OperationWords {
  /** What was being done: `Error while deleting GPR`. */
  readonly doing: (error: AppError) => string
  /** Where a reader is sent; absent = `NA`. */
  readonly documentation?: string
  /** What 422 puts into `error.message`; absent = as its short reason. */
  readonly invalidText?: string
  /** Short reason of a 404; absent = `Not Found`. */
  readonly missing?: string
  /** Refusals that are worded in another way than the others; undefined = as all. */
  readonly refuse?: (error: AppError) => Refused | undefined
}

const kinds: Readonly<Record<string, string>> = {
  workspace: "sliceconfigs.controller.kubeslice.io",
  cluster: "clusters.controller.kubeslice.io",
  "gpu-request": "gpuprovisioningrequests.gpr.kubeslice.io",
  "gpu-template": "gprtemplates.gpr.kubeslice.io",
  "gpu-template-binding": "gprtemplatebindings.gpr.kubeslice.io",
  key: "apikeys.controller.kubeslice.io",
  user: "users.controller.kubeslice.io",
}

/** `sliceconfigs.controller.kubeslice.io "evening"`; undefined where the error names nothing of the kind. */
function thingOf(error: AppError): string | undefined {
  const kind = kinds[error.resource ?? ""]
  return kind === undefined || error.subject === undefined ? undefined : `${kind} "${error.subject}"`
}

/** A 404 about a thing. */
export function missing(error: AppError, short = "Not Found"): Refused {
  const thing = thingOf(error)
  const said = thing === undefined ? error.message : `${thing} not found`
  return { status: 404, short, said, reason: "NotFound", details: "" }
}

/** A 409 about a thing that is there already. */
export function exists(error: AppError): Refused {
  const thing = thingOf(error)
  const said = thing === undefined ? error.message : `${thing} already exists`
  return { status: 409, short: "Already Exists", said, reason: "AlreadyExists", details: "" }
}

/** A 409 about a state or a version. */
export function conflict(error: AppError): Refused {
  return { status: 409, short: "Conflict", said: error.message, reason: "Conflict", details: "" }
}

/** What domain rules call members, and what this API calls them. */
const memberNames: Readonly<Record<string, string>> = {
  workspaceId: "sliceName",
  clusters: "clusterName",
  gpusPerNode: "numberOfGPUs",
  nodes: "numberOfGPUNodes",
  gpuModel: "gpuShape",
  memoryGibPerGpu: "memoryPerGPU",
  durationMs: "exitDuration",
  idleTimeoutMs: "idleTimeOutDuration",
  defaultTemplate: "defaultTemplateName",
}

/**
 * A 422 with the first fault. Decoders word theirs whole (detail `decoded`); those of domain rules get the member's
 * name in quotes before them.
 */
export function invalid(error: AppError, errorText?: string): Refused {
  const texts = errorText === undefined ? {} : { errorText }
  return { status: 422, short: "Bad Request", said: faultText(error), reason: "", details: "", ...texts }
}

function faultText({ issues: [first], message, detail, resource }: AppError): string {
  if (!first) return message
  const step = first.path.findLast((one) => typeof one === "string")
  if (step === undefined || detail === "decoded") return first.message
  const name = step === "name" && resource === "gpu-request" ? "gprName" : (memberNames[step] ?? step)
  return `"${name}" ${step.endsWith("Ms") ? lengthText(first.message) : first.message}`
}

/** Rules speak of milliseconds, this API of hours: what is too long is told so. */
function lengthText(message: string): string {
  const most = /\bto (\d{1,15})$/.exec(message)?.[1]
  return most === undefined ? message : `must be less than or equal to ${formatDuration(Number(most))}`
}
