import { describe, expect, it } from "vitest"
import { runCli } from "../program.ts"
import { useTestCli } from "../test-cli.ts"
import { createTestTerminal, type TestTerminal } from "../test-terminal.ts"

const { berth, serve } = useTestCli()

describe("berth events", () => {
  it("says so where there are none, and gives programs an empty list", async () => {
    await serve({ "GET /berth/v1/events": () => ({ body: { items: [], nextCursor: null } }) })
    const { code, out, err } = await berth(["events", "--subject", "workload/mistyped"])
    expect([code, out, err]).toEqual([0, "", "There are no such events.\n"])
    const json = await berth(["events", "-o", "json"])
    expect([json.code, json.out, json.err]).toEqual([0, "[]\n", ""])
  })

  it("-o json -f writes one event a line and ends with Ctrl-C", async () => {
    const event = (id: string) => ({
      id,
      type: "workload.created",
      subject: "workload/a",
      time: "t",
      data: {},
      actorkind: "user",
      actorname: "ada",
    })
    const live = Promise.withResolvers<void>()
    const api = await serve({
      "GET /berth/v1/events": (call) => {
        if (call.request.headers.accept !== "text/event-stream")
          return { body: { items: [event("2"), event("1")], nextCursor: "1" } }
        expect(call.request.headers["last-event-id"]).toBe("2")
        call.response.writeHead(200, { "content-type": "text/event-stream" })
        call.response.write(`id: 3\nevent: message\ndata: ${JSON.stringify(event("3"))}\n\n`)
        return "written"
      },
    })
    const base = createTestTerminal({ env: { BERTH_SERVER: api.url } })
    const terminal: TestTerminal = {
      ...base,
      out(text) {
        base.out(text)
        if (text.includes('"3"')) live.resolve()
      },
    }
    const ended = runCli(["events", "-f", "-o", "json", "--last", "2"], terminal)
    await live.promise
    base.interrupt()
    expect(await ended).toBe(0)
    const lines = base
      .stdout()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { id: string })
    expect(lines.map((one) => one.id)).toEqual(["1", "2", "3"])
    expect(api.calls[0]?.query.toString()).toBe("limit=2&backwards=true")
  })
})
