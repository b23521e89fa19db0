import { afterAll, beforeAll, expect } from "vitest"
import { startBerthServer, type Answer, type BerthServer, type CallOptions } from "./berth-server.ts"
import { defaultProject, jsonHeaders } from "./services-walks.ts"

/* The services API over real sockets: what the documented server was seen to answer, row by row. */

export let server: BerthServer
export let project: string
export let owner: { readonly id: string; readonly name: string }

export const path = "/api/v1/services"
export const nobody = "00000000-0000-0000-0000-000000000000"
export const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?$/)
export const uuid = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
let configs = 0
/** No two services have the same. */
export const config = () => ({ k: ++configs })
export const minimal = () => ({
  project,
  name: "svc-min",
  service_type: { type: "model-serving", flavor: "ray" },
  config: config(),
})

export const get = (rest: string, options: CallOptions = {}) => server.call("GET", path + rest, options)
export const send = (method: string, rest: string, json: unknown, options: CallOptions = {}) =>
  server.call(method, path + rest, { json, ...options, headers: { ...jsonHeaders, ...options.headers } })
export const post = (json: unknown, options?: CallOptions) => send("POST", "", json, options)
export const rule = (name: string, sentence: unknown) => ({ detail: [name, sentence] })
export const missing = (id: string) =>
  rule("KeyError", `"Unable to get service with ID '${id}': No service with this ID found"`)
export const names = ({ json }: Answer) => json.items.map(({ name }: { readonly name: string }) => name)

/** A server for the file, and what its register begins with: call it once, at the top of a file of tests. */
export function useServer(): void {
  beforeAll(async () => {
    server = await startBerthServer()
    project = await defaultProject(server)
    const { json } = await server.call("GET", "/api/v1/current-user")
    owner = { id: json.id, name: json.name }
  })
  afterAll(() => server.close())
}
