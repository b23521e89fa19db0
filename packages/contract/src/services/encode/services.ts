import type { ServiceKind } from "../decode-create.ts"
import type { JsonText } from "../json/value.ts"
import { answerText } from "../json/write.ts"
import type { ServiceState } from "../../common/index.ts"
import { userText, type UserView } from "./accounts.ts"
import { resourceOf, type ResourceView } from "./envelope.ts"
import { Written, wireText, type WireValue } from "./wire-text.ts"

/** A service as it is shown. */
export interface ServiceView extends ResourceView {
  readonly projectId: string
  /** Null: the account is gone. */
  readonly user: UserView | null
  readonly serviceType: ServiceKind
  readonly labels: JsonText | null
  readonly state: ServiceState | null
  /** Null: it is not shown whole. */
  readonly details: ServiceDetailsView | null
  readonly pipelineRun: PipelineRunView | null
  readonly modelVersion: ModelVersionView | null
}

/** What is shown of a service that is asked for whole. */
export interface ServiceDetailsView {
  readonly serviceSource: string | null
  readonly adminState: ServiceState | null
  readonly config: JsonText
  readonly status: JsonText | null
  readonly endpoint: JsonText | null
  readonly predictionUrl: string | null
  readonly healthCheckUrl: string | null
}

/** The run that made a service. */
export interface PipelineRunView extends ResourceView {
  readonly userId: string | null
  readonly projectId: string
  /** `completed`, `failed`, … */
  readonly status: string
  readonly isInProgress: boolean
  readonly statusReason: string | null
  readonly index: number
  readonly pipelineId: string | null
}

/** A model, by which its versions are grouped. */
export interface ModelView extends ResourceView {
  readonly userId: string | null
  readonly projectId: string
}

/** The model that a service serves. */
export interface ModelVersionView extends ResourceView {
  readonly userId: string | null
  readonly projectId: string
  readonly stage: string | null
  readonly number: number
  readonly model: ModelView
}

/** The answer of POST and PUT, which is whole, and of GET. */
export function encodeService(view: ServiceView): string {
  return wireText(
    resourceOf(view, {
      body: {
        user_id: view.user?.id ?? null,
        project_id: view.projectId,
        service_type: kindOf(view.serviceType),
        labels: written(view.labels),
        state: view.state,
      },
      metadata: view.details && metadataOf(view.details),
      resources: {
        user: view.user && new Written(userText(view.user)),
        pipeline_run: view.pipelineRun && runOf(view.pipelineRun),
        model_version: view.modelVersion && versionOf(view.modelVersion),
      },
    }),
  )
}

function kindOf({ type, flavor, name, description, logo_url }: ServiceKind): WireValue {
  return { type, flavor, name, description, logo_url }
}

function metadataOf(view: ServiceDetailsView): WireValue {
  return {
    service_source: view.serviceSource,
    admin_state: view.adminState,
    config: written(view.config),
    status: written(view.status),
    endpoint: written(view.endpoint),
    prediction_url: view.predictionUrl,
    health_check_url: view.healthCheckUrl,
  }
}

function written(text: JsonText | null): Written | null {
  return text === null ? null : new Written(answerText(text))
}

function runOf(view: PipelineRunView): WireValue {
  return resourceOf(view, {
    body: {
      user_id: view.userId,
      project_id: view.projectId,
      status: view.status,
      in_progress: view.isInProgress,
      status_reason: view.statusReason,
      index: view.index,
      pipeline_id: view.pipelineId,
      child_key: null,
      root_run_id: null,
    },
    metadata: null,
    resources: null,
  })
}

function versionOf(view: ModelVersionView): WireValue {
  const { userId, projectId, stage, number, model } = view
  return resourceOf(view, {
    body: { user_id: userId, project_id: projectId, stage, number, model: modelOf(model) },
    metadata: null,
    resources: null,
  })
}

function modelOf(view: ModelView): WireValue {
  return resourceOf(view, {
    body: { user_id: view.userId, project_id: view.projectId },
    metadata: null,
    resources: null,
  })
}
