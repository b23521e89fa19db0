import { AppError, type Issue } from "../../kit/errors.ts"
import type { GpuRequest } from "./types.ts"

/** What was wanted of a request that its state does not allow. */
export type RefusedStep = "update" | "early_release" | "delete" | "extend"

/** @throws AppError `invalid` (resource as given) with the issues, when there are any */
export function refuseIssues(
  resource: "gpu-request" | "gpu-template" | "gpu-template-binding" | "prices",
  issues: readonly Issue[],
): void {
  if (issues.length > 0)
    throw new AppError("invalid", `The ${nouns[resource]} not valid.`, { resource, issues })
}

const nouns = {
  "gpu-request": "GPU request is",
  "gpu-template": "template of GPU requests is",
  "gpu-template-binding": "binding of templates is",
  prices: "prices are",
} as const

/** @param id as the caller gave it: the same whether there is none or it is not for the caller */
export function gpuRequestNotFound(id: string): AppError {
  return new AppError("not_found", `GPU request ${id} not found.`, { resource: "gpu-request", name: id })
}

/** `conflict`; detail: the state; facts: the state and what was wanted. */
export function wrongState({ shownId, state }: GpuRequest, what: RefusedStep): AppError {
  return new AppError(
    "conflict",
    `GPU request ${shownId} is ${state.replace("_", " ")}: ${allowedIn[what]}.`,
    {
      resource: "gpu-request",
      name: shownId,
      detail: state,
      facts: { state, what },
    },
  )
}

const allowedIn: Readonly<Record<RefusedStep, string>> = {
  update: "its name and priority can be changed only while it is queued",
  early_release: "only a provisioned one can be given back",
  delete: "only a queued one can be cancelled",
  extend: "only a provisioned one can be extended",
}

export function clusterNotFound(id: string, known: readonly string[]): AppError {
  return new AppError("not_found", `Cluster ${id} not found; there are: ${known.join(", ")}.`, {
    resource: "cluster",
    name: id,
  })
}
