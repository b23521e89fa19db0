import {
  bandOf,
  priorityBands,
  type CreateGpuRequest,
  type GpuBinding,
  type GpuRequest,
  type GpuRequestExplanation,
  type GpuRequestId,
  type GpuRequestService,
  type GpuRequestView,
  type GpuSettingsService,
  type GpuTemplate,
  type NodeHold,
  type Price,
} from "../../packages/server/src/domain/gpu-requests/index.ts"
import { AppError } from "../../packages/server/src/kit/errors.ts"

/*
 * GPU requests without their domain: every member of what they answer has a value, and what was asked is kept. For
 * tests of how requests and answers are put on the wire.
 */

const nowMs = Date.UTC(2030, 0, 1)
const hourMs = 3_600_000
const nodeId = "nod_1" as NodeHold["nodeId"]

/** A request that waits, with everything that one can have. */
export function sampleRequest(change: Partial<GpuRequest> = {}): GpuRequest {
  return {
    id: "gpr_1" as GpuRequestId,
    shownId: "gpr-00000001-0001",
    name: "pretrain",
    workspaceId: "default",
    userId: "usr_gone",
    wish: {
      clusters: ["local"],
      instanceType: "gpu-8",
      gpuModel: "H100",
      memoryGibPerGpu: 80,
      gpusPerNode: 8,
      nodes: 1,
      pods: null,
    },
    priority: 150,
    durationMs: 4 * hourMs,
    idleTimeoutMs: 1_200_000,
    requeueOnFailure: true,
    enableEviction: false,
    multiNode: false,
    automatic: null,
    state: "queued",
    createdAtMs: nowMs,
    startedAtMs: null,
    endsAtMs: null,
    endedAtMs: null,
    nodes: [],
    place: null,
    remainingMs: 1500,
    heldBeforeMs: 0,
    retries: 1,
    cause: null,
    failureReason: "",
    promised: { startMs: nowMs + hourMs, atMs: nowMs },
    estimate: { startMs: null, atMs: nowMs + 1 },
    idleSinceMs: null,
    idleMs: 0,
    version: 1,
    ...change,
  }
}

const nearest = {
  clusterId: "local",
  instanceType: "gpu-8",
  gpuModel: "NVIDIA-H100-80GB-HBM3",
  memoryGibPerGpu: 80,
  gpusPerNode: 8,
  nodes: 2,
}

function viewOf(request: GpuRequest): GpuRequestView {
  const slot = { startMs: nowMs + hourMs, endMs: nowMs + 5 * hourMs, clusterId: "local", nodeIds: [nodeId] }
  return {
    request,
    slot: request.state === "queued" ? slot : null,
    likelyStartMs: request.state === "queued" ? nowMs + hourMs / 2 : null,
    reasons: [
      {
        code: "quota_short",
        requestIds: ["gpr_hidden" as GpuRequestId],
        nodes: ["node-a"],
        needed: 2,
        free: 1,
        untilMs: nowMs + hourMs,
      },
      { code: "cannot_be_met", detail: "No node has 16 GPUs.", nearest },
    ],
    cost: { micros: 12_500_000, currency: "USD" },
  }
}

/** What was asked of the services, by method. */
export interface Asked {
  readonly created: Omit<CreateGpuRequest, "name">[]
  readonly extended: number[]
  readonly spans: unknown[]
  readonly prices: Price[]
  readonly templates: GpuTemplate[]
  readonly bindings: GpuBinding[]
}

function notFound(resource: string, name: string): AppError {
  return new AppError("not_found", `There is no such ${resource}.`, { resource, name })
}

/** Services that answer with samples. @param refuse a fault that `create`, `change` and `extend` are to end with */
export function scriptedGpus(given: { readonly refuse?: () => AppError | undefined } = {}) {
  const asked: Asked = {
    created: [],
    extended: [],
    spans: [],
    prices: [],
    templates: [],
    bindings: [],
  }
  const rows = new Map<string, GpuRequest>()
  const find = (id: string) => {
    const found = [...rows.values()].find((row) => row.shownId === id || row.id === id)
    if (!found) throw notFound("gpu-request", id)
    return found
  }
  const put = (row: GpuRequest) => {
    rows.set(row.id, row)
    return row
  }
  const checkRefusal = () => {
    const fault = given.refuse?.()
    if (fault) throw fault
  }
  const explained = (row: GpuRequest): GpuRequestExplanation => ({
    ...viewOf(row),
    position: 2,
    ahead: { ids: ["gpr-0000000a-000a"], count: 3 },
    sentences: ["It needs 2 nodes, and 1 is free."],
    inTheWay: [
      { shownId: "gpr-0000000a-000a", workspaceId: "default", untilMs: nowMs + hourMs, nodes: ["node-a"] },
    ],
    inTheWayHidden: 1,
    holds: [
      {
        nodeId,
        requestId: row.id,
        workspaceId: row.workspaceId,
        state: "draining",
        sinceMs: nowMs,
        drainDeadlineMs: nowMs + 60_000,
        untilMs: nowMs + hourMs,
        automatic: false,
        version: 1,
      },
    ],
    moves: [],
  })
  const gpuRequests: GpuRequestService = {
    async create(_, wanted) {
      checkRefusal()
      asked.created.push(wanted)
      const number = rows.size + 1
      const shownId = `gpr-${number.toString(16).padStart(8, "0")}-0000`
      const made = {
        ...sampleRequest({ name: wanted.name, priority: wanted.priority }),
        durationMs: wanted.durationMs,
        workspaceId: wanted.workspaceId,
      }
      return put({ ...made, id: `gpr_${number}` as GpuRequestId, shownId })
    },
    get: async (_, id) => viewOf(find(id)),
    listIn: async () => [...rows.values()].map(viewOf),
    page: async (_, { states, workspaceId }, limit) => ({
      items: [...rows.values()]
        .filter((row) => states?.includes(row.state) ?? true)
        .filter((row) => workspaceId === undefined || row.workspaceId === workspaceId)
        .slice(0, limit)
        .map(viewOf),
      nextCursor: null,
    }),
    // every other position: those between are of others
    queue: async (_, limit) =>
      [...rows.values()]
        .filter((row) => row.state === "queued")
        .slice(0, limit)
        .map((row, index) => ({ ...viewOf(row), position: 2 * index + 1 })),
    async change(_, id, change) {
      const row = find(id)
      checkRefusal()
      put({ ...row, name: change.name ?? row.name, priority: change.priority ?? row.priority })
    },
    async cancel(_, id) {
      put({ ...find(id), state: "cancelled", cause: "cancelled", endedAtMs: nowMs })
    },
    async release(_, id) {
      put({ ...find(id), state: "early_released", cause: "released", endedAtMs: nowMs })
    },
    async extend(_, id, byMs) {
      const row = find(id)
      checkRefusal()
      asked.extended.push(byMs)
      return put({ ...row, durationMs: row.durationMs + byMs })
    },
    explain: async (_, id) => explained(find(id)),
    async estimate(_, wanted) {
      checkRefusal()
      asked.created.push(wanted)
      return {
        outcome: "later",
        startMs: nowMs + hourMs,
        waitMs: hourMs,
        likelyStartMs: nowMs + hourMs / 2,
        clusterId: "local",
        nodes: ["node-a"],
        reason: { code: "queue_paused" },
        sentence: "It would start in about an hour.",
        nearest,
        alternatives: [
          { ...nearest, durationMs: hourMs, startMs: nowMs, waitMs: 0, sentence: "1 node instead of 2." },
        ],
      }
    },
    accuracy: async () =>
      priorityBands.map((band) => ({
        band,
        started: band === bandOf(150) ? 3 : 0,
        medianErrorSeconds: band === "medium" ? -1.5 : null,
        p90AbsoluteErrorSeconds: band === "medium" ? 12 : null,
        medianRelativeError: null,
        p90RelativeError: null,
        likely: {
          started: band === "medium" ? 2 : 0,
          medianErrorSeconds: band === "medium" ? 0.5 : null,
          p90AbsoluteErrorSeconds: band === "medium" ? 3 : null,
          medianRelativeError: band === "medium" ? 0.25 : null,
          p90RelativeError: null,
        },
      })),
    async timeline(_, span) {
      asked.spans.push(span)
      const bar = { nodeName: "node-a", clusterId: "local", startMs: nowMs, endMs: nowMs + hourMs }
      return [
        { ...bar, requestId: "gpr-00000001-0001", name: "pretrain", workspaceId: "default", kind: "running" },
        { ...bar, requestId: null, name: null, workspaceId: null, kind: "predicted" },
      ]
    },
    inventory: async () => [],
    inventoryOf: async () => [],
  }
  return { asked, gpuRequests, gpuSettings: scriptedSettings(asked) }
}

function scriptedSettings(asked: Asked): GpuSettingsService {
  const templates = new Map<string, GpuTemplate>()
  const bindings = new Map<string, GpuBinding>()
  const known = <T>(from: ReadonlyMap<string, T>, resource: string, name: string): T => {
    const found = from.get(name)
    if (!found) throw notFound(resource, name)
    return found
  }
  const made = { createdAtMs: nowMs, version: 1 }
  const keepTemplate = (template: GpuTemplate) => {
    templates.set(template.name, template)
    asked.templates.push(template)
    return template
  }
  const keepBinding = (binding: GpuBinding) => {
    bindings.set(binding.workspaceId, binding)
    asked.bindings.push(binding)
    return binding
  }
  return {
    templates: async () => [...templates.values()],
    template: async (_, name) => known(templates, "gpu-template", name),
    createTemplate: async (_, template) => keepTemplate({ ...template, ...made }),
    updateTemplate: async (_, template) =>
      keepTemplate({ ...known(templates, "gpu-template", template.name), ...template }),
    async deleteTemplate(_, name) {
      templates.delete(known(templates, "gpu-template", name).name)
    },
    bindings: async () => [...bindings.values()],
    binding: async (_, id) => known(bindings, "gpu-template-binding", id),
    createBinding: async (_, binding) => keepBinding({ ...binding, ...made }),
    updateBinding: async (_, binding) =>
      keepBinding({ ...known(bindings, "gpu-template-binding", binding.workspaceId), ...binding }),
    async deleteBinding(_, id) {
      bindings.delete(known(bindings, "gpu-template-binding", id).workspaceId)
    },
    prices: async () => asked.prices,
    async setPrices(_, prices) {
      asked.prices.splice(0, asked.prices.length, ...prices)
      return prices
    },
  }
}
