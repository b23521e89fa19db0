import { aClusterOfJob } from "../jobs/test-job.ts"
import type { ServeView } from "../ports.ts"
import type { RayClusterSpec } from "../spec.ts"
import { sampleRayService } from "../ray-samples.ts"
import { aSize } from "../ray-suite.ts"
import type { RayCluster, RayClusterKey, RayService, RayServiceKey } from "../types.ts"

/** The shape of a head and one group. */
export function aSpec(cpu = 1, replicas = 1): RayClusterSpec {
  const group = { computeTemplate: "small", resources: { ...aSize, cpu } }
  return {
    head: group,
    workers: [{ ...group, groupName: "small-wg", replicas, minReplicas: replicas, maxReplicas: 5 }],
  } as unknown as RayClusterSpec
}

/** A service that nobody has looked at, for tests. */
export function aRayService(row: Partial<RayService> = {}): RayService {
  return sampleRayService(1, {
    key: "rsv_1" as RayServiceKey,
    namespace: "team-a",
    name: "fruit",
    workspaceId: "team-a",
    asServerOwner: true,
    serveConfig: "applications: [{name: fruit}]",
    serviceUnhealthySeconds: 0,
    deploymentUnhealthySeconds: 0,
    spec: aSpec(),
    createdAtMs: 0,
    ...row,
  })
}

/** A cluster of such a service, ready since its making. */
export function aClusterOfService(key: string, row: Partial<RayCluster> = {}): RayCluster {
  return {
    ...aClusterOfJob(),
    key: key as RayClusterKey,
    name: `fruit-${key}`,
    spec: aSpec(),
    serves: true,
    parent: { kind: "service", key: "rsv_1", name: "fruit" },
    ...row,
  }
}

/** What Serve says: name → status. */
export function serving(statuses: Readonly<Record<string, string>>): ServeView {
  return {
    applications: Object.entries(statuses).map(([name, status]) => ({
      name,
      status,
      message: "",
      deployments: [],
    })),
  }
}
