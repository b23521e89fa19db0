import type { WorkloadDetail } from "../../packages/server/src/domain/workloads/index.ts"
import type { Submission } from "./plane.ts"

export type ApplicationKind = "Deployment" | "StatefulSet"
export const applicationKinds: readonly ApplicationKind[] = ["Deployment", "StatefulSet"]

/** An application whose pods run until they are stopped; without GPUs unless `rest` asks for some. */
export function serving(kind: ApplicationKind, replica: number, rest: Submission = {}): Submission {
  return {
    displayName: "serve",
    kind,
    entryPoint: "sleep infinity",
    ...rest,
    resource: { gpu: "", replica, ...rest.resource },
  }
}

/** How many of its pods connections may be sent to. */
export function ready(view: WorkloadDetail): number {
  return view.replicas.filter((one) => one.readySinceMs !== null).length
}

/** Whether it runs with so many replicas, all of them ready. */
export function whole(replicas: number): (view: WorkloadDetail) => boolean {
  return (view) =>
    view.workload.phase === "Running" && view.replicas.length === replicas && ready(view) === replicas
}
