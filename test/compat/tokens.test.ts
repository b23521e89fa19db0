import { createPublicKey, verify } from "node:crypto"
import { get } from "node:http"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Principal } from "../../packages/server/src/domain/identity/index.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"

let server: BerthServer
let owner: Principal
const from = { address: null, requestId: null }

beforeEach(async () => {
  await begin()
})
afterEach(() => server.close())

async function begin(options: Parameters<typeof startBerthServer>[0] = {}) {
  server = await startBerthServer(options)
  const principal = server.plane.directory.authenticate(server.token, from)
  if (!principal) throw new Error("The owner's key does not hold.")
  owner = principal
}

const exchange = async (key: string) => (await server.plane.tokens.exchangeKey(key, from)).token
const status = async (path: string, token: string) => (await server.call("GET", path, { token })).status
const job = {
  displayName: "train",
  workspaceId: "default",
  resource: { replica: 1, cpu: "4", gpu: "8", memory: "16Gi" },
  image: "image",
  entryPoint: Buffer.from("true").toString("base64"),
  groupVersionKind: { kind: "PyTorchJob", version: "v1" },
}

describe("a token over a socket", () => {
  it("does what its key does in every family", async () => {
    const token = await exchange(server.token)
    const made = await server.call("POST", "/api/v1/workloads", { token, json: job })
    expect(made.status).toBe(200)
    expect(
      (await server.call("GET", `/api/v1/workloads/${made.json.workloadId}`, { token })).json,
    ).toMatchObject({ userName: "owner" })
    const me = await server.call("GET", "/berth/v1/me", { token })
    const byKey = (await server.call("GET", "/berth/v1/me")).json
    const { credential } = byKey
    expect(credential).toEqual({ kind: "key", name: expect.any(String), expiresAt: null })
    const expiresAt = new Date(Math.floor(server.clock.nowMs() / 1000) * 1000 + 900_000).toISOString()
    expect(me.json).toEqual({ ...byKey, credential: { ...credential, kind: "token", expiresAt } })
    expect((await server.call("GET", "/metrics", { token })).status).toBe(200)
    const bare = { authorization: token }
    expect((await server.call("GET", "/berth/v1/me", { token: "", headers: bare })).status).toBe(200)
    const audit = (await server.call("GET", "/berth/v1/audit?operation=workload.create", { token })).json
    expect(audit.items[0].actor).toMatchObject({ kind: "key", name: "owner", keyId: me.json.keyId })
  })

  it("ends with its key, at the next call", async () => {
    const { userId } = owner
    const wish = { name: "ci", userId, role: null, workspaceId: null, expiresAtMs: null }
    const { key, token: secret } = await server.plane.identity.createKey(owner, wish)
    const token = await exchange(secret)
    expect(await status("/berth/v1/me", token)).toBe(200)
    await server.call("DELETE", `/berth/v1/keys/${key.id}`)
    expect(await status("/berth/v1/me", token)).toBe(401)
    expect((await server.call("GET", "/api/v1/workloads", { token })).json).toEqual({
      errorCode: "Primus.00009",
      errorMessage: "The user's token is invalid, please login first",
    })
  })

  it("follows its user's roles, at the next call, and a frozen user's is refused", async () => {
    const { call } = server
    await call("POST", "/berth/v1/workspaces", { json: { id: "team" } })
    const token = await exchange(await server.member("ann", { team: "viewer" }))
    const submit = () => call("POST", "/api/v1/workloads", { token, json: { ...job, workspaceId: "team" } })
    expect((await submit()).status).toBe(403)
    await call("PUT", "/berth/v1/workspaces/team/members/ann", { json: { role: "editor" } })
    expect((await submit()).status).toBe(200)
    await call("DELETE", "/berth/v1/workspaces/team/members/ann")
    expect((await submit()).status).toBe(404)
    await call("PATCH", "/berth/v1/users/ann", { json: { frozen: true } })
    expect(await status("/berth/v1/me", token)).toBe(403)
  })

  it("is refused in the same words whatever is wrong with it", async () => {
    const token = await exchange(server.token)
    const [head = "", body = "", signature = ""] = token.split(".")
    const changed = Buffer.from(body, "base64url")
      .toString()
      .replace(owner.keyId ?? "", "key_other")
    const none = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT" })).toString("base64url")
    const answers = await Promise.all(
      [
        "unknown",
        "a.b.c",
        `${none}.${body}.`,
        `${none}.${body}.${signature}`,
        `${head}.${Buffer.from(changed).toString("base64url")}.${signature}`,
        `${head}.${body}.${signature.slice(0, -8)}AAAAAAAA`,
        `${head}.${body}`,
        `${token}.${signature}`,
        `berth_${"A".repeat(43)}`,
      ].map((text) => server.call("GET", "/berth/v1/me", { token: text })),
    )
    await server.clock.advance(900_000)
    answers.push(await server.call("GET", "/berth/v1/me", { token }))
    for (const answer of answers)
      expect([answer.status, { ...answer.json, requestId: "" }]).toEqual([
        401,
        {
          code: "unauthenticated",
          message: "The token is unknown, expired or revoked.",
          details: [],
          requestId: "",
        },
      ])
  })

  it("ends the streams that it opened when it ends", async () => {
    const token = await exchange(server.token)
    const over = new Promise<void>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, accept: "text/event-stream" }
      get(`${server.url}/berth/v1/events`, { headers, agent: false }, (answer) => {
        expect(answer.statusCode).toBe(200)
        answer.resume().on("close", resolve).on("error", reject)
      })
    })
    await server.until(() => (server.streams.count > 0 ? true : undefined))
    await server.clock.advance(870_000)
    expect(server.streams.count).toBe(1)
    await server.clock.advance(60_000)
    await over
  })

  it("counts with its key against the key's rate", async () => {
    await server.close()
    await begin({ keyLimit: { perSecond: 1, burst: 2 } })
    const token = await exchange(server.token)
    expect(await status("/berth/v1/me", token)).toBe(200)
    expect(await status("/berth/v1/me", server.token)).toBe(200)
    const third = await server.call("GET", "/api/v1/workloads", { token })
    expect([third.status, third.headers.get("retry-after"), third.json]).toEqual([
      429,
      "1",
      { errorCode: "Primus.00008", errorMessage: "Too many requests of this key; try again in 1 s." },
    ])
    await server.clock.advance(1000)
    expect(await status("/berth/v1/me", token)).toBe(200)
  })
})

describe("/.well-known/jwks.json", () => {
  it("shows without a token what verifies tokens, and nothing that signs", async () => {
    const { status, json, headers } = await server.call("GET", "/.well-known/jwks.json", { token: "" })
    expect(status).toBe(200)
    expect(headers.get("cache-control")).toBe("public, max-age=300")
    const [key] = json.keys
    expect(json).toEqual({
      keys: [{ kty: "RSA", n: expect.any(String), e: "AQAB", kid: key.kid, alg: "RS256", use: "sig" }],
    })
    const [head, body, signature = ""] = (await exchange(server.token)).split(".")
    const publicKey = createPublicKey({ key, format: "jwk" })
    const holds = verify(
      "sha256",
      Buffer.from(`${head}.${body}`),
      publicKey,
      Buffer.from(signature, "base64url"),
    )
    expect(holds).toBe(true)
    const claims = JSON.parse(Buffer.from(body ?? "", "base64url").toString())
    expect(claims.sub).toBe(owner.keyId)
    expect(claims.exp).toBe(claims.iat + 900)
  })
})

it("failed sign-ins are limited over a socket, a good token from the same address is not", async () => {
  await server.close()
  await begin({ failureLimit: { perSecond: 10, burst: 20 } })
  const token = await exchange(server.token)
  const statuses: number[] = []
  for (let at = 0; at < 22; at++) statuses.push(await status("/berth/v1/me", "x.y.z"))
  expect(statuses).toEqual([...Array.from({ length: 20 }, () => 401), 429, 429])
  const limited = await server.call("GET", "/api/v1/workloads", { token: "wrong" })
  expect([limited.status, limited.json.errorCode, limited.headers.get("retry-after")]).toEqual([
    429,
    "Primus.00008",
    "1",
  ])
  expect(await status("/berth/v1/me", token)).toBe(200)
  expect(await status("/berth/v1/me", server.token)).toBe(200)
  await server.clock.advance(100)
  expect(await status("/berth/v1/me", "wrong")).toBe(401)
})
