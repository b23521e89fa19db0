import { readFileSync, readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { type RealServer, startRealServer } from "../support/real-server.ts"

let server: RealServer
beforeEach(async () => {
  server = await startRealServer({ flags: ["--simulate", "1x8xH100"] })
})
afterEach(() => server?.close())

const auth = (apiKey: string) => server.call("POST", "/api/v1/auth", { token: "", json: { apiKey } })
async function exchange(): Promise<string> {
  const { status, json } = await auth(server.token)
  expect(status).toBe(200)
  return (json as { data: { token: string } }).data.token
}
const status = async (path: string, token: string) => (await server.call("GET", path, { token })).status
const kidOf = (token: string) =>
  (JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as { kid: string }).kid
const warnings = async () =>
  ((await server.call("GET", "/berth/v1/status")).json as { warnings: readonly string[] }).warnings

it("a token holds in every API, over a kill, and after the secret key was lost, which is said", async () => {
  const token = await exchange()
  const everywhere = async () =>
    Promise.all(["/api/v1/workloads", "/berth/v1/me", "/api/v1/api-key/list"].map((at) => status(at, token)))
  expect(await everywhere()).toEqual([200, 200, 200])
  const secretFile = join(server.dataDir, "secret.key")
  expect(statSync(secretFile).mode & 0o777).toBe(0o600)
  const secret = readFileSync(secretFile, "utf8").trim()

  await server.kill9()
  await server.restart()
  expect(await everywhere()).toEqual([200, 200, 200])
  expect(kidOf(await exchange())).toBe(kidOf(token))
  expect((await warnings()).join()).not.toContain("secret.key")

  await server.kill9()
  rmSync(secretFile)
  await server.restart()
  expect((await warnings()).join()).toContain("sealed with another secret.key")
  expect(await everywhere()).toEqual([200, 200, 200])
  const next = await exchange()
  expect(kidOf(next)).not.toBe(kidOf(token))
  expect(await status("/berth/v1/me", next)).toBe(200)
  const set = (await server.call("GET", "/.well-known/jwks.json", { token: "" })).json as {
    keys: { kid: string }[]
  }
  expect(set.keys.map(({ kid }) => kid)).toEqual([kidOf(next), kidOf(token)])

  await server.stop({ pods: true })
  expect(server.errors()).toEqual([])
  for (const text of [token, next, secret, server.token]) expect(server.output()).not.toContain(text)
  for (const name of readdirSync(server.dataDir).filter((file) => file.startsWith("berth.db")))
    for (const text of [token, secret, "PRIVATE KEY"])
      expect([name, readFileSync(join(server.dataDir, name)).includes(text)]).toEqual([name, false])
})

it("keys that do not hold are limited where tokens are given out, a good one from the same address is not", async () => {
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, at) => auth(`berth_${String(at).padStart(43, "A")}`)),
  )
  const limited = answers.find((answer) => answer.status === 429)
  expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([401, 429]))
  expect(limited?.headers.get("retry-after")).toBe("1")
  expect(limited?.json).toMatchObject({ statusCode: 429, status: "TOO_MANY_REQUESTS" })
  expect(await status("/berth/v1/me", await exchange())).toBe(200)
})
