import type {
  ConfigEntry,
  ConfigEntryList,
  ConfigMap,
  RayClusterDetail,
  RayClusterList,
  RayExplanation,
  RayKind,
} from "@berth/contract/berth"
import type { PageRequest } from "./berth.ts"
import type { CallOptions, Query, Transport } from "./http.ts"
import { path } from "./http.ts"

/** Which namespaces a list shows. */
export interface NamespacePage extends PageRequest {
  /** Absent: all that the caller may see. */
  readonly namespace?: string
}

/** Values by key, at most 1 MiB in all. */
export type EntryData = Readonly<Record<string, string>>

/** Ray as Berth knows it, and what its pods are given. What makes, changes and ends Ray is `client.kuberay`. */
export interface RayApiClient {
  /** Config maps by namespace and name, without their values. */
  configMaps(query?: NamespacePage, options?: CallOptions): Promise<ConfigEntryList>
  /** One config map. @throws BerthError 404 */
  configMap(namespace: string, name: string, options?: CallOptions): Promise<ConfigMap>
  /** Makes a config map or replaces its values. @throws BerthError 409 when a compute template has the name */
  putConfigMap(namespace: string, name: string, data: EntryData, options?: CallOptions): Promise<ConfigMap>
  /** Deletes a config map; pods that run keep what they have. */
  deleteConfigMap(namespace: string, name: string, options?: CallOptions): Promise<void>
  /** Secrets by namespace and name; no answer ever has their values. */
  secrets(query?: NamespacePage, options?: CallOptions): Promise<ConfigEntryList>
  /** One secret: which keys it has. @throws BerthError 404 */
  secret(namespace: string, name: string, options?: CallOptions): Promise<ConfigEntry>
  /** Makes a secret or replaces its values. */
  putSecret(namespace: string, name: string, data: EntryData, options?: CallOptions): Promise<ConfigEntry>
  /** Deletes a secret; pods that run keep what they have. */
  deleteSecret(namespace: string, name: string, options?: CallOptions): Promise<void>
  /** Ray clusters by namespace and name. */
  rayClusters(query?: NamespacePage, options?: CallOptions): Promise<RayClusterList>
  /** One Ray cluster with its pods and events. @throws BerthError 404 */
  rayCluster(namespace: string, name: string, options?: CallOptions): Promise<RayClusterDetail>
  /** The end of what a pod of a Ray cluster wrote: at most `maxBytes`, 1 MiB unless given. */
  rayPodLog(
    namespace: string,
    cluster: string,
    pod: string,
    options?: CallOptions & { readonly maxBytes?: number },
  ): Promise<string>
  /** What the entry point of a Ray job wrote so far. */
  rayJobLog(namespace: string, name: string, options?: CallOptions): Promise<string>
  /** Why a Ray cluster, job or service waits, and what happened to it. */
  explainRay(kind: RayKind, namespace: string, name: string, options?: CallOptions): Promise<RayExplanation>
  /**
   * Where a Ray cluster's own HTTP API is, for Ray's tools: with the token in `RAY_JOB_HEADERS` it is the address of
   * `ray job submit`. Asks nothing.
   */
  rayDashboardUrl(namespace: string, name: string): string
}

/** That part of `/berth/v1` over a transport. */
export function createRayApiClient(http: Transport): RayApiClient {
  const get = <T>(at: string, options: CallOptions = {}, query: Query = {}) =>
    http.json<T>({ method: "GET", path: at, query, ...options })
  const put = <T>(at: string, data: EntryData, options: CallOptions = {}) =>
    http.json<T>({ method: "PUT", path: at, body: { data }, ...options })
  const remove = async (at: string, options: CallOptions = {}) => {
    await http.json({ method: "DELETE", path: at, ...options })
  }
  const plain = { accept: "text/plain" }
  const configMap = (namespace: string, name: string) => path`/berth/v1/configmaps/${namespace}/${name}`
  const secret = (namespace: string, name: string) => path`/berth/v1/secrets/${namespace}/${name}`
  const cluster = (namespace: string, name: string) => path`/berth/v1/ray/clusters/${namespace}/${name}`
  return {
    configMaps: (query, options) => get("/berth/v1/configmaps", options, { ...query }),
    configMap: (namespace, name, options) => get(configMap(namespace, name), options),
    putConfigMap: (namespace, name, data, options) => put(configMap(namespace, name), data, options),
    deleteConfigMap: (namespace, name, options) => remove(configMap(namespace, name), options),
    secrets: (query, options) => get("/berth/v1/secrets", options, { ...query }),
    secret: (namespace, name, options) => get(secret(namespace, name), options),
    putSecret: (namespace, name, data, options) => put(secret(namespace, name), data, options),
    deleteSecret: (namespace, name, options) => remove(secret(namespace, name), options),
    rayClusters: (query, options) => get("/berth/v1/ray/clusters", options, { ...query }),
    rayCluster: (namespace, name, options) => get(cluster(namespace, name), options),
    rayPodLog(namespace, name, pod, { maxBytes, ...options } = {}) {
      const at = cluster(namespace, name) + path`/pods/${pod}/log`
      return http.text({ method: "GET", path: at, query: { maxBytes }, headers: plain, ...options })
    },
    rayJobLog: (namespace, name, options = {}) =>
      http.text({
        method: "GET",
        path: path`/berth/v1/ray/jobs/${namespace}/${name}/log`,
        headers: plain,
        ...options,
      }),
    explainRay: (kind, namespace, name, options) =>
      get(path`/berth/v1/explain/${kind}/${`${namespace}/${name}`}`, options),
    rayDashboardUrl: (namespace, name) => `${http.baseUrl}${cluster(namespace, name)}/dashboard`,
  }
}
