import { afterEach, expect, it } from "vitest"
import { createBerthClient } from "./client.ts"
import type { TestServer } from "./test-server.ts"
import { sendJson, startTestServer } from "./test-server.ts"

let server: TestServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

const client = (token: string | null = null) => createBerthClient({ baseUrl: server?.url ?? "", token })
const ann = { name: "ann", password: "correct horse" }

it("signs in with a name and a password, and out with the token", async () => {
  let sent = ""
  server = await startTestServer((request, response) => {
    request.on("data", (chunk: Buffer) => (sent += chunk.toString()))
    request.on("end", () =>
      sendJson(
        response,
        200,
        request.url === "/api/v1/login" ? { name: "ann", token: "berth_x", expire: 1_900_000_000 } : null,
      ),
    )
  })
  expect(await client().sessions.signIn(ann)).toEqual({
    token: "berth_x",
    userName: "ann",
    expiresAt: "2030-03-17T17:46:40.000Z",
  })
  expect(JSON.parse(sent)).toEqual({ type: "default", ...ann })
  await client("berth_x").sessions.signOut()
  expect(server.calls).toEqual(["POST /api/v1/login", "POST /api/v1/logout"])
  expect(server.headers[1]).toMatchObject({ authorization: "Bearer berth_x" })
})

it.each([null, [], {}, { token: "x", name: "ann" }, { token: 1, name: "ann", expire: 1 }])(
  "takes %j for the answer of something else",
  async (answer) => {
    server = await startTestServer((_request, response) => sendJson(response, 200, answer))
    await expect(client().sessions.signIn(ann)).rejects.toMatchObject({ status: 0, code: "broken" })
  },
)

it.each([301, 302, 307, 308])("sends a password to no other address (%i)", async (status) => {
  server = await startTestServer((request, response) => {
    if (request.url !== "/api/v1/login") return sendJson(response, 200, {})
    response.writeHead(status, { location: "/elsewhere" })
    response.end()
  })
  await expect(client().sessions.signIn(ann)).rejects.toMatchObject({
    status,
    message: expect.stringContaining("/elsewhere"),
  })
  expect(server.calls).toEqual(["POST /api/v1/login"])
})
