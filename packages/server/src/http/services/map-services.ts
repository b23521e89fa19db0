import type {
  DecodedServiceCreate,
  DecodedServiceUpdate,
  JsonText,
  ModelVersionView,
  PipelineRunView,
  ServiceDetailsView,
  ServiceKind,
  ServiceView,
} from "@berth/contract/services"
import type {
  JsonText as StoredJson,
  ListedServiceView,
  ModelVersion,
  ModelVersionId,
  NewServiceRecord,
  PipelineRun,
  PipelineRunId,
  PipelineRunStatus,
  ServiceDetails,
  ServiceRecordChange,
  ServiceStatus,
  ServiceSummary,
  ServiceType,
} from "../../domain/services/index.ts"
import type { UserId } from "../../domain/identity/index.ts"
import type { Services } from "../services.ts"
import { userView } from "./map-accounts.ts"
import { shownProjectId } from "./projects.ts"
import { uuidOfUser } from "./uuids.ts"

export function newRecord(decoded: DecodedServiceCreate, workspaceId: string): NewServiceRecord {
  const { name, adminState, pipelineName, pipelineStepName, predictionUrl, healthCheckUrl } = decoded
  return {
    workspaceId,
    name,
    type: typeOf(decoded.serviceType),
    source: decoded.serviceSource,
    adminState,
    config: stored(decoded.config),
    pipelineName,
    pipelineStepName,
    labels: decoded.labels && stored(decoded.labels),
    status: statusOf(decoded.status, decoded.state),
    endpoint: decoded.endpoint && stored(decoded.endpoint),
    predictionUrl,
    healthCheckUrl,
    modelVersionId: decoded.modelVersionId as ModelVersionId | null,
    pipelineRunId: decoded.pipelineRunId as PipelineRunId | null,
  }
}

export function recordChange(decoded: DecodedServiceUpdate): ServiceRecordChange {
  const { serviceSource, status, state, endpoint, labels, modelVersionId, ...same } = decoded
  return {
    ...same,
    ...(serviceSource !== undefined && { source: serviceSource }),
    ...(status !== undefined && { status: statusOf(status, state ?? null) }),
    ...(endpoint !== undefined && { endpoint: endpoint && stored(endpoint) }),
    ...(labels !== undefined && { labels: labels && stored(labels) }),
    ...(modelVersionId !== undefined && { modelVersionId: modelVersionId as ModelVersionId }),
  }
}

/** Who and where the records of one answer are of: looked up once each. */
export function sharedViews({ directory, workspaces }: Pick<Services, "directory" | "workspaces">) {
  const user = remembered((id: UserId) => {
    const found = directory.user(id)
    return found ? userView(found) : null
  })
  return { user, projectId: remembered((id: string) => shownProjectId(workspaces, id)) }
}

function remembered<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>()
  return (key) => {
    const known = made.get(key)
    if (known !== undefined) return known
    const value = make(key)
    made.set(key, value)
    return value
  }
}

/** A record with what it links to, as this API shows it. */
export function serviceView(
  shared: ReturnType<typeof sharedViews>,
  { summary, details, run, modelVersion }: ListedServiceView,
): ServiceView {
  const { id, name, state, userId } = summary
  const projectId = shared.projectId(summary.workspaceId)
  return {
    id,
    name,
    ...timesOf(summary),
    projectId,
    user: userId && shared.user(userId),
    serviceType: kindOf(summary.type),
    labels: summary.labels && shown(summary.labels),
    state,
    details: details && detailsOf(summary, details),
    pipelineRun: run && runView(run, projectId),
    modelVersion: modelVersion && modelVersionView(modelVersion, projectId),
  }
}

function detailsOf(
  { predictionUrl, healthCheckUrl }: ServiceSummary,
  { source, adminState, config, status, endpoint }: ServiceDetails,
): ServiceDetailsView {
  return {
    serviceSource: source,
    adminState,
    config: shown(config),
    status: status && shown(status),
    endpoint: endpoint && shown(endpoint),
    predictionUrl,
    healthCheckUrl,
  }
}

const unfinished: ReadonlySet<PipelineRunStatus> = new Set([
  "initializing",
  "provisioning",
  "running",
  "retrying",
  "stopping",
])

function runView(run: PipelineRun, projectId: string): PipelineRunView {
  const { id, name, userId, status } = run
  return {
    id,
    name,
    ...timesOf(run),
    userId: userId && uuidOfUser(userId),
    projectId,
    status,
    isInProgress: unfinished.has(status),
    statusReason: null,
    // Runs are not numbered here.
    index: 0,
    pipelineId: null,
  }
}

function modelVersionView(version: ModelVersion, projectId: string): ModelVersionView {
  const { id, name, modelId, modelName, stage, number } = version
  const owned = {
    ...timesOf(version),
    userId: version.userId && uuidOfUser(version.userId),
    projectId,
  }
  const model = { id: modelId, name: modelName, ...owned }
  return { id, name: name ?? String(number), ...owned, stage, number, model }
}

function timesOf({
  createdAtUs,
  updatedAtUs,
}: {
  readonly createdAtUs: number
  readonly updatedAtUs: number
}) {
  return { createdAtMs: createdAtUs / 1000, updatedAtMs: updatedAtUs / 1000 }
}

function typeOf({ logo_url, ...same }: ServiceKind): ServiceType {
  return { ...same, logoUrl: logo_url }
}

function kindOf({ logoUrl, ...same }: ServiceType): ServiceKind {
  return { ...same, logo_url: logoUrl }
}

/** The decoder has taken the state out of the status. */
function statusOf(text: JsonText | null, state: ServiceStatus["state"]): ServiceStatus | null {
  return text && { text: stored(text), state }
}

/** The wire and the store have the same form of JSON (Python's). */
function stored(text: JsonText): StoredJson {
  return text as string as StoredJson
}
function shown(text: StoredJson): JsonText {
  return text as string as JsonText
}
