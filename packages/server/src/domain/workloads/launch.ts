import type { AttemptLaunch } from "./driver.ts"
import { decodeEntryPoint } from "./entry-point.ts"
import { mainContainerOf } from "./naming.ts"
import { platformEnv } from "./platform-env.ts"
import { probeOf, serviceOf } from "./probes.ts"
import { isApplication } from "./states.ts"
import type { Attempt, Workload, WorkloadSpec } from "./types.ts"

/** What the driver is given to start an attempt of a workload. */
export function launchOf(workload: Workload, attempt: Attempt): AttemptLaunch {
  const { spec, kind } = workload
  const serves = isApplication(kind)
  const probes = { liveness: probeOf(spec.liveness), readiness: probeOf(spec.readiness) }
  return {
    id: attempt.id,
    workloadId: workload.id,
    workspaceId: workload.workspaceId,
    run: attempt.run,
    kind,
    asServerOwner: workload.asServerOwner,
    entryPoint: decodeEntryPoint(spec.entryPoint),
    env: { ...spec.env, ...platformEnv(workload) },
    pods: attempt.pods.map((pod) => ({
      podId: pod.podId,
      index: pod.index,
      nodeName: pod.nodeName,
      gpuIndexes: pod.gpuIndexes,
      size: spec.size,
      containerName: mainContainerOf(kind),
      ports: serves ? portsOf(spec) : [],
      probes: serves ? probes : null,
    })),
  }
}

/** The ports that its pods are said to listen on. */
function portsOf(spec: WorkloadSpec): number[] {
  const service = serviceOf(spec.service)
  const said = [
    service?.protocol === "TCP" ? service.targetPort : 0,
    probeOf(spec.liveness)?.port ?? 0,
    probeOf(spec.readiness)?.port ?? 0,
  ]
  return [...new Set(said.filter((port) => port > 0))]
}
