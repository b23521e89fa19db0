import { randomUUID } from "node:crypto"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { servicesFamily } from "../../packages/server/src/http/services/family.ts"
import { type FakePlane, startFakePlane, trainingJob } from "./fake-plane.ts"

const path = "/api/v1/workloads"

describe("a POST with an Idempotency-Key", () => {
  let server: FakePlane
  beforeEach(async () => {
    server = await startFakePlane({ noAuth: false })
  })
  afterEach(() => server.close())

  const post = (key: string, body: object, token = server.token) =>
    server.sendRaw({
      method: "POST",
      path,
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "idempotency-key": key,
      },
      body: JSON.stringify(body),
    })
  const idOf = ({ json }: { readonly json: unknown }) => (json as { readonly workloadId?: string }).workloadId
  const count = async () => ((await server.send({ path: "" })).json as { totalCount: number }).totalCount

  it("is carried out once, and answered alike whenever it comes again", async () => {
    const key = randomUUID()
    const first = await post(key, trainingJob)
    const again = await post(key, trainingJob)
    expect(first.status).toBe(200)
    expect(idOf(again)).toBe(idOf(first))
    expect([first.headers["idempotent-replayed"], again.headers["idempotent-replayed"]]).toEqual([
      undefined,
      "true",
    ])
    expect(again.headers["content-type"]).toBe(first.headers["content-type"])
    expect(await count()).toBe(1)
    expect(idOf(await post(randomUUID(), trainingJob))).not.toBe(idOf(first))
    expect(await count()).toBe(2)
  })

  it("is carried out once when six come at once", async () => {
    const key = randomUUID()
    const answers = await Promise.all(Array.from({ length: 6 }, () => post(key, trainingJob)))
    expect(new Set(answers.map(idOf)).size).toBe(1)
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200])
    expect(await count()).toBe(1)
  })

  it("is refused with another body, and is another request of another user", async () => {
    const key = randomUUID()
    const first = await post(key, trainingJob)
    const other = await post(key, { ...trainingJob, displayName: "other" })
    expect(other.status).toBe(422)
    expect(other.text).toContain("another body")
    const editor = await server.member("ed", { team: "editor" })
    const theirs = await post(key, trainingJob, editor)
    expect(theirs.status).toBe(200)
    expect(idOf(theirs)).not.toBe(idOf(first))
  })

  it("gives a key that is bound no answer of what is out of its reach", async () => {
    const { identity, directory, workspaces } = server.plane
    const from = { address: null, requestId: null }
    const owner = directory.authenticate(server.token, from)
    if (!owner) throw new Error("The owner is not there.")
    await workspaces.create(owner, { id: "other", description: "", clusters: null, policy: {} })
    const narrow = { name: "n", userId: owner.userId, role: null, workspaceId: "other", expiresAtMs: null }
    const { token } = await identity.createKey(owner, narrow)
    const first = await post("1", trainingJob)
    expect(first.status).toBe(200)
    const theirs = await post("1", trainingJob, token)
    expect([theirs.status, idOf(theirs)]).toEqual([404, undefined])
    const wide = { ...narrow, workspaceId: null }
    const other = await identity.createKey(owner, wide)
    expect(idOf(await post("1", trainingJob, other.token)), "a new key of the same reach").toBe(idOf(first))
  })

  it("may be tried again when it failed, and is done anew after a day", async () => {
    const key = randomUUID()
    const refused = await post(key, { ...trainingJob, workspaceId: "nowhere" })
    expect(refused.status).toBe(404)
    const first = await post(key, trainingJob)
    expect(first.status).toBe(200)
    await server.clock.advance(24 * 3_600_000 + 1)
    expect(idOf(await post(key, trainingJob))).not.toBe(idOf(first))
  })

  it.each(["", "a b", "x".repeat(256), "é"])("is refused for the key %j, where it has one", async (key) => {
    const answer = await post(key, trainingJob)
    expect(answer.status).toBe(400)
    expect(await count()).toBe(0)
  })
})

it("a POST with an Idempotency-Key is carried out once also when its answer is too long to be kept", async () => {
  const server = await startFakePlane({ noAuth: false, families: [servicesFamily] })
  try {
    const authorization = `Bearer ${server.token}`
    const headers = { authorization, "content-type": "application/json", "idempotency-key": randomUUID() }
    const project = (await server.sendRaw({ path: "/api/v1/projects/default", headers: { authorization } }))
      .json as {
      readonly id: string
    }
    const body = JSON.stringify({
      project: project.id,
      name: "large",
      service_type: { type: "t", flavor: "f" },
      config: { text: "x".repeat(1024 * 1024 - 300) },
    })
    const post = () => server.sendRaw({ method: "POST", path: "/api/v1/services", headers, body })
    const [first, again] = [await post(), await post()]
    expect([first.status, again.status]).toEqual([200, 200])
    expect(again.text).toBe(first.text)
    expect(again.headers["idempotent-replayed"]).toBe("true")
  } finally {
    await server.close()
  }
})
