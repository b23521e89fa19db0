import { once } from "node:events"
import { createServer, type AddressInfo } from "node:net"
import { connect } from "node:net"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { examples } from "../../packages/contract/src/kuberay/openapi/index.ts"
import type { Listeners } from "../../packages/server/src/listeners.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { ask, keyOf, listenOn } from "./extra-listeners.ts"

let berth: BerthServer
const opened: Listeners[] = []
beforeEach(async () => {
  berth = await startBerthServer()
})
afterEach(async () => {
  for (const listeners of opened.splice(0)) await listeners.close()
  await berth.close()
})

const templates = "/apis/v1/namespaces/default/compute_templates"
const body = JSON.stringify(examples.createComputeTemplate)

async function bound(flags: Parameters<typeof listenOn>[1] = {}): Promise<string> {
  const listeners = await listenOn(berth, { kuberayListen: "127.0.0.1:0,as=ray", ...flags })
  opened.push(listeners)
  return listeners.others[0]?.address ?? ""
}

describe("the second listener", () => {
  it("serves a client that sends no key, as the key that it is bound to", async () => {
    await keyOf(berth, "ray", { role: "editor" })
    const at = await bound()
    expect((await ask(at, { path: templates, method: "POST", body })).status).toBe(200)
    expect((await ask(at, { path: `${templates}/small` })).text).toContain('"name":"small"')
    expect((await ask(at, { path: "/swagger/config.swagger.json" })).text).toContain('"swagger":"2.0"')
    expect((await ask(at, { path: "/healthz" })).status).toBe(200)
    const { json } = await berth.call("GET", "/berth/v1/audit?limit=1")
    expect(json.items[0]).toMatchObject({ actor: { kind: "key", name: "owner" } })
  })

  it("gives no more than the key's role, and nothing of other workspaces", async () => {
    await keyOf(berth, "ray", { role: "viewer" })
    const at = await bound()
    expect((await ask(at, { path: templates, method: "POST", body })).status).toBe(403)
    await berth.call("POST", "/berth/v1/workspaces", { json: { id: "other" } })
    const elsewhere = templates.replace("default", "other")
    await berth.call("POST", elsewhere, { json: { ...examples.createComputeTemplate, namespace: "other" } })
    expect((await ask(at, { path: `${elsewhere}/small` })).status).toBe(404)
    expect((await ask(at, { path: "/apis/v1/compute_templates" })).text).toBe("{}")
  })

  it.each([
    "/api/v1/workloads",
    "/berth/v1/me",
    "/metrics",
    "/readyz",
    "/healthz/",
    "/apis",
    "/reference",
    "/.well-known/jwks.json",
    "/api/v1/auth",
    "/",
    "/apis/../berth/v1/me",
    "/apis/v2/x",
    "//berth/v1/me",
  ])("has nothing at %s", async (path) => {
    await keyOf(berth, "ray")
    const at = await bound()
    const { status, text } = await ask(at, { path })
    expect({ status, text }).toEqual({ status: 404, text: '{"code":5,"message":"Not Found"}' })
  })

  it("checks a credential that is sent", async () => {
    await keyOf(berth, "ray", { role: "viewer" })
    const at = await bound()
    const wrong = { authorization: "Bearer berth_x" }
    expect((await ask(at, { path: templates, headers: wrong })).status).toBe(401)
    const owner = { authorization: berth.token }
    expect((await ask(at, { path: templates, method: "POST", body, headers: owner })).status).toBe(200)
  })

  it("ends with its key, at the next request", async () => {
    await keyOf(berth, "ray")
    const at = await bound()
    expect((await ask(at, { path: templates })).status).toBe(200)
    const { json } = await berth.call("GET", "/berth/v1/keys")
    const key = json.items.find(({ name }: { readonly name: string }) => name === "ray")
    await berth.call("DELETE", `/berth/v1/keys/${key.id}`)
    // Another one of the name is not it.
    await keyOf(berth, "ray")
    const { status, text } = await ask(at, { path: templates })
    expect([status, text]).toEqual([401, '{"code":16,"message":"The token is unknown, expired or revoked."}'])
  })

  it("answers no foreign host and no other site's page", async () => {
    await keyOf(berth, "ray")
    const at = await bound()
    expect((await ask(at, { path: templates, headers: { host: "evil.example" } })).status).toBe(403)
    const headers = { origin: "http://evil.example" }
    expect((await ask(at, { path: templates, method: "POST", body, headers })).status).toBe(403)
    const fetched = { "sec-fetch-site": "cross-site" }
    expect((await ask(at, { path: templates, method: "POST", body, headers: fetched })).status).toBe(403)
  })

  it("words what is no HTTP as the API does", async () => {
    await keyOf(berth, "ray")
    const socket = connect(Number(new URL(await bound()).port), "127.0.0.1")
    socket.end("nonsense\r\n\r\n")
    const [chunk] = (await once(socket, "data")) as [Buffer]
    expect(chunk.toString()).toMatch(/^HTTP\/1\.1 400 [\s\S]*\{"code":3,"message":"[^"]*"\}$/)
  })

  it("shows its documents without a token where they are open, and nothing else", async () => {
    await keyOf(berth, "ray")
    const listeners = await listenOn(berth, { openMetrics: true })
    opened.push(listeners)
    expect((await ask(listeners.url, { path: "/swagger/job.swagger.json" })).status).toBe(200)
    expect((await ask(listeners.url, { path: templates })).status).toBe(401)
  })

  it("the first one goes on to need a key", async () => {
    await keyOf(berth, "ray")
    await bound()
    const [listeners] = opened
    expect((await ask(listeners?.url ?? "", { path: templates })).status).toBe(401)
  })

  it("with --no-auth is the owner's where no key is named", async () => {
    await berth.close()
    berth = await startBerthServer({ noAuth: true })
    const at = await bound({ noAuth: true, kuberayListen: "127.0.0.1:0" })
    expect((await ask(at, { path: templates, method: "POST", body })).status).toBe(200)
  })

  it("closes with its connections", async () => {
    await keyOf(berth, "ray")
    const at = await bound()
    const socket = connect(Number(new URL(at).port), "127.0.0.1")
    await once(socket, "connect")
    await opened.shift()?.close()
    await once(socket, "close")
    await expect(ask(at, { path: "/healthz" })).rejects.toMatchObject({ code: "ECONNREFUSED" })
  })
})

describe("it does not start", () => {
  it.each([
    ["a key that is not there", null, 'There is no API key "ray" that holds.'],
    ["a key of no workspace", { workspaceId: null }, "is of no workspace"],
  ])("with %s", async (_, change, sentence) => {
    if (change) await keyOf(berth, "ray", change)
    await expect(bound()).rejects.toMatchObject({
      detail: "bound_key",
      message: expect.stringContaining(sentence),
    })
  })

  it("where another program listens, and then nothing of it does", async () => {
    await keyOf(berth, "ray")
    const other = createServer().listen(0, "127.0.0.1")
    await once(other, "listening")
    const { port } = other.address() as AddressInfo
    try {
      await expect(bound({ kuberayListen: `127.0.0.1:${port},as=ray` })).rejects.toMatchObject({
        detail: "address_in_use",
        message: `Another program listens on 127.0.0.1:${port} already: choose another with --kuberay-listen.`,
      })
    } finally {
      other.close()
    }
  })
})
