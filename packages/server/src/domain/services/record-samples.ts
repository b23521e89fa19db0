import type { NewServiceRecord } from "./commands.ts"
import type { JsonText, ServiceState, ServiceStatus } from "./types.ts"

let made = 0

/** A record to be registered in `default`, with a config that no other has, for tests. */
export function newServiceRecord(change: Partial<NewServiceRecord> = {}): NewServiceRecord {
  return {
    workspaceId: "default",
    name: "churn",
    type: { type: "model-serving", flavor: "vllm", name: "", description: "", logoUrl: "" },
    source: null,
    adminState: null,
    config: `{"n": ${++made}}` as JsonText,
    pipelineName: null,
    pipelineStepName: null,
    labels: null,
    status: null,
    endpoint: null,
    predictionUrl: null,
    healthCheckUrl: null,
    modelVersionId: null,
    pipelineRunId: null,
    ...change,
  }
}

/** A status that says nothing but a state. */
export function statusOf(state: ServiceState): ServiceStatus {
  return { text: `{"state": "${state}"}` as JsonText, state }
}
