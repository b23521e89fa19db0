import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest"
import { type Fate, type PgProxy, startPgProxy, type Step } from "../../../../../test/support/pg-proxy.ts"
import { type TestDatabase, testPostgres } from "../../../../../test/support/postgres.ts"
import type { Tx } from "../../domain/journal/index.ts"
import { workloadChanged } from "../../domain/workloads/index.ts"
import { workspaceChanged } from "../../domain/workspaces/index.ts"
import type { OpenStore } from "../open-store.ts"
import { sampleEvent, sampleWorkload, sampleWorkspace } from "../samples.ts"
import { failure, outcomes } from "../suite/harness.ts"
import { openPostgresStore } from "./open-store.ts"
import { emptyDatabase, postgresOptions } from "./test-harness.ts"

const server = await testPostgres()

describe.skipIf(!server)("PostgreSQL", () => {
  let database: TestDatabase
  let proxy: PgProxy
  let store: OpenStore
  let told: string[]
  let superseded: number

  beforeEach(async () => {
    if (!server) return
    if (database) await emptyDatabase(database)
    else database = await server.createDatabase()
    proxy = await startPgProxy(database.url)
    told = []
    superseded = 0
    store = await openPostgresStore(postgresOptions(proxy.url, { onSuperseded: () => superseded++ }))
    store.subscribe(workloadChanged, (workload) => told.push(workload.id))
  })
  afterEach(async () => {
    proxy.decide = undefined
    await store.close()
    await proxy.close()
  })
  afterAll(() => database?.drop())

  const write = (n: number) => async (tx: Tx) => {
    await store.workloads.insert(tx, sampleWorkload(n))
    await tx.emit(sampleEvent(n))
  }
  /** Ids of the workloads that stand, each with its event, as somebody else sees them. */
  async function standing(): Promise<readonly string[]> {
    const [row] =
      await database.run(`select coalesce((select json_agg(id order by id) from workload), '[]') as ids,
(select count(*)::int from event) as events`)
    const ids = row?.["ids"] as readonly string[]
    expect(row?.["events"]).toBe(ids.length)
    return ids
  }
  /** Waits, bounded by the test's deadline, without a fixed pause: each look is a round trip. */
  async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await isSo())) await database.run("select")
  }
  const ofWriters = (fate: (step: Step, at: number) => Fate) => {
    let at = 0
    proxy.decide = (step) => (step.name === "berth writer" ? fate(step, at++) : "pass")
  }

  describe("a connection that is lost", () => {
    // set-up of the session, BEGIN, four statements, COMMIT
    const steps = 7
    for (const when of ["cut-before", "cut-after"] as const)
      for (let step = 0; step < steps; step++)
        it(`at step ${step} of a transaction (${when}) leaves all of it or nothing, and says which`, async () => {
          let last = 0
          ofWriters((_, at) => {
            last = at
            return at === step ? when : "pass"
          })
          const [outcome] = await outcomes([store.tx(write(1))])
          expect(last).toBeGreaterThanOrEqual(step)
          const isCommitted = step === steps - 1 && when === "cut-after"
          expect(outcome).toBe(isCommitted ? "ok" : "store_failed")
          const stood = isCommitted ? [sampleWorkload(1).id] : []
          expect(await standing()).toEqual(stood)
          expect(told).toEqual(stood)
          await store.tx(write(2))
          expect(await standing()).toEqual([...stood, sampleWorkload(2).id])
        })

    it("while it was idle is replaced, and no caller hears of it", async () => {
      await store.tx(write(1))
      await database.run(`select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and application_name in ('berth writer', 'berth reader', 'berth list')`)
      await store.tx(write(2))
      expect((await store.workloads.byKey(store.committed, sampleWorkload(2).key))?.id).toBe(
        sampleWorkload(2).id,
      )
    })

    it("again and again under load loses nothing that was answered and keeps nothing that was refused", async () => {
      let chance = 0
      ofWriters(() => (++chance % 23 === 0 ? "cut-before" : chance % 31 === 0 ? "cut-after" : "pass"))
      const writes = Array.from({ length: 200 }, (_, n) => store.tx(write(n)))
      const found = await outcomes(writes)
      const kept = found.flatMap((outcome, n) => (outcome === "ok" ? [sampleWorkload(n).id] : []))
      expect(new Set(found)).toEqual(new Set(["ok", "store_failed"]))
      expect(await standing()).toEqual(kept)
      expect(told.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(kept)
    })

    it("before the answer to its COMMIT came is asked about, and its caller and subscribers hear that it stands", async () => {
      const never = new Promise<never>(() => {})
      ofWriters((step) => (step.text === "commit" ? { answerAfter: never } : "pass"))
      const first = store.tx(write(1))
      await until(async () => (await standing()).length === 1)
      proxy.decide = undefined
      await database.run(`select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and application_name = 'berth writer'`)
      expect(await outcomes([first])).toEqual(["ok"])
      expect(told).toEqual([sampleWorkload(1).id])
    })
  })

  describe("topics", () => {
    it("are told in the order of the commits, also when the answer to an earlier one comes late", async () => {
      await store.tx((tx) => store.workspaces.insert(tx, sampleWorkspace("a")))
      const seen: string[] = []
      store.subscribe(workspaceChanged, ({ workspace }) => seen.push(workspace.description))
      const release = Promise.withResolvers<void>()
      let commits = 0
      ofWriters((step) =>
        step.text === "commit" && commits++ === 0 ? { answerAfter: release.promise } : "pass",
      )
      const append = (text: string) =>
        store.tx(async (tx) => {
          const found = await store.workspaces.byId(tx, "a")
          if (!found) throw new Error("missing")
          await store.workspaces.update(tx, { ...found, description: found.description + text })
        })
      const first = append("1")
      await until(async () => {
        const [row] = await database.run("select description from workspace")
        return row?.["description"] === "1"
      })
      const second = append("2")
      await until(async () => {
        const [row] = await database.run("select description from workspace")
        return row?.["description"] === "12"
      })
      expect(seen).toEqual([])
      release.resolve()
      await Promise.all([first, second])
      expect(seen).toEqual(["1", "12"])
    })
  })

  describe("a storm of conflicts", () => {
    it("turns no write away, and lets each stand on what the others wrote", async () => {
      await store.tx((tx) => store.workspaces.insert(tx, sampleWorkspace("a")))
      const add = () =>
        store.tx(async (tx) => {
          const found = await store.workspaces.byId(tx, "a")
          if (!found) throw new Error("missing")
          await store.workspaces.update(tx, { ...found, description: `${found.description}x` })
        })
      const found = await outcomes(Array.from({ length: 32 }, add))
      expect(new Set(found)).toEqual(new Set(["ok"]))
      const workspace = await store.workspaces.byId(store.committed, "a")
      expect(workspace?.description).toBe("x".repeat(32))
    })

    it("is none when 32 workloads of one workspace are submitted at once", async () => {
      const found = await outcomes(Array.from({ length: 32 }, (_, n) => store.tx(write(n))))
      expect(new Set(found)).toEqual(new Set(["ok"]))
      const page = { sort: "id", order: "asc", offset: 0, limit: 1 } as const
      expect((await store.workloads.list(store.committed, { workspaceIds: ["default"] }, page)).total).toBe(
        32,
      )
    })
  })

  describe("one server at a time", () => {
    it("is all that a database takes; the next one may have it when the first is gone", async () => {
      await expect(openPostgresStore(postgresOptions(database.url))).rejects.toMatchObject(
        failure("conflict", "database_locked"),
      )
      await store.tx(write(1))
      await store.close()
      store = await openPostgresStore(postgresOptions(database.url))
      expect((await store.workloads.byKey(store.committed, sampleWorkload(1).key))?.version).toBe(1)
    })

    const endLockConnection = () =>
      database.run(`select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and application_name = 'berth lock'`)

    it("refuses writes while the lock's connection is lost, reads on, and takes up again when it is back", async () => {
      const blocked = Promise.withResolvers<void>()
      proxy.decide = (step) => (step.name === "berth lock" ? { answerAfter: blocked.promise } : "pass")
      await endLockConnection()
      await until(() => store.trouble() !== undefined)
      expect(await outcomes([store.tx(write(1))])).toEqual(["store_lock_lost"])
      expect(await store.workspaces.workspaces(store.committed)).toEqual([])
      proxy.decide = undefined
      blocked.resolve()
      await until(() => store.trouble() === undefined)
      await store.tx(write(2))
      expect(await standing()).toEqual([sampleWorkload(2).id])
      expect(superseded).toBe(0)
    })

    it("is over for a server whose database another one held meanwhile", async () => {
      const blocked = Promise.withResolvers<void>()
      proxy.decide = (step) => (step.name === "berth lock" ? { answerAfter: blocked.promise } : "pass")
      await endLockConnection()
      await until(() => store.trouble() !== undefined)
      const other = await openPostgresStore(postgresOptions(database.url))
      proxy.decide = undefined
      blocked.resolve()
      await until(() => superseded > 0)
      expect(await outcomes([store.tx(write(1))])).toEqual(["store_lock_lost"])
      await other.close()
      expect(superseded).toBe(1)
    })

    it("cannot write any more once another one has taken over, although it has not heard of it", async () => {
      await store.tx(write(1))
      await database.run("update server_holder set epoch = epoch + 1")
      expect(await outcomes([store.tx(write(2))])).toEqual(["store_superseded"])
      expect(await standing()).toEqual([sampleWorkload(1).id])
    })

    it("waits at its start for what the last one was still committing", async () => {
      // A transaction of a server that is gone from the network, in the midst of its work.
      const gate = Promise.withResolvers<void>()
      const zombie = database.hold("begin; lock table server_holder in row share mode", gate.promise)
      await zombie.begun
      await store.close()
      let isOpen = false
      const next = openPostgresStore(postgresOptions(database.url)).then((opened) => {
        isOpen = true
        return opened
      })
      await until(async () => {
        const rows = await database.run("select 1 from pg_locks where mode = 'ExclusiveLock' and not granted")
        return rows.length > 0
      })
      expect(isOpen).toBe(false)
      gate.resolve()
      await zombie.ended
      store = await next
    })
  })
})
