import { swaggerDocument, swaggerNames } from "@berth/contract/kuberay"
import { afterAll, beforeAll, expect, it } from "vitest"
import { startKuberayServer } from "./test-server.ts"

let server: Awaited<ReturnType<typeof startKuberayServer>>
beforeAll(async () => {
  server = await startKuberayServer()
})
afterAll(() => server.close())

it.each(swaggerNames)("the document of %s is where upstream has it", async (name) => {
  const answer = await server.send({ path: `/swagger/${name}.swagger.json` })
  expect([answer.status, answer.headers["content-type"]]).toEqual([200, "application/json"])
  expect(answer.json).toEqual(swaggerDocument(name))
})

it.each(["", "x.swagger.json", "cluster.json", "..%2Fcluster.swagger.json"])(
  "/swagger/%s is not there, in the words of a file server",
  async (file) => {
    const answer = await server.send({ path: `/swagger/${file}` })
    expect([answer.status, answer.text]).toEqual([404, "404 page not found\n"])
    expect(answer.headers["x-content-type-options"]).toBe("nosniff")
  },
)

it("a document needs a token", async () => {
  const path = "/swagger/serve.swagger.json"
  const answer = await server.send({ path, headers: { authorization: "" } })
  expect([answer.status, Object.keys(answer.json as object)]).toEqual([401, ["code", "message"]])
})

it("a path below none is nothing, in the API's words", async () => {
  const answer = await server.send({ path: "/swagger/a/b" })
  expect([answer.status, answer.text]).toEqual([404, '{"code":5,"message":"Not Found"}'])
})
