import type { BenchServer } from "./support.ts"

export const say = (name: string, figures: Readonly<Record<string, number | string>>) =>
  console.log(JSON.stringify({ name, ...figures }))

export const aRayTemplate = { name: "small", namespace: "default", cpu: 1, memory: 2 }

/** A head and a worker, as the API's document has them. */
export function rayCluster(name: string, workers = 1): Readonly<Record<string, unknown>> {
  const group = { computeTemplate: aRayTemplate.name, rayStartParams: { "node-ip-address": "$MY_POD_IP" } }
  const worker = {
    ...group,
    groupName: "small-wg",
    replicas: workers,
    minReplicas: workers,
    maxReplicas: workers,
  }
  const clusterSpec = {
    headGroupSpec: { ...group, rayStartParams: { "dashboard-host": "0.0.0.0" } },
    workerGroupSpec: workers > 0 ? [worker] : [],
  }
  return { name, namespace: "default", user: "bench", version: "2.60.0", environment: "DEV", clusterSpec }
}

/** @throws Error when it is refused: what is measured would be something else */
export async function call<T>(server: BenchServer, method: string, path: string, body?: unknown): Promise<T> {
  const answer = await server.request(method, path, body)
  if (answer.status >= 400) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`)
  return answer.body as T
}
