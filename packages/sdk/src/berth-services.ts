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
  WorkspaceList,
} from "@berth/contract/berth"
import type { PageRequest } from "./berth.ts"
import { BerthError } from "./errors.ts"
import type { CallOptions, Query, Transport } from "./http.ts"
import { path } from "./http.ts"
import { collect } from "./paging.ts"

/** Which workspace a list shows. */
export interface RegisterPage extends PageRequest {
  /** Absent: all that the caller may see. */
  readonly workspace?: string
}

/** Which records; both must hold. */
export interface RecordQuery {
  /** Absent: every workspace that the caller has a role in. */
  readonly workspace?: string
  /** Exactly this one. */
  readonly name?: string
}

/** Which records of the register a list shows. */
export interface EntryPage extends RegisterPage {
  /** Whole, whatever the case of ASCII letters. */
  readonly name?: string
  /** Only in this state. */
  readonly state?: NonNullable<ServiceEntryDetail["state"]>
}

/** A record as the services API tells of it; members that nobody needs here are left out. */
export interface ServiceRow {
  /** A UUID. */
  readonly id: string
  /** Where it is; in lists alone. */
  readonly workspace?: string
  /** Need not be unique. */
  readonly name: string
  /** In every answer. */
  readonly body: { readonly created: string; readonly state: string | null }
  /** null in lists. */
  readonly metadata: {
    readonly prediction_url: string | null
    readonly health_check_url: string | null
  } | null
}

/** Records of model servers, as far as the services API has no call for it. */
export interface ServiceApiClient {
  /** Records by the services API, newest first, all of its pages. */
  serviceRecords(query?: RecordQuery, options?: CallOptions): Promise<readonly ServiceRow[]>
  /** One record. @throws BerthError 404 */
  serviceRecord(id: string, options?: CallOptions): Promise<ServiceRow>
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

interface RecordPage {
  readonly total_pages: number
  readonly items: readonly ServiceRow[]
}

/** A workspace that was deleted while the others were asked for. */
function goneMeanwhile(error: unknown): readonly ServiceRow[] {
  if (error instanceof BerthError && error.status === 404) return []
  throw error
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

  async function recordsOf(workspace: string, name: string | undefined, options: CallOptions) {
    // said as the operator that it is, for a name may look like another one
    const named = name === undefined ? undefined : `equals:${name}`
    const rows: ServiceRow[] = []
    for (let page = 1, pages = 1; page <= pages; page++) {
      const found = await get<RecordPage>("/api/v1/services", options, {
        page,
        size: 1000,
        sort_by: "desc:created",
        project: workspace,
        name: named,
      })
      // that API takes no notice of the case of letters
      const fitting = found.items.filter((row) => name === undefined || row.name === name)
      rows.push(...fitting.map((row) => ({ ...row, workspace })))
      pages = found.total_pages
    }
    return rows
  }

  /** That API lists one workspace at a time: `default` where none is named. */
  async function serviceRecords(
    { workspace, name }: RecordQuery = {},
    options: CallOptions = {},
  ): Promise<readonly ServiceRow[]> {
    if (workspace !== undefined) return recordsOf(workspace, name, options)
    const workspaces = await collect((page) => get<WorkspaceList>("/berth/v1/workspaces", options, page))
    const rows: ServiceRow[] = []
    for (const { id } of workspaces) rows.push(...(await recordsOf(id, name, options).catch(goneMeanwhile)))
    return rows.toSorted((a, b) => (a.body.created < b.body.created ? 1 : -1))
  }

  return {
    serviceRecords,
    serviceRecord: (id, options) => get(record(id), options),
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
