import type { RaySubmit } from "../ports.ts"
import type { RayEntrypoint } from "../types.ts"
import { readRuntimeEnv } from "./runtime-env.ts"

/** What of an entry point cannot be handed to Ray. */
export interface EntryPointFault {
  readonly part: "runtime_env" | "entrypoint_resources" | "entrypoint_sizes"
  readonly message: string
}
export type EntryPoint =
  | { readonly ok: true; readonly submit: Omit<RaySubmit, "submissionId"> }
  | { readonly ok: false; readonly fault: EntryPointFault }

const mostResources = 100

/** What Ray is sent: the runtime environment and the resources are read. Sizes below 0 count as none, as upstream. */
export function readEntryPoint(from: RayEntrypoint): EntryPoint {
  const { entrypoint, metadata, numCpus, numGpus } = from
  if (!Number.isFinite(numCpus) || !Number.isFinite(numGpus))
    return refused("entrypoint_sizes", "The entry point's CPUs and GPUs must be numbers.")
  const runtimeEnv = readRuntimeEnv(from.runtimeEnv)
  if (!runtimeEnv.ok) return refused("runtime_env", runtimeEnv.fault)
  const resources = from.resources === "" ? null : readResources(from.resources)
  if (resources === undefined)
    return refused(
      "entrypoint_resources",
      `The entry point's resources must be a JSON object of at most ${mostResources} amounts, each 0 or more.`,
    )
  const sizes = { numCpus: Math.max(0, numCpus), numGpus: Math.max(0, numGpus) }
  return { ok: true, submit: { entrypoint, metadata, runtimeEnv: runtimeEnv.value, ...sizes, resources } }
}

function refused(part: EntryPointFault["part"], message: string): EntryPoint {
  return { ok: false, fault: { part, message } }
}

/** A map of texts, as a submission sends it, may have the numbers as texts. */
function readResources(text: string): Readonly<Record<string, number>> | undefined {
  const value = parsed(text)
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined
  const entries = Object.entries(value).map(([name, amount]) => [name, amountOf(amount)] as const)
  if (entries.length > mostResources || entries.some(([, amount]) => amount === undefined)) return undefined
  return Object.fromEntries(entries) as Record<string, number>
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function amountOf(value: unknown): number | undefined {
  const amount = typeof value === "string" && value.trim() !== "" ? Number(value) : value
  return typeof amount === "number" && Number.isFinite(amount) && amount >= 0 ? amount : undefined
}
