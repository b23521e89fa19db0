import type { BerthRouteName, RegisteredService, ServiceEntry } from "@berth/contract/berth"
import type { SubjectKind } from "../../domain/journal/index.ts"
import { type RemadeAnswer, remadeByReading, repeatable } from "../plugins/lost-answers.ts"

const created = (kind: SubjectKind, plural: string) =>
  remadeByReading(kind, (id) => `/berth/v1/${plural}/${encodeURIComponent(id)}`, { status: 201 })
/** How the answers of POSTs are made anew that were lost with the server. */
export const remadeAnswers: Readonly<Partial<Record<BerthRouteName, RemadeAnswer>>> = {
  createGpuRequest: created("gpu-request", "gpu-requests"),
  createGpuTemplate: created("gpu-template", "gpu-templates"),
  createWorkspace: created("workspace", "workspaces"),
  createRun: created("pipeline-run", "runs"),
  createModelVersion: created("model-version", "model-versions"),
  registerService: remadeByReading("service-record", (id) => `/berth/v1/services/${id}`, {
    status: 201,
    pick: registered,
  }),
  cordonNode: repeatable,
  uncordonNode: repeatable,
  drainNode: repeatable,
  pauseQueue: repeatable,
  resumeQueue: repeatable,
}

function registered(entry: ServiceEntry): RegisteredService {
  const { id, name, workspaceId, state, predictionUrl, healthCheckUrl } = entry
  return { id, name, workspaceId, state, predictionUrl, healthCheckUrl }
}
