import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Tx } from "../../domain/journal/index.ts"
import { workspaceChanged } from "../../domain/workspaces/index.ts"
import { systemClock } from "../../kit/clock.ts"
import { silentLog } from "../../kit/log.ts"
import { createClosureScope } from "../closure-scope.ts"
import { sampleWorkspace } from "../samples.ts"
import { outcomes } from "../suite/harness.ts"
import { createTopics } from "../topics.ts"
import { workspaceStore } from "../workspaces.ts"
import type { Connection } from "./connection.ts"
import { createGroupCommit } from "./group-commit.ts"
import type { OpenStore } from "../open-store.ts"
import { openStoreWith } from "./open-store.ts"
import { openTxSession } from "./sessions.ts"
import { storeOptions, temporaryDirectory } from "./test-harness.ts"

/** Faults between the store and its file that a full database does not show. */

let dir: ReturnType<typeof temporaryDirectory>
let path: string
let store: OpenStore
let writer: Connection
beforeEach(() => {
  dir = temporaryDirectory()
  path = join(dir.path, "berth.db")
  ;({ store, writer } = openStoreWith(storeOptions(path)))
})
afterEach(async () => {
  await store.close()
  dir.remove()
})

const insert = (id: string) => (tx: Tx) => workspaceStore.insert(tx, sampleWorkspace(id))
const ids = async () => (await workspaceStore.workspaces(store.committed)).map((workspace) => workspace.id)

/** The writer of the store, on which the given statement fails as often as `times` says. */
function failing(sql: string, times: number, doItFirst: boolean): Connection {
  let left = times
  return {
    ...writer,
    get isTransaction() {
      return writer.isTransaction
    },
    exec(statement) {
      const fails = statement === sql && left-- > 0
      if (!fails || doItFirst) writer.exec(statement)
      if (fails) throw Object.assign(new Error("disk I/O error"), { errcode: 10 | (4 << 8) })
    },
  }
}

function groupCommitOn(connection: Connection, onCommit?: () => void) {
  const topics = createTopics(silentLog)
  const commits = createGroupCommit({
    writer: connection,
    scope: createClosureScope(),
    topics,
    clock: systemClock,
    log: silentLog,
    maxWaiting: 100,
    openTx: (run) => openTxSession(connection, run),
    ...(onCommit && { onCommit }),
  })
  return { ...commits, topics }
}

describe("a batch", () => {
  it("is rejected whole when its transaction ends by itself, and nothing of it commits on its own", async () => {
    const told: string[] = []
    store.subscribe(workspaceChanged, ({ workspace }) => told.push(workspace.id))
    const writes = [
      store.tx(insert("a")),
      store.tx(async (tx) => {
        await insert("b")(tx)
        writer.exec("rollback")
      }),
      store.tx(insert("c")),
    ]
    expect(await outcomes(writes)).toEqual(["store_failed", "store_failed", "store_failed"])
    expect(told).toEqual([])
    expect(await ids()).toEqual([])
    await store.tx(insert("d"))
    expect(await ids()).toEqual(["d"])
  })

  it("is rejected whole when the closure that ended its transaction goes on writing", async () => {
    const write = store.tx(async (tx) => {
      writer.exec("rollback")
      await insert("a")(tx)
    })
    expect(await outcomes([write, store.tx(insert("b"))])).toEqual(["store_failed", "store_failed"])
    expect(await ids()).toEqual([])
  })

  it("is rejected whole when COMMIT fails, telling nobody, and the next one works", async () => {
    const commits = groupCommitOn(failing("commit", 1, false))
    const told: string[] = []
    commits.topics.subscribe(workspaceChanged, ({ workspace }) => told.push(workspace.id))
    const writes = [commits.tx(insert("a")), commits.tx(insert("b"))]
    expect(await outcomes(writes)).toEqual(["store_full", "store_full"])
    expect(await ids()).toEqual([])
    await commits.tx(insert("c"))
    expect(await ids()).toEqual(["c"])
    expect(told).toEqual(["c"])
  })

  for (const sql of ["savepoint closure", "release closure", "begin immediate"])
    it(`is rejected whole when ${sql} fails`, async () => {
      const commits = groupCommitOn(failing(sql, 1, true))
      const writes = ["a", "b"].map((id) => commits.tx(insert(id)))
      expect(await outcomes(writes)).toEqual(["store_full", "store_full"])
      expect(await ids()).toEqual([])
      expect(writer.isTransaction).toBe(false)
    })

  it("is refused while another process keeps the database locked, and passes afterwards", async () => {
    const other = new DatabaseSync(path)
    other.exec("begin immediate")
    expect(await outcomes([store.tx(insert("a")), store.tx(insert("b"))])).toEqual([
      "store_failed",
      "store_failed",
    ])
    other.exec("rollback")
    other.close()
    await store.tx(insert("c"))
    expect(await ids()).toEqual(["c"])
  })

  it("is answered although a listener to commits throws", async () => {
    const commits = groupCommitOn(writer, () => {
      throw new Error("a metric's fault")
    })
    await commits.tx(insert("a"))
    await commits.tx(insert("b"))
    await commits.close()
    expect(await ids()).toEqual(["a", "b"])
  })

  it("of closures that all failed writes nothing and leaves no transaction open", async () => {
    const boom = () => Promise.reject(new Error("boom"))
    await outcomes([store.tx(boom), store.tx(boom)])
    expect(writer.isTransaction).toBe(false)
  })
})
