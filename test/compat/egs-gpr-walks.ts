import {
  egsRoutes,
  type GprOperation,
  type GprTemplateBindingOperation,
  type GprTemplateOperation,
} from "@berth/contract/egs"
import type { BerthServer } from "./berth-server.ts"

/* How each operation about GPU requests, templates and bindings is made to succeed, for the walk through all documents. */

type EgsWalk = (server: BerthServer) => Promise<unknown>

/** One call that must succeed; its `data`. */
async function data(server: BerthServer, method: string, path: string, json?: unknown) {
  const answer = await server.call(method, `/api/v1/${path}`, json === undefined ? {} : { json })
  if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
  return answer.json.data
}

const wish = { ...egsRoutes.createGpr.example, sliceName: "default", clusterName: "local" }
const template = { ...egsRoutes.createGprTemplate.example, clusterName: "local" }
const binding = {
  workspaceName: "default",
  clusters: [{ clusterName: "local", defaultTemplateName: "bound", templates: [] }],
}
const withGpr =
  (method: string, path: string, json?: (gprId: string) => unknown): EgsWalk =>
  async (server) => {
    const { gprId } = await data(server, "POST", "gpr", wish)
    await data(server, method, path.replace("ID", gprId), json?.(gprId))
  }
async function ensureTemplate(server: BerthServer, wanted: string): Promise<void> {
  const known = await data(server, "GET", "gpr-template/list")
  if (!known.items.some(({ name }: { readonly name: string }) => name === wanted))
    await data(server, "POST", "gpr-template", { ...template, name: wanted })
}
const withTemplate =
  (method: string, path: string, json?: unknown): EgsWalk =>
  async (server) => {
    await ensureTemplate(server, "made")
    await data(server, method, path, json)
  }
const withBinding =
  (method: string, path: string, json?: unknown): EgsWalk =>
  async (server) => {
    const known = await data(server, "GET", "gpr-template-binding/list")
    if (known.templateBindings.length === 0) {
      await ensureTemplate(server, "bound")
      await data(server, "POST", "gpr-template-binding", binding)
    }
    await data(server, method, path, json)
  }

type Operation = GprOperation | GprTemplateOperation | GprTemplateBindingOperation

/** By operation. A new route needs a line here. */
export const gprWalks: Readonly<Record<Operation, EgsWalk>> = {
  createGpr: (server) => data(server, "POST", "gpr", wish),
  updateGpr: withGpr("PUT", "gpr", (gprId) => ({ gprId, priority: 101 })),
  deleteGpr: withGpr("DELETE", "gpr", (gprId) => ({ gprId })),
  getGpr: withGpr("GET", "gpr?gprId=ID"),
  listGprs: withGpr("GET", "gpr/list?sliceName=default"),
  waitTime: (server) => data(server, "POST", "gpr/waittime", wish),
  createGprTemplate: (server) => data(server, "POST", "gpr-template", template),
  updateGprTemplate: withTemplate("PUT", "gpr-template", { ...template, name: "made", priority: 7 }),
  getGprTemplate: withTemplate("GET", "gpr-template?gprTemplateName=made"),
  listGprTemplates: withTemplate("GET", "gpr-template/list"),
  deleteGprTemplate: withTemplate("DELETE", "gpr-template", { gprTemplateName: "made" }),
  createGprTemplateBinding: withBinding("GET", "gpr-template-binding/list"),
  updateGprTemplateBinding: withBinding("PUT", "gpr-template-binding", binding),
  getGprTemplateBinding: withBinding("GET", "gpr-template-binding?gprTemplateBindingName=default"),
  listGprTemplateBindings: withBinding("GET", "gpr-template-binding/list"),
  deleteGprTemplateBinding: withBinding("DELETE", "gpr-template-binding", {
    gprTemplateBindingName: "default",
  }),
}
