import {
  CreateGprAnswerSchema,
  CreateGprTemplateAnswerSchema,
  GprAnswerSchema,
  GprListAnswerSchema,
  GprTemplateAnswerSchema,
  GprTemplateBindingAnswerSchema,
  GprTemplateBindingListAnswerSchema,
  GprTemplateListAnswerSchema,
  NothingAnswerSchema,
  WaitTimeAnswerSchema,
  WrittenGprTemplateBindingAnswerSchema,
} from "./answers.ts"
import type { EgsRoute } from "./route.ts"
import {
  CreateGprRequestSchema,
  GprIdSchema,
  GprTemplateBindingNameSchema,
  GprTemplateBindingRequestSchema,
  GprTemplateNameSchema,
  GprTemplateRequestSchema,
  SliceNameQuerySchema,
  UpdateGprRequestSchema,
  WaitTimeRequestSchema,
} from "./schemas.ts"

/** One T4 node for five minutes. */
const wishExample = {
  sliceName: "workspace1",
  clusterName: "worker-1",
  numberOfGPUs: 1,
  instanceType: "n1-standard-8",
  exitDuration: "0d0h5m",
  numberOfGPUNodes: 1,
  priority: 201,
  memoryPerGPU: 15,
  gpuShape: "Tesla-T4",
}

const templateExample = {
  name: "t4",
  clusterName: "worker-1",
  numberOfGPUs: 1,
  numberOfGPUNodes: 1,
  memoryPerGpu: 15,
  gpuShape: "Tesla-T4",
  instanceType: "n1-standard-8",
  exitDuration: "0d1h0m",
  priority: 101,
}

const bindingExample = {
  workspaceName: "workspace1",
  clusters: [{ clusterName: "worker-1", defaultTemplateName: "t4", templates: ["t4"] }],
  enableAutoGPR: true,
}

/** The operations about GPU requests, by name. */
export const gprRoutes = {
  createGpr: {
    method: "POST",
    path: "/api/v1/gpr",
    tag: "gpr",
    summary: "Ask for GPU nodes",
    description:
      "It is Queued at first and gets its nodes when they are free and it is its turn: by priority, then by creation. What no node can ever do stays Queued too, without an estimate. At most 100 may be queued in a workspace.",
    refusals: [404, 422],
    example: { gprName: "gpr1", ...wishExample },
    body: CreateGprRequestSchema,
    answer: CreateGprAnswerSchema,
  },
  updateGpr: {
    method: "PUT",
    path: "/api/v1/gpr",
    tag: "gpr",
    summary: "Change a GPU request, or give its nodes back",
    description:
      "Name and priority only while it is Queued, early release only while it has nodes: otherwise a 500 that names its state, as upstream.",
    refusals: [404, 422],
    example: { gprId: "gpr-e4e38fc5-4742", priority: 101 },
    body: UpdateGprRequestSchema,
    answer: NothingAnswerSchema,
  },
  deleteGpr: {
    method: "DELETE",
    path: "/api/v1/gpr",
    tag: "gpr",
    summary: "Take a GPU request out of the queue",
    description: "Only while it is Queued: otherwise a 500 that names its state, as upstream.",
    refusals: [404, 422],
    example: { gprId: "gpr-e4e38fc5-4742" },
    body: GprIdSchema,
    answer: NothingAnswerSchema,
  },
  getGpr: {
    method: "GET",
    path: "/api/v1/gpr",
    tag: "gpr",
    summary: "Get a GPU request",
    refusals: [404, 422],
    query: GprIdSchema,
    answer: GprAnswerSchema,
  },
  listGprs: {
    method: "GET",
    path: "/api/v1/gpr/list",
    tag: "gpr",
    summary: "List the GPU requests of a workspace",
    refusals: [404, 422],
    query: SliceNameQuerySchema,
    answer: GprListAnswerSchema,
  },
  waitTime: {
    method: "POST",
    path: "/api/v1/gpr/waittime",
    tag: "gpr",
    summary: "Ask how long a GPU request would wait",
    description: "Changes nothing; whoever may read the workspace may ask.",
    refusals: [404, 422],
    example: wishExample,
    body: WaitTimeRequestSchema,
    answer: WaitTimeAnswerSchema,
  },
} as const satisfies Record<string, EgsRoute>

/** Those about templates. */
export const gprTemplateRoutes = {
  createGprTemplate: {
    method: "POST",
    path: "/api/v1/gpr-template",
    tag: "gpr-template",
    summary: "Create a template",
    refusals: [404, 422],
    example: templateExample,
    body: GprTemplateRequestSchema,
    answer: CreateGprTemplateAnswerSchema,
  },
  updateGprTemplate: {
    method: "PUT",
    path: "/api/v1/gpr-template",
    tag: "gpr-template",
    summary: "Replace a template",
    refusals: [404, 422],
    example: templateExample,
    body: GprTemplateRequestSchema,
    answer: NothingAnswerSchema,
  },
  deleteGprTemplate: {
    method: "DELETE",
    path: "/api/v1/gpr-template",
    tag: "gpr-template",
    summary: "Delete a template",
    description: "Not while a binding names it.",
    refusals: [404, 422],
    example: { gprTemplateName: "t4" },
    body: GprTemplateNameSchema,
    answer: NothingAnswerSchema,
  },
  getGprTemplate: {
    method: "GET",
    path: "/api/v1/gpr-template",
    tag: "gpr-template",
    summary: "Get a template",
    refusals: [404, 422],
    query: GprTemplateNameSchema,
    answer: GprTemplateAnswerSchema,
  },
  listGprTemplates: {
    method: "GET",
    path: "/api/v1/gpr-template/list",
    tag: "gpr-template",
    summary: "List templates",
    answer: GprTemplateListAnswerSchema,
  },
} as const satisfies Record<string, EgsRoute>

/** Those about bindings. */
export const gprTemplateBindingRoutes = {
  createGprTemplateBinding: {
    method: "POST",
    path: "/api/v1/gpr-template-binding",
    tag: "gpr-template-binding",
    summary: "Bind templates to a workspace",
    refusals: [404, 422],
    example: bindingExample,
    body: GprTemplateBindingRequestSchema,
    answer: WrittenGprTemplateBindingAnswerSchema,
  },
  updateGprTemplateBinding: {
    method: "PUT",
    path: "/api/v1/gpr-template-binding",
    tag: "gpr-template-binding",
    summary: "Replace the binding of a workspace",
    refusals: [404, 422],
    example: bindingExample,
    body: GprTemplateBindingRequestSchema,
    answer: WrittenGprTemplateBindingAnswerSchema,
  },
  deleteGprTemplateBinding: {
    method: "DELETE",
    path: "/api/v1/gpr-template-binding",
    tag: "gpr-template-binding",
    summary: "Delete the binding of a workspace",
    refusals: [404, 422],
    example: { gprTemplateBindingName: "workspace1" },
    body: GprTemplateBindingNameSchema,
    answer: NothingAnswerSchema,
  },
  getGprTemplateBinding: {
    method: "GET",
    path: "/api/v1/gpr-template-binding",
    tag: "gpr-template-binding",
    summary: "Get the binding of a workspace",
    refusals: [404, 422],
    query: GprTemplateBindingNameSchema,
    answer: GprTemplateBindingAnswerSchema,
  },
  listGprTemplateBindings: {
    method: "GET",
    path: "/api/v1/gpr-template-binding/list",
    tag: "gpr-template-binding",
    summary: "List bindings",
    answer: GprTemplateBindingListAnswerSchema,
  },
} as const satisfies Record<string, EgsRoute>
