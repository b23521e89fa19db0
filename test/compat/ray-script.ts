import type { Answer, BerthServer, CallOptions } from "./berth-server.ts"

/* Ray objects by the published API, for tests of what else is said of them. */

/** @throws Error unless it was done */
async function done(answer: Promise<Answer>): Promise<Answer["json"]> {
  const { status, text, json } = await answer
  if (status >= 300) throw new Error(`${status} ${text}`)
  return json
}

/** A compute template `small` of one CPU; once for each namespace. */
export async function makeTemplate(server: BerthServer, namespace = "default", cpu = 1): Promise<void> {
  const json = { name: "small", namespace, cpu, memory: 2 }
  const answer = await server.call("POST", `/apis/v1/namespaces/${namespace}/compute_templates`, { json })
  if (answer.status !== 409) await done(Promise.resolve(answer))
}

const spec = (workers: number) => ({
  headGroupSpec: { computeTemplate: "small", rayStartParams: { "num-cpus": "1" } },
  ...(workers === 0
    ? {}
    : {
        workerGroupSpec: [
          {
            groupName: "workers",
            computeTemplate: "small",
            replicas: workers,
            minReplicas: workers,
            maxReplicas: workers,
            rayStartParams: { "num-cpus": "1" },
          },
        ],
      }),
})

/** Makes a Ray cluster. */
export function makeRayCluster(
  server: BerthServer,
  name: string,
  options: CallOptions & { readonly namespace?: string; readonly workers?: number } = {},
) {
  const { namespace = "default", workers = 0, ...call } = options
  const json = {
    name,
    namespace,
    user: "ada",
    version: "2.60.0",
    environment: "DEV",
    clusterSpec: spec(workers),
  }
  return done(server.call("POST", `/apis/v1/namespaces/${namespace}/clusters`, { ...call, json }))
}

/** Makes a Ray job that has a cluster of its own. */
export function makeRayJob(server: BerthServer, name: string, namespace = "default") {
  const json = {
    name,
    namespace,
    user: "ada",
    version: "2.60.0",
    entrypoint: "python job.py",
    clusterSpec: spec(0),
  }
  return done(server.call("POST", `/apis/v1/namespaces/${namespace}/jobs`, { json }))
}

/** Makes a Ray service. */
export function makeRayService(server: BerthServer, name: string, namespace = "default") {
  const serveConfigV2 = "applications:\n  - name: app\n    import_path: app:app\n    route_prefix: /\n"
  const json = { name, namespace, user: "ada", version: "2.60.0", serveConfigV2, clusterSpec: spec(0) }
  return done(server.call("POST", `/apis/v1/namespaces/${namespace}/services`, { json }))
}

/** The cluster as `/berth/v1` shows it, once it is in that state. */
export function untilRayCluster(server: BerthServer, name: string, state = "ready", namespace = "default") {
  return server.until(async () => {
    const { json } = await server.call("GET", `/berth/v1/ray/clusters/${namespace}/${name}`)
    return json.state === state ? json : undefined
  })
}
