import type { rayRoutes } from "@berth/contract/berth"
import type { BerthServer } from "./berth-server.ts"
import { makeRayCluster, makeRayJob, makeRayService, makeTemplate, untilRayCluster } from "./ray-script.ts"

type Walk = (server: BerthServer) => Promise<unknown>

const call =
  (method: string, path: string, json?: unknown): Walk =>
  async (on) => {
    const { status, text } = await on.call(method, `/berth/v1/${path}`, json === undefined ? {} : { json })
    if (status >= 300) throw new Error(`${status} ${text}`)
  }
const inTurn =
  (...walks: readonly Walk[]): Walk =>
  async (on) => {
    for (const walk of walks) await walk(on)
  }

let made = 0
/** A cluster with a worker that is ready; what is asked of it. */
const withCluster =
  (pathOf: (name: string, head: string) => string): Walk =>
  async (on) => {
    await makeTemplate(on)
    const name = `walk-${++made}`
    await makeRayCluster(on, name, { workers: 1 })
    const { pods } = await untilRayCluster(on, name)
    await call("GET", pathOf(name, pods[0].name))(on)
  }
const withObject =
  (make: (server: BerthServer, name: string) => Promise<unknown>, pathOf: (name: string) => string): Walk =>
  async (on) => {
    await makeTemplate(on)
    const name = `walk-${++made}`
    await make(on, name)
    await call("GET", pathOf(name))(on)
  }

const data = { "a.py": "print(1)\n" }
const put = (what: string) => call("PUT", `${what}/default/walk`, { data })

/** How each operation about Ray is made to succeed. A new route needs a line here. */
export const rayWalks: Readonly<Record<keyof typeof rayRoutes, Walk>> = {
  listConfigMaps: inTurn(put("configmaps"), call("GET", "configmaps?namespace=default&limit=1")),
  getConfigMap: inTurn(put("configmaps"), call("GET", "configmaps/default/walk")),
  putConfigMap: inTurn(put("configmaps"), put("configmaps")),
  deleteConfigMap: inTurn(put("configmaps"), call("DELETE", "configmaps/default/walk")),
  listSecrets: inTurn(put("secrets"), call("GET", "secrets?namespace=default&limit=1")),
  getSecret: inTurn(put("secrets"), call("GET", "secrets/default/walk")),
  putSecret: inTurn(put("secrets"), put("secrets")),
  deleteSecret: inTurn(put("secrets"), call("DELETE", "secrets/default/walk")),
  listRayClusters: withCluster(() => "ray/clusters?namespace=default&limit=1"),
  getRayCluster: withCluster((name) => `ray/clusters/default/${name}`),
  rayPodLog: withCluster((name, head) => `ray/clusters/default/${name}/pods/${head}/log?maxBytes=100`),
  rayJobLog: withObject(makeRayJob, (name) => `ray/jobs/default/${name}/log`),
  explainRayCluster: withCluster((name) => `explain/ray-cluster/default%2F${name}`),
  explainRayJob: withObject(makeRayJob, (name) => `explain/ray-job/default%2F${name}`),
  explainRayService: withObject(makeRayService, (name) => `explain/ray-service/default%2F${name}`),
}
