import type {
  CreateGpuBinding,
  CreateGpuRequest,
  CreateGpuTemplate,
  EstimateGpuRequest,
  GpuAccuracy,
  GpuBinding,
  GpuBindingList,
  GpuEstimate,
  GpuExplanation,
  GpuQueueList,
  GpuRequest,
  GpuRequestList,
  GpuRequestState,
  GpuTemplate,
  GpuTemplateList,
  PriceList,
  ReplaceGpuBinding,
  ReplaceGpuTemplate,
  SetPrices,
  Timeline,
  UpdateGpuRequest,
} from "@berth/contract/berth"
import type { PageRequest } from "./berth.ts"
import type { CallOptions, Query, Transport } from "./http.ts"
import { path } from "./http.ts"

/** GPU requests and what belongs to them. All throw BerthError. A request goes by its id or its key. */
export interface GpuApiClient {
  /** GPU requests, newest first. */
  gpuRequests(
    query?: PageRequest & { readonly workspace?: string; readonly state?: readonly GpuRequestState[] },
    options?: CallOptions,
  ): Promise<GpuRequestList>
  /** Asks for GPUs. Answers at once; it is planned right after. @throws BerthError 429 when the workspace's queue is full */
  createGpuRequest(request: CreateGpuRequest, options?: CallOptions): Promise<GpuRequest>
  /** One GPU request. @throws BerthError 404 */
  gpuRequest(id: string, options?: CallOptions): Promise<GpuRequest>
  /** Changes name or priority. @throws BerthError 409 unless it is queued */
  updateGpuRequest(id: string, change: UpdateGpuRequest, options?: CallOptions): Promise<GpuRequest>
  /** Takes it out of the queue. @throws BerthError 409 unless it is queued */
  cancelGpuRequest(id: string, options?: CallOptions): Promise<void>
  /** Gives its nodes back. @throws BerthError 409 unless it holds some */
  releaseGpuRequest(id: string, options?: CallOptions): Promise<GpuRequest>
  /** Lets it hold its nodes for so many seconds more. @throws BerthError 409 where that pushes back somebody's promise */
  extendGpuRequest(id: string, seconds: number, options?: CallOptions): Promise<GpuRequest>
  /** GPU requests that wait, in their order. */
  gpuQueue(page?: PageRequest, options?: CallOptions): Promise<GpuQueueList>
  /** Why a GPU request waits, and what happened to it. */
  explainGpuRequest(id: string, options?: CallOptions): Promise<GpuExplanation>
  /** When such a request would start, and what would start sooner. Changes nothing. */
  estimate(request: EstimateGpuRequest, options?: CallOptions): Promise<GpuEstimate>
  /** How good the estimates of the last 30 days were, by band of priority. */
  estimateAccuracy(options?: CallOptions): Promise<GpuAccuracy>
  /** Who had, has and will have which GPU nodes; instants are RFC 3339. Usual: 6 hours back, 24 ahead. */
  timeline(
    query?: { readonly from?: string; readonly to?: string; readonly workspace?: string },
    options?: CallOptions,
  ): Promise<Timeline>
  /** Templates of GPU requests by name. */
  gpuTemplates(page?: PageRequest, options?: CallOptions): Promise<GpuTemplateList>
  /** One template. @throws BerthError 404 */
  gpuTemplate(name: string, options?: CallOptions): Promise<GpuTemplate>
  /** Makes a template. @throws BerthError 409 when the name is taken */
  createGpuTemplate(template: CreateGpuTemplate, options?: CallOptions): Promise<GpuTemplate>
  /** Replaces what a template says. @throws BerthError 404 */
  replaceGpuTemplate(name: string, template: ReplaceGpuTemplate, options?: CallOptions): Promise<GpuTemplate>
  /** Deletes a template. @throws BerthError 409 while a binding names it */
  deleteGpuTemplate(name: string, options?: CallOptions): Promise<void>
  /** Which templates workspaces use, by workspace. */
  gpuBindings(page?: PageRequest, options?: CallOptions): Promise<GpuBindingList>
  /** The templates of a workspace. @throws BerthError 404 when it has none */
  gpuBinding(workspaceId: string, options?: CallOptions): Promise<GpuBinding>
  /** Gives a workspace its templates. @throws BerthError 409 when it has some */
  createGpuBinding(binding: CreateGpuBinding, options?: CallOptions): Promise<GpuBinding>
  /** Replaces the templates of a workspace. @throws BerthError 404 when it has none */
  replaceGpuBinding(
    workspaceId: string,
    binding: ReplaceGpuBinding,
    options?: CallOptions,
  ): Promise<GpuBinding>
  /** Takes its templates from a workspace. */
  deleteGpuBinding(workspaceId: string, options?: CallOptions): Promise<void>
  /** What GPUs cost. */
  prices(options?: CallOptions): Promise<PriceList>
  /** Replaces all prices. */
  setPrices(prices: SetPrices, options?: CallOptions): Promise<PriceList>
}

/** That part of `/berth/v1` over a transport. */
export function createGpuApiClient(http: Transport): GpuApiClient {
  const get = <T>(at: string, options: CallOptions = {}, query: Query = {}) =>
    http.json<T>({ method: "GET", path: at, query, ...options })
  const send =
    (method: "POST" | "PUT" | "PATCH" | "DELETE") =>
    <T>(at: string, body: unknown, options: CallOptions = {}) =>
      http.json<T>({ method, path: at, query: {}, ...(body === undefined ? {} : { body }), ...options })
  const [post, put, patch, del] = [send("POST"), send("PUT"), send("PATCH"), send("DELETE")]
  return {
    gpuRequests: ({ state, ...query } = {}, options) =>
      get("/berth/v1/gpu-requests", options, { ...query, ...(state ? { state: state.join(",") } : {}) }),
    createGpuRequest: (request, options) => post("/berth/v1/gpu-requests", request, options),
    gpuRequest: (id, options) => get(path`/berth/v1/gpu-requests/${id}`, options),
    updateGpuRequest: (id, change, options) => patch(path`/berth/v1/gpu-requests/${id}`, change, options),
    async cancelGpuRequest(id, options) {
      await del(path`/berth/v1/gpu-requests/${id}`, undefined, options)
    },
    releaseGpuRequest: (id, options) => post(path`/berth/v1/gpu-requests/${id}/release`, undefined, options),
    extendGpuRequest: (id, seconds, options) =>
      post(path`/berth/v1/gpu-requests/${id}/extend`, { seconds }, options),
    gpuQueue: (page, options) => get("/berth/v1/queue/gpu-requests", options, { ...page }),
    explainGpuRequest: (id, options) => get(path`/berth/v1/explain/gpu-request/${id}`, options),
    estimate: (request, options) => post("/berth/v1/estimate", request, options),
    estimateAccuracy: (options) => get("/berth/v1/estimates/accuracy", options),
    timeline: (query, options) => get("/berth/v1/timeline", options, { ...query }),
    gpuTemplates: (page, options) => get("/berth/v1/gpu-templates", options, { ...page }),
    gpuTemplate: (name, options) => get(path`/berth/v1/gpu-templates/${name}`, options),
    createGpuTemplate: (template, options) => post("/berth/v1/gpu-templates", template, options),
    replaceGpuTemplate: (name, template, options) =>
      put(path`/berth/v1/gpu-templates/${name}`, template, options),
    async deleteGpuTemplate(name, options) {
      await del(path`/berth/v1/gpu-templates/${name}`, undefined, options)
    },
    gpuBindings: (page, options) => get("/berth/v1/gpu-bindings", options, { ...page }),
    gpuBinding: (id, options) => get(path`/berth/v1/gpu-bindings/${id}`, options),
    createGpuBinding: (binding, options) => post("/berth/v1/gpu-bindings", binding, options),
    replaceGpuBinding: (id, binding, options) => put(path`/berth/v1/gpu-bindings/${id}`, binding, options),
    async deleteGpuBinding(id, options) {
      await del(path`/berth/v1/gpu-bindings/${id}`, undefined, options)
    },
    prices: (options) => get("/berth/v1/prices", options),
    setPrices: (prices, options) => put("/berth/v1/prices", prices, options),
  }
}
