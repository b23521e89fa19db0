import type { BerthServer } from "./berth-server.ts"
import { curl } from "./egs-call.ts"

/*
 * A client that reads answers as strictly as the API's own Python client was seen to (reference/egs.md 1.7): a member
 * that it does not know is an error where that client's is, and statuses become the same few kinds of error. It asks
 * for a token before every call.
 */

type Json = Readonly<Record<string, unknown>>

/** What a refusal is to the client's user. */
export class ClientError extends Error {
  readonly kind: string

  constructor(kind: string, text: string) {
    super(`${kind}: ${text}`)
    this.kind = kind
  }
}

/** The object with all of these members; with others only where `isOpen`. */
function read(value: unknown, members: readonly string[], isOpen = false): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(`no object: ${JSON.stringify(value)}`)
  const extra = Object.keys(value).filter((name) => !members.includes(name))
  if (extra.length > 0 && !isOpen) throw new TypeError(`unexpected: ${extra.join(", ")}`)
  for (const name of members) if (!(name in value)) throw new TypeError(`missing: ${name}`)
  return value as Json
}

function readAll(value: unknown, members: readonly string[], isOpen = false): readonly Json[] {
  if (!Array.isArray(value)) throw new TypeError(`no list: ${JSON.stringify(value)}`)
  return value.map((element: unknown) => read(element, members, isOpen))
}

const envelopeMembers = ["status", "message", "statusCode", "data", "error"]
const gprMembers = [
  ..."gprId sliceName clusterName numberOfGPUs numberOfGPUNodes instanceType memoryPerGPU priority".split(
    " ",
  ),
  ..."gpuSharingMode estimatedStartTime estimatedWaitTime exitDuration earlyRelease gprName gpuShape".split(
    " ",
  ),
  ..."multiNode dedicatedNodes enableRDMA enableSecondaryNetwork status".split(" "),
]
const gprStatusMembers = [
  ..."provisioningStatus failureReason numGpusAllocated startTimestamp completionTimestamp cost nodes".split(
    " ",
  ),
  ..."internalState retryCount delayedCount".split(" "),
]
const nodeMembers = [
  ..."gpuNodeName gpuShape gpuModelName instanceType clusterName memory gpuCount gpuTempThreshold".split(" "),
  ..."gpuPowerThreshold cloudProvider region nodeHealth gpuNodeState cloud allocation".split(" "),
]
const sliceMembers =
  "name overlayNetworkDeploymentMode maxClusters sliceDescription clusters namespaces".split(" ")
const heldMembers =
  "instanceType gpuShape gpuSlicingProfile memoryPerGpu gpuPerNode totalGpuNodes clusterName".split(" ")
const boundMembers = "clusterName defaultTemplateName templates defaultTemplateStatus templateStatus".split(
  " ",
)

/** A GPU request as the client gives it out. */
function readGpr(value: unknown): Json {
  const gpr = read(value, gprMembers, true)
  read(gpr["status"], gprStatusMembers, true)
  return gpr
}

/** The client of one API key. */
export function strictClient(server: BerthServer, apiKey: string) {
  async function send(method: string, path: string, data: unknown, token: string) {
    const answer = await curl(server, { request: method, path, data, token })
    const envelope = answer.json as Json
    const extra = Object.keys(envelope).filter((name) => !envelopeMembers.includes(name))
    if (extra.length > 0) throw new TypeError(`unexpected: ${extra.join(", ")}`)
    return {
      status: answer.status,
      message: String(envelope["message"]),
      data: envelope["data"],
      text: answer.text,
    }
  }

  async function signIn(): Promise<string> {
    const { status, message, data, text } = await send("POST", "/auth", { apiKey }, "")
    if (status === 400) throw new ClientError("ApiKeyInvalid", text)
    if (status === 401 && message === "Api Key has expired") throw new ClientError("ApiKeyExpired", text)
    if (status === 401) throw new ClientError("ApiKeyNotFound", text)
    if (status !== 200) throw new ClientError("ServerUnreachable", text)
    return String(read(data, ["token"])["token"])
  }

  /** @param kinds of the statuses that have one of their own; `*` = every other */
  async function call(
    method: string,
    path: string,
    body?: unknown,
    kinds: Readonly<Record<string, string>> = {},
  ) {
    const { status, data, text } = await send(method, path, body, await signIn())
    if (status === 401 || status === 403) throw new ClientError("Unauthorized", text)
    if (status !== 200) throw new ClientError(kinds[status] ?? kinds["*"] ?? "UnhandledException", text)
    return data
  }

  return {
    signIn,
    async createWorkspace(workspaceName: string, clusters: readonly string[], namespaces: readonly string[]) {
      const wish = { workspaceName, clusters, namespaces, username: "John Doe", email: "john@example.com" }
      const kinds = { 409: "WorkspaceAlreadyExists", 422: "BadParameters" }
      return read(await call("POST", "/slice-workspace", wish, kinds), ["workspaceName"])
    },
    async workspaces() {
      const { workspaces } = read(await call("GET", "/slice-workspace/list"), ["workspaces"])
      return readAll(workspaces, sliceMembers)
    },
    deleteWorkspace: (workspaceName: string) => call("DELETE", "/slice-workspace", { workspaceName }),
    kubeConfig: (workspaceName: string) =>
      call("POST", "/slice-workspace/kube-config", { workspaceName, clusterName: "" }),
    async inventory() {
      const { managedNodes, unmanagedNodes } = read(
        await call("GET", "/inventory/list"),
        ["managedNodes", "unmanagedNodes"],
        true,
      )
      return {
        managed: readAll(managedNodes, nodeMembers, true),
        unmanaged: readAll(unmanagedNodes, nodeMembers, true),
      }
    },
    async workspaceInventory(sliceName: string) {
      const { items } = read(await call("GET", `/inventory?sliceName=${sliceName}`), ["items"], true)
      return readAll(items, heldMembers, true)
    },
    /** All that is optional is sent, and empty. */
    async requestGpu(wish: Json): Promise<string> {
      const empty = {
        idleTimeOutDuration: "",
        enforceIdleTimeOut: null,
        enableEviction: null,
        requeueOnFailure: null,
      }
      const automatic = {
        enableAutoGpuSelection: false,
        enableAutoClusterSelection: false,
        preferredClusters: null,
      }
      return String(read(await call("POST", "/gpr", { ...empty, ...automatic, ...wish }), ["gprId"])["gprId"])
    },
    gpuRequest: async (gprId: string) => readGpr(await call("GET", `/gpr?gprId=${gprId}`)),
    async gpuRequests(sliceName: string) {
      const { items } = read(await call("GET", `/gpr/list?sliceName=${sliceName}`), ["items"])
      return (items as unknown[]).map(readGpr)
    },
    changeGpuRequest: (gprId: string, change: Json) =>
      call("PUT", "/gpr", { gprId, ...change }, { "*": "GpuAlreadyProvisioned" }),
    cancelGpuRequest: (gprId: string) => call("DELETE", "/gpr", { gprId }, { "*": "GpuAlreadyProvisioned" }),
    releaseGpu: (gprId: string) =>
      call("PUT", "/gpr", { gprId, earlyRelease: true }, { "*": "GpuAlreadyReleased" }),
    async createApiKey(wish: Json): Promise<string> {
      return String(read(await call("POST", "/api-key", wish), ["apiKey"])["apiKey"])
    },
    async apiKeys() {
      const both = read(await call("GET", "/api-key/list"), ["items", "data"], true)
      return readAll(both["data"], ["apiKey", "name", "role", "validity"], true)
    },
    deleteApiKey: (text: string) => call("DELETE", "/api-key", { apiKey: text }, { 404: "NotFound" }),
    async createTemplate(template: Json) {
      return read(await call("POST", "/gpr-template", template), ["gprTemplateName"])
    },
    async templates() {
      // the body of two bytes that it sends with a GET
      const { items } = read(await call("GET", "/gpr-template/list", "{}"), ["items"], true)
      return readAll(items, ["name", "clusterName", "memoryPerGpu"], true)
    },
    deleteTemplate: (gprTemplateName: string) => call("DELETE", "/gpr-template", { gprTemplateName }),
    async createBinding(binding: Json) {
      const members = ["name", "namespace", "clusters", "enableAutoGPR"]
      return read(await call("POST", "/gpr-template-binding", binding), members)
    },
    async binding(name: string) {
      const path = `/gpr-template-binding?gprTemplateBindingName=${name}`
      const binding = read(await call("GET", path), ["name", "clusters", "enableAutoGPR"])
      return { ...binding, clusters: readAll(binding["clusters"], boundMembers) }
    },
    async bindings() {
      const { templateBindings } = read(
        await call("GET", "/gpr-template-binding/list", "{}"),
        ["templateBindings"],
        true,
      )
      return templateBindings as readonly unknown[]
    },
    deleteBinding: (gprTemplateBindingName: string) =>
      call("DELETE", "/gpr-template-binding", { gprTemplateBindingName }),
  }
}
