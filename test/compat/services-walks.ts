import { servicesRoutes, type ServicesOperation } from "@berth/contract/services"
import type { Answer, BerthServer } from "./berth-server.ts"

type Walk = (server: BerthServer) => Promise<unknown>
const path = "/api/v1/services"
let made = 0

/** The id of the project `default`. */
export async function defaultProject(on: BerthServer): Promise<string> {
  return (await ok(on.call("GET", "/api/v1/projects/default"))).json.id
}

/** Registers a service with a config that no other has. */
export async function register(on: BerthServer, body: object = {}, token = on.token): Promise<Answer> {
  const project = await defaultProject(on)
  const json = { ...servicesRoutes.createService.example, project, config: { at: ++made }, ...body }
  return on.call("POST", path, { json, token, headers: jsonHeaders })
}

/** Without it a body is not taken for JSON. */
export const jsonHeaders = { "content-type": "application/json" }

async function ok(answer: Promise<Answer>): Promise<Answer> {
  const got = await answer
  if (got.status !== 200) throw new Error(`${got.status} ${got.text}`)
  return got
}

const ask =
  (from: string): Walk =>
  (on) =>
    ok(on.call("GET", from))
const withOne =
  (method: string, json?: object): Walk =>
  async (on) => {
    const { id } = (await ok(register(on))).json
    await ok(on.call(method, `${path}/${id}`, json ? { json, headers: jsonHeaders } : {}))
  }

/** How each operation is made to succeed. */
export const servicesWalks: Readonly<Record<ServicesOperation, Walk>> = {
  async listServices(on) {
    await ok(register(on))
    await ok(on.call("GET", `${path}?hydrate=true`))
  },
  createService: (on) => ok(register(on)),
  async createServiceInWorkspace(on) {
    const json = {
      ...servicesRoutes.createService.example,
      project: await defaultProject(on),
      config: { at: ++made },
    }
    await ok(on.call("POST", "/api/v1/workspaces/default/services", { json, headers: jsonHeaders }))
  },
  getService: withOne("GET"),
  updateService: withOne("PUT", servicesRoutes.updateService.example),
  deleteService: withOne("DELETE"),
  listProjects: ask("/api/v1/projects?hydrate=true"),
  getProject: ask("/api/v1/projects/default"),
  listStacks: ask("/api/v1/stacks?hydrate=true"),
  async getStack(on) {
    const { items } = (await ok(on.call("GET", "/api/v1/stacks"))).json
    await ok(on.call("GET", `/api/v1/stacks/${items[0].id}`))
  },
  getCurrentUser: ask("/api/v1/current-user"),
  getInfo: ask("/api/v1/info"),
  async login(on) {
    const raw = new URLSearchParams({ password: on.token }).toString()
    const headers = { "content-type": "application/x-www-form-urlencoded" }
    await ok(on.call("POST", "/api/v1/login", { raw, headers, token: "" }))
  },
  logout: ask("/api/v1/logout"),
  logoutByPost: (on) => ok(on.call("POST", "/api/v1/logout")),
}
