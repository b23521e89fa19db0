import { berthRoutes, type BerthRoute } from "@berth/contract/berth"
import { Check, Errors } from "typebox/value"
import { afterAll, beforeAll, expect } from "vitest"
import { startBerthServer, type Answer, type BerthServer, type CallOptions } from "./berth-server.ts"

export let server: BerthServer
export let editor: string
export let stranger: string

/** Calls a route of the table; status and body must be what it promises. */
export async function expectOk(
  name: keyof typeof berthRoutes,
  path: string,
  options: CallOptions = {},
): Promise<Answer> {
  const route: BerthRoute = berthRoutes[name]
  const answer = await server.call(route.method, path, options)
  expect(answer.text === "" ? answer.status : [answer.status, answer.json]).toEqual(
    answer.text === "" ? route.status : [route.status, answer.json],
  )
  if (route.answer && !Check(route.answer, answer.json))
    throw new Error(`${name}: ${JSON.stringify(Errors(route.answer, answer.json))} in ${answer.text}`)
  return answer
}

export async function expectError(
  method: string,
  path: string,
  status: number,
  options: CallOptions = {},
): Promise<Answer> {
  const answer = await server.call(method, path, options)
  expect([answer.status, answer.json]).toEqual([status, answer.json])
  expect(Object.keys(answer.json)).toEqual(["code", "message", "details", "requestId"])
  expect(answer.json.requestId).toBe(answer.headers.get("x-request-id"))
  expect(answer.json.message).toMatch(/^[A-Z].{5,}/)
  return answer
}

/** A server for the file, with an editor and a stranger: call it once, at the top of a file of tests. */
export function useBerth(): void {
  beforeAll(async () => {
    server = await startBerthServer()
    await expectOk("createWorkspace", "/berth/v1/workspaces", { json: { id: "team", description: "Ours" } })
    editor = await server.member("ed", { team: "editor" })
    stranger = await server.member("stranger", {})
  })
  afterAll(() => server.close())
}
