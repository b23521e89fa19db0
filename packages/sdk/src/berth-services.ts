import type {
  CreateModelVersion,
  CreateRun,
  ModelVersion,
  ModelVersionList,
  RegisteredService,
  RegisterService,
  Run,
  RunList,
  ServiceEntryDetail,
  ServiceEntryList,
  ServiceWatch,
  ServiceWatchDetail,
  ServiceWatchList,
  WatchSettings,
} from "@berth/contract/berth"
import type { PageRequest } from "./berth.ts"
import type { CallOptions, Query, Transport } from "./http.ts"
import { path } from "./http.ts"

/** Which workspace a list shows. */
export interface RegisterPage extends PageRequest {
  /** Absent: all that the caller may see. */
  readonly workspace?: string
}

/** Which records of the register a list shows. */
export interface EntryPage extends RegisterPage {
  /** Whole, whatever the case of ASCII letters. */
  readonly name?: string
  /** Only in this state. */
  readonly state?: NonNullable<ServiceEntryDetail["state"]>
}

/** A model server that runs anywhere, to be written down. */
export interface NewServiceRecord {
  /** What people call it; several records may have the same. */
  readonly name: string
  /** Where it belongs. */
  readonly workspace: string
  /** What serves, in a word: `vllm`. */
  readonly flavor: string
  /** Where it answers. */
  readonly predictionUrl: string
  /** What a watch asks; null: it cannot be watched. */
  readonly healthCheckUrl: string | null
}

/** Records of model servers, as far as people need them: programs may use the services API itself. */
export interface ServiceApiClient {
  /** Writes a server down that Berth does not run. @throws BerthError 409 for the same name at the same address */
  createServiceRecord(record: NewServiceRecord, options?: CallOptions): Promise<{ readonly id: string }>
  /** Deletes a record; what it follows goes on. */
  deleteServiceRecord(id: string, options?: CallOptions): Promise<void>
  /** The register: what is served where, newest first. */
  services(query?: EntryPage, options?: CallOptions): Promise<ServiceEntryList>
  /** One record of the register, with the history of its watch. @throws BerthError 404 */
  service(id: string, options?: CallOptions): Promise<ServiceEntryDetail>
  /** Makes a record that follows a workload or a Ray service. @throws BerthError 409 when it has one, or no service */
  registerService(service: RegisterService, options?: CallOptions): Promise<RegisteredService>
  /** Watches a record, or changes how. */
  watchService(id: string, settings?: WatchSettings, options?: CallOptions): Promise<ServiceWatch>
  /** How a watched record stands, with its history. @throws BerthError 404 when it is not watched */
  serviceWatch(id: string, options?: CallOptions): Promise<ServiceWatchDetail>
  /** Watches a record no more. */
  unwatchService(id: string, options?: CallOptions): Promise<void>
  /** Watched records, newest first. */
  serviceWatches(query?: RegisterPage, options?: CallOptions): Promise<ServiceWatchList>
  /** Pipeline runs, newest first. */
  runs(query?: RegisterPage, options?: CallOptions): Promise<RunList>
  /** Registers a pipeline run. */
  createRun(run: CreateRun, options?: CallOptions): Promise<Run>
  /** One pipeline run. @throws BerthError 404 */
  run(id: string, options?: CallOptions): Promise<Run>
  /** Deletes a pipeline run. */
  deleteRun(id: string, options?: CallOptions): Promise<void>
  /** Model versions, newest first. */
  modelVersions(query?: RegisterPage, options?: CallOptions): Promise<ModelVersionList>
  /** Registers the next version of a model. */
  createModelVersion(version: CreateModelVersion, options?: CallOptions): Promise<ModelVersion>
  /** One model version. @throws BerthError 404 */
  modelVersion(id: string, options?: CallOptions): Promise<ModelVersion>
  /** Deletes a model version. */
  deleteModelVersion(id: string, options?: CallOptions): Promise<void>
}

/** That part of `/berth/v1` over a transport. */
export function createServiceApiClient(http: Transport): ServiceApiClient {
  const get = <T>(at: string, options: CallOptions = {}, query: Query = {}) =>
    http.json<T>({ method: "GET", path: at, query, ...options })
  const send = <T>(method: "POST" | "PUT", at: string, body: unknown, options: CallOptions = {}) =>
    http.json<T>({ method, path: at, body, ...options })
  const remove = async (at: string, options: CallOptions = {}) => {
    await http.json({ method: "DELETE", path: at, ...options })
  }
  const watch = (id: string) => path`/berth/v1/services/${id}/watch`
  const run = (id: string) => path`/berth/v1/runs/${id}`
  const modelVersion = (id: string) => path`/berth/v1/model-versions/${id}`
  const record = (id: string) => path`/api/v1/services/${id}`

  return {
    createServiceRecord: ({ workspace, ...wanted }, options) =>
      send("POST", path`/api/v1/workspaces/${workspace}/services`, recordBody(wanted), options),
    deleteServiceRecord: (id, options) => remove(record(id), options),
    services: (query, options) => get("/berth/v1/services", options, { ...query }),
    service: (id, options) => get(path`/berth/v1/services/${id}`, options),
    registerService: (service, options) => send("POST", "/berth/v1/services", service, options),
    watchService: (id, settings = {}, options = {}) => send("PUT", watch(id), settings, options),
    serviceWatch: (id, options) => get(watch(id), options),
    unwatchService: (id, options) => remove(watch(id), options),
    serviceWatches: (query, options) => get("/berth/v1/watches", options, { ...query }),
    runs: (query, options) => get("/berth/v1/runs", options, { ...query }),
    createRun: (wanted, options) => send("POST", "/berth/v1/runs", wanted, options),
    run: (id, options) => get(run(id), options),
    deleteRun: (id, options) => remove(run(id), options),
    modelVersions: (query, options) => get("/berth/v1/model-versions", options, { ...query }),
    createModelVersion: (wanted, options) => send("POST", "/berth/v1/model-versions", wanted, options),
    modelVersion: (id, options) => get(modelVersion(id), options),
    deleteModelVersion: (id, options) => remove(modelVersion(id), options),
  }
}

/** The path says which project it is, yet the body must name one: this is none. */
const noProject = "00000000-0000-0000-0000-000000000000"

function recordBody({ name, flavor, predictionUrl, healthCheckUrl }: Omit<NewServiceRecord, "workspace">) {
  return {
    project: noProject,
    name,
    service_type: { type: "model-serving", flavor },
    // no two records have the same: one of this name is at this address once
    config: { name, url: predictionUrl },
    prediction_url: predictionUrl,
    health_check_url: healthCheckUrl,
  }
}
