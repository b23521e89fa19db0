import { Type, type TSchema } from "typebox"
import type { RouteNotes } from "../common/index.ts"
import {
  CreateQuerySchema,
  GetQuerySchema,
  ProjectListQuerySchema,
  ServiceListQuerySchema,
  StackListQuerySchema,
} from "./query-schemas.ts"
import {
  LoginRequestSchema,
  LoginResponseSchema,
  ProjectPageSchema,
  ProjectResponseSchema,
  ServerInfoSchema,
  ServicePageSchema,
  ServiceRequestSchema,
  ServiceResponseSchema,
  ServiceUpdateSchema,
  StackPageSchema,
  StackResponseSchema,
  UserSchema,
} from "./schemas.ts"

/** One route of the API. */
export interface ServicesRoute extends RouteNotes {
  readonly method: "GET" | "POST" | "PUT" | "DELETE"
  /** Whole, parameters as `:name`. */
  readonly path: string
  readonly tag: "services" | "projects" | "stacks" | "server"
  readonly summary: string
  readonly query?: TSchema
  readonly body?: TSchema
  /** The 200 answer. */
  readonly answer: TSchema
}

const done = Type.Unsafe<null>({ const: null, description: "Done." })
const hidden = "Deprecated; `POST /api/v1/services` with `project_name_or_id` does the same."

const createExample = {
  project: "0c6f2b1e-58c4-4d83-9b0e-6e4a0a1f7b11",
  name: "churn-server",
  service_type: { type: "model-serving", flavor: "mlflow" },
  config: { model_name: "churn", service_name: "churn-server", workers: 2 },
  labels: { team: "growth" },
  status: { state: "pending_startup" },
}
const updateExample = {
  admin_state: "active",
  status: { state: "active", last_state: "pending_startup" },
  prediction_url: "http://127.0.0.1:8000/invocations",
}

const listNotes = `A filter is \`operator:value\`, or a value that the column must equal. Text and ids: \`equals\`, \`notequals\`,
\`contains\`, \`notcontains\`, \`startswith\`, \`endswith\`, \`oneof\` and \`notoneof\` (a JSON list), \`gt\`, \`gte\`, \`lt\`, \`lte\`
(as numbers), \`isnull:\`, \`isnotnull:\`. Instants: \`equals\`, \`notequals\`, \`gt\`, \`gte\`, \`lt\`, \`lte\`, \`in\` (two with a comma,
both included), \`isnull:\`, \`isnotnull:\`, always as \`2026-01-31 08:15:00\`. A parameter may be given several times.`

/** Every operation of the family by name. */
export const servicesRoutes = {
  listServices: {
    method: "GET",
    path: "/api/v1/services",
    tag: "services",
    summary: "List services",
    description: listNotes,
    refusals: [404, 422],
    query: ServiceListQuerySchema,
    answer: ServicePageSchema,
  },
  createService: {
    method: "POST",
    path: "/api/v1/services",
    tag: "services",
    summary: "Register a service",
    description: "A service with the same `config` is a 409, whatever it is called and wherever it is.",
    refusals: [404, 422],
    query: CreateQuerySchema,
    body: ServiceRequestSchema,
    example: createExample,
    answer: ServiceResponseSchema,
  },
  createServiceInWorkspace: {
    method: "POST",
    path: "/api/v1/workspaces/:project_name_or_id/services",
    tag: "services",
    summary: "Register a service in a project",
    description: hidden,
    refusals: [422],
    body: ServiceRequestSchema,
    example: createExample,
    answer: ServiceResponseSchema,
  },
  getService: {
    method: "GET",
    path: "/api/v1/services/:service_id",
    tag: "services",
    summary: "Get a service",
    refusals: [422],
    query: GetQuerySchema,
    answer: ServiceResponseSchema,
  },
  updateService: {
    method: "PUT",
    path: "/api/v1/services/:service_id",
    tag: "services",
    summary: "Change a service",
    description: "Changes what is given and not null.",
    refusals: [422],
    body: ServiceUpdateSchema,
    example: updateExample,
    answer: ServiceResponseSchema,
  },
  deleteService: {
    method: "DELETE",
    path: "/api/v1/services/:service_id",
    tag: "services",
    summary: "Forget a service",
    refusals: [422],
    answer: done,
  },
  listProjects: {
    method: "GET",
    path: "/api/v1/projects",
    tag: "projects",
    summary: "List projects",
    description: "Filters as in the list of services.",
    refusals: [422],
    query: ProjectListQuerySchema,
    answer: ProjectPageSchema,
  },
  getProject: {
    method: "GET",
    path: "/api/v1/projects/:project_name_or_id",
    tag: "projects",
    summary: "Get a project",
    refusals: [422],
    query: GetQuerySchema,
    answer: ProjectResponseSchema,
  },
  listStacks: {
    method: "GET",
    path: "/api/v1/stacks",
    tag: "stacks",
    summary: "List stacks",
    description: "Filters as in the list of services.",
    refusals: [422],
    query: StackListQuerySchema,
    answer: StackPageSchema,
  },
  getStack: {
    method: "GET",
    path: "/api/v1/stacks/:stack_id",
    tag: "stacks",
    summary: "Get a stack",
    refusals: [422],
    query: GetQuerySchema,
    answer: StackResponseSchema,
  },
  getCurrentUser: {
    method: "GET",
    path: "/api/v1/current-user",
    tag: "server",
    summary: "Get the user who asks",
    answer: UserSchema,
  },
  getInfo: {
    method: "GET",
    path: "/api/v1/info",
    tag: "server",
    summary: "Get what anybody may know of the server",
    isOpen: true,
    answer: ServerInfoSchema,
  },
  login: {
    method: "POST",
    path: "/api/v1/login",
    tag: "server",
    summary: "Exchange a password or an API key for a token",
    description: `A form with \`username\` and \`password\`, or with an API key as \`password\`. The token of a password holds for 12
hours or until it is logged out, that of a key for 15 minutes; it is set as a cookie too. With JSON, \`{"name",
"password"}\`, the answer is the user with \`token\` and \`expire\` (seconds since 1970), and refusals are those of the
Workload API, as clients of Primus-SaFE have it.`,
    refusals: [400, 401],
    isOpen: true,
    bodyMedia: "application/x-www-form-urlencoded",
    body: LoginRequestSchema,
    example: { username: "alice", password: "correct horse battery staple" },
    answer: LoginResponseSchema,
  },
  logout: {
    method: "GET",
    path: "/api/v1/logout",
    tag: "server",
    summary: "End the session and drop the cookie",
    description: "Keys, and tokens that were given for them, stay.",
    isOpen: true,
    answer: done,
  },
  logoutByPost: {
    method: "POST",
    path: "/api/v1/logout",
    tag: "server",
    summary: "End the session and drop the cookie, as clients of Primus-SaFE do",
    isOpen: true,
    answer: done,
  },
} as const satisfies Record<string, ServicesRoute>
export type ServicesOperation = keyof typeof servicesRoutes
