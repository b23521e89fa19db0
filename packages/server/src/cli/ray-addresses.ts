import type { RayClusterDetail } from "@berth/contract/berth"
import type { RaySession } from "./ray-place.ts"
import { whereFlag } from "./ray-place.ts"

type Fact = readonly [name: string, value: string]

/** Where a ready cluster is reached, and what to do with it next. */
export function clusterFacts(session: RaySession, cluster: RayClusterDetail): readonly Fact[] {
  const { client, namespace } = session
  const { name } = cluster
  const where = whereFlag(session)
  return [
    ["dashboard", `${client.berth.rayDashboardUrl(namespace, name)}/`],
    ...portFacts(cluster),
    ["run", `berth ray submit --cluster ${name}${where} --follow -- python -c 'import ray; ray.init()'`],
    ["look", `berth ray status ${name}${where}`],
    ["Ray's tools", `berth ray dashboard ${name}${where}`],
    ["end", `berth ray rm ${name}${where}`],
  ]
}

function portFacts({ endpoints }: RayClusterDetail): readonly Fact[] {
  const ports = Object.entries(endpoints).map(([name, port]) => `${name} ${port}`)
  return ports.length === 0 ? [] : [["ports", ports.join(", ")]]
}

/** `http://127.0.0.1:8265` of a port of the head, where this is the server's machine; null elsewhere. */
export function directUrl({ place }: RaySession, port: string | undefined): string | null {
  return place.isLoopback && port !== undefined && port !== "" ? `http://127.0.0.1:${port}` : null
}
