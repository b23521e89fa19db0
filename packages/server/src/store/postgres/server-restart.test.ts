import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { runOn, testPostgres } from "../../../../../test/support/postgres.ts"
import {
  type NoPostgres,
  type PostgresServer,
  startPostgresServer,
} from "../../../../../test/support/postgres-server.ts"
import { workloadChanged } from "../../domain/workloads/index.ts"
import { sampleEvent, sampleWorkload } from "../samples.ts"
import { outcomes } from "../suite/harness.ts"
import { openPostgresStore } from "./open-store.ts"
import { postgresOptions } from "./test-harness.ts"

// A server of this file's own, for it is killed: not that of DATABASE_URL.
const isThere = (await testPostgres()) !== undefined && process.env["DATABASE_URL"] === undefined

describe.skipIf(!isThere)("a PostgreSQL server that is killed under load", () => {
  let server: PostgresServer | NoPostgres | undefined
  beforeAll(async () => {
    server = await startPostgresServer()
  })
  afterAll(async () => {
    if (server && !("absent" in server)) await server.close()
  })

  it("loses nothing that was answered, keeps nothing that was refused, and is used again when it is back", async () => {
    if (!server || "absent" in server) throw new Error(server?.absent)
    const { url } = server
    const store = await openPostgresStore(postgresOptions(url))
    const told: string[] = []
    store.subscribe(workloadChanged, (workload) => told.push(workload.id))
    const write = (n: number) =>
      store.tx(async (tx) => {
        await store.workloads.insert(tx, sampleWorkload(n))
        await tx.emit(sampleEvent(n))
      })
    const half = Promise.withResolvers<void>()
    const count = 400
    const writes = Array.from({ length: count }, async (_, n) => {
      await write(n)
      if (told.length > count / 4) half.resolve()
    })
    const settled = outcomes(writes)
    await half.promise
    await server.kill()
    await server.start()
    const found = await settled
    // Refused while the lock is not held; each look is a round trip, and the test has a deadline.
    while (store.trouble() !== undefined) await runOn(url, "select")
    await write(count)
    const rows = await runOn(url, "select id from workload order by id")
    const stood = rows.map((row) => row["id"])
    const answered = [...found.flatMap((outcome, n) => (outcome === "ok" ? [n] : [])), count]
    expect(stood).toEqual(answered.map((n) => sampleWorkload(n).id))
    expect(told.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(stood)
    expect(answered.length).toBeLessThan(count)
    const refusals = new Set(found.filter((outcome) => outcome !== "ok"))
    expect(["store_failed", "store_lock_lost"]).toEqual(expect.arrayContaining([...refusals]))
    await store.close()
  })
})
