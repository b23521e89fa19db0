import { createRoutes, listenAddresses } from "../../packages/server/src/domain/workloads/index.ts"
import type { FakeNetwork } from "../../packages/server/src/drivers/fake/fake-network.ts"
import type { OpenStore } from "../../packages/server/src/store/index.ts"

/** What does not fit between the rows and what is listened on and routed: sentences; none when all does. */
export async function faultsOfServices(store: OpenStore, network: FakeNetwork): Promise<readonly string[]> {
  const from = store.committed
  const faults: string[] = []
  const routes = createRoutes()
  const endpoints = await store.endpoints.all(from)
  const live = await store.workloads.live(from)
  const served = live.filter(({ spec, schedule }) => spec.service !== null && schedule === null)
  for (const workload of live) routes.workloadChanged(workload)
  for (const endpoint of endpoints) routes.endpointChanged(endpoint, false)
  for (const replica of await store.replicas.all(from)) routes.replicaChanged(replica, false)
  for (const attempt of await store.workloads.liveAttempts(from)) routes.attemptChanged(attempt)

  const keys = new Set(endpoints.map(({ workloadKey }) => workloadKey))
  for (const { key, id } of served) if (!keys.delete(key)) faults.push(`${id} has a service and no addresses`)
  for (const key of keys) faults.push(`${key} has addresses and is over, or has no service`)
  for (const { endpoint, backends } of routes.all()) {
    const now = network.services.get(endpoint.workloadKey)
    const isForwarded = listenAddresses(endpoint, false).length > 0
    if (isForwarded !== (now !== undefined)) faults.push(`${endpoint.workloadId} is not open as it should be`)
    if (now && JSON.stringify(now.backends) !== JSON.stringify(backends))
      faults.push(`${endpoint.workloadId} leads to ${JSON.stringify(now.backends)}`)
  }
  for (const key of network.services.keys())
    if (!routes.all().some(({ endpoint }) => endpoint.workloadKey === key))
      faults.push(`${key} is still open`)
  return faults
}
