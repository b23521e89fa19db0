import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { JsonText } from "../../packages/server/src/domain/services/index.ts"
import { systemClock } from "../../packages/server/src/kit/clock.ts"
import { silentLog } from "../../packages/server/src/kit/log.ts"
import { openStore } from "../../packages/server/src/store/index.ts"
import { sampleRecord } from "../../packages/server/src/store/service-samples.ts"
import { type RealServer, startRealServer } from "../support/real-server.ts"

const count = 180
const configBytes = 1_000_000
/** Less than one page is: a server that had all of it in its memory would end. */
const heapMib = 110

let server: RealServer
beforeAll(async () => {
  server = await startRealServer({ env: { NODE_OPTIONS: `--max-old-space-size=${heapMib}` } })
  if (server.database) return
  await server.stop({ pods: true })
  const store = openStore({ path: join(server.dataDir, "berth.db"), clock: systemClock, log: silentLog })
  for (let n = 1; n <= count; n++)
    await store.tx((tx) =>
      store.services.records.insert(
        tx,
        sampleRecord(n, {
          workspaceId: "default",
          name: `heavy-${n}`,
          config: `{"n": ${n}, "text": "${"x".repeat(configBytes)}"}` as JsonText,
        }),
      ),
    )
  await store.close()
  await server.restart()
})
afterAll(() => server.close())

async function ask(query: string): Promise<Response> {
  return fetch(`${server.url}/api/v1/services?${query}`, {
    headers: { authorization: `Bearer ${server.token}` },
  })
}

describe("a page that is longer than the server's memory", () => {
  it("comes whole, also to several who ask at once", async (context) => {
    if (server.database) context.skip("its rows are put into the file of the database")
    const read = async () => {
      const answer = await ask("size=10000&hydrate=true")
      expect(answer.status).toBe(200)
      let bytes = 0
      let names = 0
      let last = ""
      for await (const chunk of answer.body ?? []) {
        const text = last + Buffer.from(chunk as Uint8Array).toString("latin1")
        bytes += (chunk as Uint8Array).length
        // one that lies across two chunks is found with the second
        names += text.split('"name":"heavy-').length - 1 - (last.split('"name":"heavy-').length - 1)
        last = text.slice(-20)
      }
      expect(last.endsWith("]}")).toBe(true)
      return { names, isWhole: bytes > count * configBytes }
    }
    expect(await Promise.all([read(), read()])).toEqual([
      { names: count, isWhole: true },
      { names: count, isWhole: true },
    ])
    expect(server.errors()).toEqual([])
  })

  it("is let go by who stops reading: the next ones are served", async (context) => {
    if (server.database) context.skip("its rows are put into the file of the database")
    for (let n = 0; n < 5; n++) {
      const leaving = new AbortController()
      const answer = await fetch(`${server.url}/api/v1/services?size=10000&hydrate=true`, {
        headers: { authorization: `Bearer ${server.token}` },
        signal: leaving.signal,
      })
      expect(answer.status).toBe(200)
      leaving.abort()
    }
    const short = (await (await ask("size=10000")).json()) as { readonly items: readonly unknown[] }
    expect(short.items).toHaveLength(count)
    expect(await (await ask("page=7&size=50&hydrate=true")).json()).toMatchObject({
      detail: ["ValueError", expect.stringContaining("Invalid page 7")],
    })
    expect(server.errors()).toEqual([])
  })
})
