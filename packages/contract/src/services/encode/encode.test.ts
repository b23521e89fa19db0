import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeServiceCreate, type DecodedServiceCreate } from "../decode-create.ts"
import { arbitraryJson } from "../json-values-suite.ts"
import { jsonText } from "../json/write.ts"
import {
  encodeCurrentUser,
  encodeLogin,
  encodeProject,
  encodeProjectPage,
  encodeServerInfo,
  type UserView,
} from "./accounts.ts"
import { encodeService, type ServiceDetailsView, type ServiceView } from "./services.ts"
import { encodePage } from "./envelope.ts"
import { encodeStack, encodeStackPage } from "./stacks.ts"
import { naiveTimestamp } from "./timestamps.ts"

const day = Date.UTC(2026, 10, 21, 1, 50)
const user: UserView = {
  id: "7534e5eb-f5ec-458a-99ed-d43ad1d14b2e",
  name: "default",
  createdAtMs: day + 19_692.417,
  updatedAtMs: day + 19_692.455,
  fullName: "",
  isActive: true,
  isAdmin: true,
  isServiceAccount: false,
  defaultProjectId: null,
  email: null,
}
const projectId = "33b8cc29-a60f-4747-bd75-1b3d807adf4b"
const userText =
  '"body":{"created":"2026-11-21T01:50:19.692417","updated":"2026-11-21T01:50:19.692455","active":true,"activation_token":null,"full_name":"","email_opted_in":null,"is_service_account":false,"is_admin":true,"default_project_id":null,"avatar_url":null}'
const userEnd =
  '"resources":null,"id":"7534e5eb-f5ec-458a-99ed-d43ad1d14b2e","permission_denied":false,"name":"default"}'

const sent =
  '{"project":"33b8cc29-a60f-4747-bd75-1b3d807adf4b","name":"svc-full","service_type":{"type":"model-serving","flavor":"vllm","name":"vllm-deployment","description":"vLLM","logo_url":"https://x.invalid/l.png"},"service_source":"a.B","admin_state":"active","config":{"type":"x","name":"svc-full","port":8000,"rate":1.0},"labels":{"team":"ä","2":"m"},"status":{"state":"active","last_error":""},"endpoint":{"status":{"port":8000}},"prediction_url":"http://127.0.0.1:8000/v1","health_check_url":"http://127.0.0.1:8000/health"}'
const full = viewOf(sent, "279eb27f-0a7d-4e95-a6a3-82d9b983362a")
const whole = detailsOf(sent)
const fullHead =
  '{"body":{"created":"2026-11-21T01:50:22.161265","updated":"2026-11-21T01:50:22.161284","user_id":"7534e5eb-f5ec-458a-99ed-d43ad1d14b2e","project_id":"33b8cc29-a60f-4747-bd75-1b3d807adf4b","service_type":{"type":"model-serving","flavor":"vllm","name":"vllm-deployment","description":"vLLM","logo_url":"https://x.invalid/l.png"},"labels":{"team":"ä","2":"m"},"state":"active"},"metadata":'
const fullMetadata =
  '{"service_source":"a.B","admin_state":"active","config":{"type":"x","name":"svc-full","port":8000,"rate":1.0},"status":{"state":"active","last_error":""},"endpoint":{"status":{"port":8000}},"prediction_url":"http://127.0.0.1:8000/v1","health_check_url":"http://127.0.0.1:8000/health"}'
const fullEnd = `,"resources":{"user":{${userText},"metadata":null,${userEnd},"pipeline_run":null,"model_version":null},"id":"279eb27f-0a7d-4e95-a6a3-82d9b983362a","permission_denied":false,"name":"svc-full"}`

function created(body: string): DecodedServiceCreate {
  const read = decodeServiceCreate(new TextEncoder().encode(body), "application/json")
  if (!read.ok) throw new Error(JSON.stringify(read.refusal))
  return read.value
}

function detailsOf(body: string): ServiceDetailsView {
  const { serviceSource, adminState, config, status, endpoint, predictionUrl, healthCheckUrl } = created(body)
  return { serviceSource, adminState, config, status, endpoint, predictionUrl, healthCheckUrl }
}

function viewOf(body: string, id: string): ServiceView {
  const { project, name, serviceType, labels, state } = created(body)
  return {
    name,
    serviceType,
    labels,
    state,
    details: detailsOf(body),
    id,
    createdAtMs: day + 22_161.265,
    updatedAtMs: day + 22_161.284,
    projectId: project,
    user,
    pipelineRun: null,
    modelVersion: null,
  }
}

describe("a service", () => {
  it("is answered as the documented server does", () => {
    expect(encodeService(full)).toBe(fullHead + fullMetadata + fullEnd)
    expect(encodeService({ ...full, details: null })).toBe(`${fullHead}null${fullEnd}`)
  })

  it("shows what is not there as null", () => {
    const least = viewOf(
      `{"project":"${projectId}","name":"svc-min","service_type":{"type":"model-serving","flavor":"ray"},"config":{}}`,
      "14a7ddd9-7910-4173-a46e-a5c576f92202",
    )
    const text = encodeService({ ...least, user: null })
    expect(text).toContain('"user_id":null,')
    expect(text).toContain(
      '"service_type":{"type":"model-serving","flavor":"ray","name":"","description":"","logo_url":""},"labels":null,"state":null}',
    )
    expect(text).toContain(
      '"metadata":{"service_source":null,"admin_state":null,"config":{},"status":null,"endpoint":null,"prediction_url":null,"health_check_url":null},"resources":{"user":null,"pipeline_run":null,"model_version":null}',
    )
  })

  it("shows in short what it belongs to", () => {
    const owned = { userId: user.id, projectId, createdAtMs: day, updatedAtMs: day + 500 }
    const text = encodeService({
      ...full,
      details: null,
      pipelineRun: {
        ...owned,
        id: "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa",
        name: "run-1",
        status: "completed",
        isInProgress: false,
        statusReason: null,
        index: 0,
        pipelineId: null,
      },
      modelVersion: {
        ...owned,
        id: "2d08a6df-03c2-4ce2-8ad6-bb1ee785e875",
        name: "v",
        stage: null,
        number: 1,
        model: { ...owned, id: "0c112d5c-4ca4-4ba5-83a3-dcc6d6513cdd", name: "m" },
      },
    })
    const body =
      '"body":{"created":"2026-11-21T01:50:00","updated":"2026-11-21T01:50:00.500000","user_id":"7534e5eb-f5ec-458a-99ed-d43ad1d14b2e","project_id":"33b8cc29-a60f-4747-bd75-1b3d807adf4b"'
    expect(text).toContain(
      `"pipeline_run":{${body},"status":"completed","in_progress":false,"status_reason":null,"index":0,"pipeline_id":null,"child_key":null,"root_run_id":null},"metadata":null,"resources":null,"id":"aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa","permission_denied":false,"name":"run-1"},"model_version":{${body},"stage":null,"number":1,"model":{${body}},"metadata":null,"resources":null,"id":"0c112d5c-4ca4-4ba5-83a3-dcc6d6513cdd","permission_denied":false,"name":"m"}},"metadata":null,"resources":null,"id":"2d08a6df-03c2-4ce2-8ad6-bb1ee785e875","permission_denied":false,"name":"v"}`,
    )
  })

  it("is JSON whatever was sent", () => {
    fc.assert(
      fc.property(arbitraryJson, fc.string(), (value, name) => {
        const config = jsonText({ kind: "object", members: new Map([["k", value]]) })
        const answer: unknown = JSON.parse(
          encodeService({ ...full, name, details: { ...whole, config, status: config } }),
        )
        expect(answer).toMatchObject({ name, metadata: { admin_state: "active" } })
        expect(answer).toHaveProperty("metadata.config.k")
      }),
    )
  })
})

describe("a page", () => {
  it("says where it stands", () => {
    expect(encodePage({ page: 1, size: 20, total: 0, items: [] }, encodeService)).toBe(
      '{"index":1,"max_size":20,"total_pages":1,"total":0,"items":[]}',
    )
    expect(
      encodePage({ page: 2, size: 1, total: 3, items: [{ ...full, details: null }] }, encodeService),
    ).toBe(`{"index":2,"max_size":1,"total_pages":3,"total":3,"items":[${fullHead}null${fullEnd}]}`)
  })
})

describe("what a client asks for when it connects", () => {
  const default_ = {
    id: projectId,
    name: "default",
    createdAtMs: day + 19_272.543,
    updatedAtMs: day + 19_272.572,
  }
  const times = '"body":{"created":"2026-11-21T01:50:19.272543","updated":"2026-11-21T01:50:19.272572",'
  const end = '"id":"33b8cc29-a60f-4747-bd75-1b3d807adf4b","permission_denied":false,"name":"default"}'

  it("is the user", () => {
    expect(encodeCurrentUser(user)).toBe(
      `{${userText},"metadata":{"password_changed_at":null,"email":null,"external_user_id":null,"user_metadata":{},"oidc_claims":{}},${userEnd}`,
    )
  })

  it("is the projects", () => {
    const project = { ...default_, displayName: "default", description: "" }
    const body = `{${times}"display_name":"default"},"metadata":`
    expect(encodeProject(project, true)).toBe(
      `${body}{"description":"","project_metadata":{}},"resources":null,${end}`,
    )
    expect(encodeProjectPage({ page: 1, size: 20, total: 1, items: [project] }, false)).toBe(
      `{"index":1,"max_size":20,"total_pages":1,"total":1,"items":[${body}null,"resources":null,${end}]}`,
    )
  })

  it("is the stacks", () => {
    const component = { ...default_, flavor: "local", integration: "built-in" }
    const stack = {
      ...default_,
      description: "",
      components: [
        { ...component, type: "artifact_store" },
        { ...component, type: "orchestrator" },
      ],
    }
    const part = (type: string) =>
      `"${type}":[{${times}"user_id":null,"type":"${type}","flavor_name":"local","integration":"built-in","logo_url":null},"metadata":null,"resources":null,${end}]`
    expect(encodeStack(stack, true)).toBe(
      `{${times}"user_id":null},"metadata":{"components":{${part("artifact_store")},${part("orchestrator")}},"description":"","stack_spec_path":null,"environment":{},"secrets":[],"labels":{}},"resources":{"user":null},${end}`,
    )
    expect(encodeStackPage({ page: 1, size: 20, total: 1, items: [stack] }, false)).toBe(
      `{"index":1,"max_size":20,"total_pages":1,"total":1,"items":[{${times}"user_id":null},"metadata":null,"resources":{"user":null},${end}]}`,
    )
  })

  it("is the server", () => {
    const info = {
      id: "53f23c3b-dcb9-4bb6-9ae7-55d7306bec00",
      name: "default",
      version: "0.98.0",
      deploymentType: "other",
      databaseType: "sqlite",
      serverUrl: "",
      dashboardUrl: "",
      lastUserActivityAtMs: day + 17_749.305,
    } as const
    expect(encodeServerInfo(info)).toBe(
      '{"id":"53f23c3b-dcb9-4bb6-9ae7-55d7306bec00","name":"default","version":"0.98.0","active":true,"debug":false,"deployment_type":"other","database_type":"sqlite","secrets_store_type":"none","auth_scheme":"OAUTH2_PASSWORD_BEARER","server_url":"","dashboard_url":"","analytics_enabled":false,"metadata":{},"last_user_activity":"2026-11-21T01:50:17.749305","pro_dashboard_url":null,"pro_api_url":null,"pro_organization_id":null,"pro_organization_name":null,"pro_workspace_id":null,"pro_workspace_name":null}',
    )
    expect(encodeServerInfo({ ...info, lastUserActivityAtMs: null })).toContain('"last_user_activity":null')
  })

  it("is a token", () => {
    expect(encodeLogin({ accessToken: "t", expiresInSeconds: null })).toBe(
      '{"access_token":"t","token_type":"bearer","expires_in":null,"refresh_token":null,"csrf_token":null,"scope":null,"device_id":null,"device_metadata":null}',
    )
  })
})

it.each([
  [0, "1970-01-01T00:00:00"],
  [day + 22_141.27, "2026-11-21T01:50:22.141270"],
  [day + 1, "2026-11-21T01:50:00.001000"],
  [day + 0.001, "2026-11-21T01:50:00.000001"],
  [-1, "1969-12-31T23:59:59.999000"],
])("the instant %d is %s", (atMs, text) => {
  expect(naiveTimestamp(atMs)).toBe(text)
})
