import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest"
import { type TestDatabase, testPostgres } from "../../../../../test/support/postgres.ts"
import { type EventSeq, eventsAppended } from "../../domain/journal/index.ts"
import type { OpenStore } from "../open-store.ts"
import { sampleEvent } from "../samples.ts"
import { openPostgresStore } from "./open-store.ts"
import { emptyDatabase, postgresOptions } from "./test-harness.ts"

const server = await testPostgres()

describe.skipIf(!server)("events on PostgreSQL", () => {
  let database: TestDatabase
  let store: OpenStore
  beforeEach(async () => {
    if (!server) return
    if (database) await emptyDatabase(database)
    else database = await server.createDatabase()
    store = await openPostgresStore(postgresOptions(database.url))
  })
  afterEach(() => store.close())
  afterAll(() => database?.drop())

  const emit = (n: number) => store.tx((tx) => tx.emit(sampleEvent(n)))
  const read = async (after: EventSeq | null = null) => {
    const events = await store.journal.eventsAfter(store.committed, after, { workspaces: null }, 100)
    return { numbers: events.map((event) => event.data["n"]), last: events.at(-1)?.seq ?? after }
  }

  it("are shown when nothing can come before them any more, and followers are told then", async () => {
    const over = new AbortController()
    const begun = Promise.withResolvers<void>()
    const slow = store.tx(async (tx) => {
      while (!over.signal.aborted) {
        await store.workspaces.workspaces(tx)
        begun.resolve()
      }
    })
    await begun.promise
    const told: EventSeq[] = []
    store.subscribe(eventsAppended, ({ lastSeq }) => told.push(lastSeq))
    await emit(1)
    expect(await read()).toEqual({ numbers: [], last: null })
    expect(await store.journal.lastSeq(store.committed)).toBeNull()
    expect(told).toEqual([])
    over.abort()
    await slow
    expect(await read()).toEqual({ numbers: [1], last: told[0] })
  })

  it("are not shown past one that began after the reader had asked", async () => {
    // more than there are connections: those behind are answered when others have written
    const asked = Array.from({ length: 100 }, () => read())
    const over = new AbortController()
    const begun = Promise.withResolvers<void>()
    const slow = store.tx(async (tx) => {
      await tx.emit(sampleEvent(1))
      while (!over.signal.aborted) {
        await store.workspaces.workspaces(tx)
        begun.resolve()
      }
    })
    await begun.promise
    await emit(2)
    expect((await Promise.all(asked)).filter(({ numbers }) => numbers.length > 0)).toEqual([])
    over.abort()
    await slow
    expect((await read()).numbers).toEqual([1, 2])
  })

  it("are not held back by what somebody else does on the same database server", async () => {
    const release = Promise.withResolvers<void>()
    const foreign = database.hold("begin; select pg_current_xact_id()", release.promise)
    await foreign.begun
    await emit(1)
    expect((await read()).numbers).toEqual([1])
    release.resolve()
    await foreign.ended
  })

  it("are all read once, in one order, by a follower beside many writers", async () => {
    const count = 300
    const writers = 20
    const seen: unknown[] = []
    const done = Promise.withResolvers<void>()
    let cursor: EventSeq | null = null
    let reading = Promise.resolve()
    const look = async () => {
      const { numbers, last } = await read(cursor)
      seen.push(...numbers)
      cursor = last
      if (numbers.length === 100) return look()
      if (seen.length >= count) done.resolve()
    }
    store.subscribe(eventsAppended, () => {
      reading = reading.then(look)
      reading.catch(done.reject)
    })
    // each one after the other: all at once would wait in the queue, and long ones are refused there
    const write = async (writer: number) => {
      for (let n = writer; n < count; n += writers)
        if (n % 7 > 0) await emit(n)
        else
          await store.tx(async (tx) => {
            await tx.emit(sampleEvent(n))
            // The others overtake it.
            for (let looks = 0; looks < 5; looks++) await store.workspaces.workspaces(tx)
          })
    }
    await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)))
    await done.promise
    expect(seen).toHaveLength(count)
    expect(new Set(seen).size).toBe(count)
    expect((await allPages()).numbers).toEqual(seen)
  })

  /** From the beginning, by pages. */
  async function allPages() {
    const numbers: unknown[] = []
    let after: EventSeq | null = null
    for (let page = 0; page < 100; page++) {
      const found: Awaited<ReturnType<typeof read>> = await read(after)
      if (found.numbers.length === 0) break
      numbers.push(...found.numbers)
      after = found.last
    }
    return { numbers, last: after }
  }

  it("keep their order and their cursors in a database restored from a dump, whose ids begin anew", async () => {
    await emit(1)
    await emit(2)
    await store.close()
    // In the server that the dump came from, far more transactions had run.
    await database.run("update event set xid = xid + 1000000000")
    store = await openPostgresStore(postgresOptions(database.url))
    const before = await read()
    expect(before.numbers).toEqual([1, 2])
    await emit(3)
    await emit(4)
    expect((await read(before.last)).numbers).toEqual([3, 4])
    await store.close()
    store = await openPostgresStore(postgresOptions(database.url))
    await emit(5)
    expect((await read(before.last)).numbers).toEqual([3, 4, 5])
  })
})
