import type { EgsOperation } from "@berth/contract/egs"
import type { BerthServer } from "./berth-server.ts"
import { gprWalks } from "./egs-gpr-walks.ts"

type Walk = (server: BerthServer) => Promise<unknown>

/** Operations that nothing here can make succeed: only Kubernetes clusters have a kubeconfig. */
export const withoutSuccess = ["getKubeConfig", "kubeConfig"] as const satisfies EgsOperation[]

const call =
  (method: string, path: string, json?: unknown): Walk =>
  async (on) => {
    const { status, text } = await on.call(method, `/api/v1${path}`, json === undefined ? {} : { json })
    if (status !== 200) throw new Error(`${status} ${text}`)
  }
const inTurn =
  (...walks: readonly Walk[]): Walk =>
  async (on) => {
    for (const walk of walks) await walk(on)
  }
const makeWorkspace = (workspaceName: string) =>
  call("POST", "/slice-workspace", {
    workspaceName,
    clusters: ["local"],
    namespaces: [`of-${workspaceName}`],
  })

/** How each operation of the EGS API is made to succeed. A new route needs a line here. */
export const egsWalks: Readonly<Record<Exclude<EgsOperation, (typeof withoutSuccess)[number]>, Walk>> = {
  ...gprWalks,
  auth: (on) => call("POST", "/auth", { apiKey: on.token })(on),
  createApiKey: call("POST", "/api-key", { name: "made", role: "Viewer", validity: "2999-12-31" }),
  async deleteApiKey(on) {
    const wish = { name: "goes", role: "Owner", validity: "2999-12-31" }
    const { json } = await on.call("POST", "/api/v1/api-key", { json: wish })
    await call("DELETE", "/api-key", { apiKey: json.data.apiKey })(on)
  },
  listApiKeys: call("GET", "/api-key/list"),
  createWorkspace: makeWorkspace("egs-made"),
  updateWorkspace: inTurn(
    makeWorkspace("egs-changed"),
    call("PUT", "/slice-workspace", { workspaceName: "egs-changed", namespaces: ["another"] }),
  ),
  deleteWorkspace: inTurn(
    makeWorkspace("egs-gone"),
    call("DELETE", "/slice-workspace", { workspaceName: "egs-gone" }),
  ),
  listWorkspaces: call("GET", "/slice-workspace/list"),
  listInventory: call("GET", "/inventory/list"),
  workspaceInventory: call("GET", "/inventory?sliceName=default"),
}
