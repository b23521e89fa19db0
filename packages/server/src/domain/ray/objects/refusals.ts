import { AppError, type Issue } from "../../../kit/errors.ts"
import type { RayName } from "../commands.ts"

/** What an error of the slice is about, as families word it. */
export type RayResource =
  | "compute-template"
  | "ray-cluster"
  | "ray-job"
  | "ray-service"
  | "ray-submission"
  | "config-map"
  | "secret"
  | "namespace"
  | "pod"

const nouns: Readonly<Record<RayResource, string>> = {
  "compute-template": "Compute template",
  "ray-cluster": "Ray cluster",
  "ray-job": "Ray job",
  "ray-service": "Ray service",
  "ray-submission": "Job submission",
  "config-map": "Config map",
  secret: "Secret",
  namespace: "Namespace",
  pod: "Pod",
}

/**
 * What of a wanted object cannot be built (reference/kuberay-v1.md 4.5), in the order in which it is looked for:
 * `ephemeral_storage_empty`, `ephemeral_storage`, `empty_dir_storage`: of a volume, head first;
 * `autoscaler_cpu`, `autoscaler_memory`: only where autoscaling is on;
 * `submitter_cpu`, `submitter_memory`: of a job (facts `value` as sent, `fault` Kubernetes' sentence);
 * `no_serve_config`: of a service;
 * `memory_quantity`: of a compute template (facts `quantity`, `fault`).
 */
export type BuildFault =
  | "ephemeral_storage_empty"
  | "ephemeral_storage"
  | "empty_dir_storage"
  | "autoscaler_cpu"
  | "autoscaler_memory"
  | "submitter_cpu"
  | "submitter_memory"
  | "no_serve_config"
  | "memory_quantity"

const buildSentences: Readonly<Record<BuildFault, string>> = {
  ephemeral_storage_empty: "storage for ephemeral volume is empty",
  ephemeral_storage: "storage for ephemeral volume is not specified correctly",
  empty_dir_storage: "storage for empty dir volume is not specified correctly",
  autoscaler_cpu: "cpu for autoscaler is not specified correctly",
  autoscaler_memory: "memory for autoscaler is not specified correctly",
  submitter_cpu: "cpu for ray job submitter is not specified correctly",
  submitter_memory: "memory for ray job submitter is not specified correctly",
  no_serve_config: "serve configuration is not defined",
  memory_quantity: "invalid memory quantity",
}

/** `invalid` with the fault as its detail. The message is the cause that the API names, without value and sentence. */
export function cannotBuild(
  resource: RayResource,
  name: string,
  fault: BuildFault,
  facts: Readonly<Record<string, string>> = {},
): AppError {
  return new AppError("invalid", buildSentences[fault], { resource, name, detail: fault, facts })
}

/**
 * Passes where there are no issues.
 * @throws AppError `invalid` with detail `object`: the issues are what Kubernetes would find in the object, with
 *   their places in it: `["spec", "headGroupSpec", …, "env", 2]`, `Duplicate value: {"name":"A"}`
 */
export function refuseObject(resource: RayResource, name: string, issues: readonly Issue[]): void {
  if (issues.length === 0) return
  throw new AppError("invalid", `${nouns[resource]} ${name} is not valid.`, {
    resource,
    name,
    issues,
    detail: "object",
  })
}

/** The same whether there is none or it is not for the caller. */
export function notThere(resource: RayResource, { namespace, name }: RayName): AppError {
  return new AppError("not_found", `${nouns[resource]} ${name} not found in namespace ${namespace}.`, {
    resource,
    name,
    facts: { namespace },
  })
}

/** @param resource what has the name, which may be of another kind than what was wanted */
export function alreadyThere(resource: RayResource, { namespace, name }: RayName): AppError {
  return new AppError("already_exists", `${nouns[resource]} ${name} is already in namespace ${namespace}.`, {
    resource,
    name,
    facts: { namespace },
  })
}

export function noNamespace(namespace: string): AppError {
  return new AppError("not_found", `Namespace ${namespace} not found.`, {
    resource: "namespace",
    name: namespace,
    facts: { namespace },
  })
}

/** `too_many`, detail `objects_full`. @param what in the plural */
export function tooMany(workspaceId: string, what: string, limit: number): AppError {
  return new AppError("too_many", `Workspace ${workspaceId} has ${limit} ${what}, as many as it may.`, {
    resource: "workspace",
    name: workspaceId,
    detail: "objects_full",
    facts: { limit },
  })
}
