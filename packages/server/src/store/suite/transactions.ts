import { AsyncLocalStorage } from "node:async_hooks"
import { setImmediate as nextTurn } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type EventSeq, type Tx, eventsAppended, topic } from "../../domain/journal/index.ts"
import { workloadChanged } from "../../domain/workloads/index.ts"
import { workspaceChanged } from "../../domain/workspaces/index.ts"
import { sampleEvent, sampleWorkload, sampleWorkspace } from "../samples.ts"
import {
  type OpenHarness,
  type StoreHarness,
  type SuiteTraits,
  failure,
  inOrder,
  outcomes,
} from "./harness.ts"

/** What `tx`, `committed` and topics promise (DESIGN 5). */
export function transactionCases(open: OpenHarness, traits: SuiteTraits): void {
  let harness: StoreHarness
  beforeEach(async () => {
    harness = await open()
  })
  afterEach(() => harness.dispose())

  const insert = (id: string) => (tx: Tx) => harness.store.workspaces.insert(tx, sampleWorkspace(id))
  const ids = async () => {
    const { store } = harness
    return (await store.workspaces.workspaces(store.committed)).map((workspace) => workspace.id)
  }

  describe("tx", () => {
    it("resolves with the closure's result once it is committed", async () => {
      const { store } = harness
      const result = await store.tx(async (tx) => {
        await insert("a")(tx)
        return 42
      })
      expect(result).toBe(42)
      expect(await ids()).toEqual(["a"])
    })

    it("keeps what it committed when the database is opened anew", async () => {
      await harness.store.tx(insert("a"))
      const reopened = await harness.reopen()
      expect(await reopened.workspaces.byId(reopened.committed, "a")).toEqual(sampleWorkspace("a"))
    })

    it("undoes a closure that throws, passes its error on and lets its neighbours stand", async () => {
      const { store } = harness
      const boom = new Error("boom")
      const writes = [
        store.tx(insert("a")),
        store.tx(async (tx) => {
          await insert("b")(tx)
          throw boom
        }),
        store.tx(insert("c")),
      ]
      await expect(writes[1]).rejects.toBe(boom)
      await Promise.allSettled(writes)
      expect(await ids()).toEqual(["a", "c"])
    })

    it("undoes a closure that throws before its first await", async () => {
      const { store } = harness
      const boom = new Error("boom")
      const write = store.tx(() => {
        throw boom
      })
      await expect(write).rejects.toBe(boom)
      await store.tx(insert("a"))
      expect(await ids()).toEqual(["a"])
    })

    it("lets a later closure see what an earlier one wrote, and never what was undone", async () => {
      const { store } = harness
      const seen = (tx: Tx) => store.workspaces.workspaces(tx).then((all) => all.map((one) => one.id))
      const results = await inOrder<unknown>(traits, [
        () => store.tx(insert("a")),
        () =>
          store.tx(async (tx) => {
            await insert("b")(tx)
            throw new Error("undone")
          }),
        () => store.tx(seen),
      ])
      expect(results[2]).toEqual({ status: "fulfilled", value: ["a"] })
    })

    it("shows readers beside an open batch only what is committed", async () => {
      const { store } = harness
      await store.tx(insert("a"))
      const outside = AsyncLocalStorage.snapshot()
      const beside = await store.tx(async (tx) => {
        await insert("b")(tx)
        const found: unknown[] = []
        void outside(() => Promise.all([store.workspaces.byId(store.committed, "b"), ids()])).then((all) =>
          found.push(...all),
        )
        // A closure awaits nothing but its transaction: it goes on asking that until the others have their answers.
        for (let looks = 0; found.length === 0 && looks < 10_000; looks++)
          await store.workspaces.byId(tx, "b")
        return [...found, await store.workspaces.byId(tx, "b")]
      })
      expect(beside).toEqual([undefined, ["a"], sampleWorkspace("b")])
      expect(await ids()).toEqual(["a", "b"])
    })

    it("gives each of two closures that read what the other writes a state that some order explains", async () => {
      const { store } = harness
      await store.tx(insert("x"))
      await store.tx(insert("y"))
      const copy = (from: string, to: string) =>
        store.tx(async (tx) => {
          const source = await store.workspaces.byId(tx, from)
          const target = await store.workspaces.byId(tx, to)
          if (!source || !target) throw new Error("missing")
          await store.workspaces.update(tx, { ...target, description: `${source.description}${from}` })
        })
      await Promise.all([copy("x", "y"), copy("y", "x")])
      const all = await store.workspaces.workspaces(store.committed)
      const found = all.map((one) => one.description)
      // Write skew would leave ["y", "x"]: both having read the empty text.
      expect([
        ["xy", "x"],
        ["y", "yx"],
      ]).toContainEqual(found)
    })

    it("commits many waiting closures, where they share a commit at most 64 at a time, and says how many", async () => {
      const commits: number[] = []
      await harness.dispose()
      harness = await open({ onCommit: ({ closures }) => commits.push(closures) })
      const names = Array.from({ length: 150 }, (_, n) => `w-${String(n).padStart(3, "0")}`)
      await Promise.all(names.map((name) => harness.store.tx(insert(name))))
      expect(commits).toEqual(traits.isBatching ? [64, 64, 22] : names.map(() => 1))
      expect(await ids()).toEqual(names)
    })

    it("refuses closures beyond the bound of those that wait, and takes them again afterwards", async () => {
      await harness.dispose()
      harness = await open({ maxWaiting: 3 })
      const { store } = harness
      const writes = ["a", "b", "c", "d", "e"].map((id) => store.tx(insert(id)))
      expect(await outcomes(writes)).toEqual(["ok", "ok", "ok", "store_busy", "store_busy"])
      await store.tx(insert("f"))
      expect(await ids()).toEqual(["a", "b", "c", "f"])
    })

    it("commits what waits before it closes, and takes nothing afterwards", async () => {
      const { store } = harness
      const writes = Array.from({ length: 70 }, (_, n) => store.tx(insert(`w-${n}`)))
      const closing = store.close()
      await expect(store.tx(insert("late"))).rejects.toMatchObject(failure("unavailable", "store_closed"))
      expect(new Set(await outcomes(writes))).toEqual(new Set(["ok"]))
      await closing
      await store.close()
      const reopened = await harness.reopen()
      expect(await reopened.workspaces.workspaces(reopened.committed)).toHaveLength(70)
    })
  })

  describe("a closure that breaks the rules", () => {
    it("is rolled back when it awaits something else, while its neighbours stand", async () => {
      const { store } = harness
      const writes = [
        store.tx(insert("a")),
        store.tx(async (tx) => {
          await insert("b")(tx)
          await nextTurn()
        }),
        store.tx(insert("c")),
      ]
      expect(await outcomes(writes)).toEqual(["ok", "foreign_await", "ok"])
      expect(await ids()).toEqual(["a", "c"])
    })

    it("can do no harm after it was rolled back: its handle is dead", async () => {
      const { store } = harness
      const gate = Promise.withResolvers<void>()
      const aftermath = Promise.withResolvers<readonly string[]>()
      const write = store.tx(async (tx) => {
        await gate.promise
        const late = [insert("late")(tx), tx.emit(sampleEvent(1)), store.workspaces.workspaces(tx)]
        const told = async () =>
          tx.publish(workspaceChanged, { workspace: sampleWorkspace("x"), gone: false })
        const nested = store.tx(insert("nested"))
        aftermath.resolve(await outcomes([...late, told(), nested]))
      })
      expect(await outcomes([write])).toEqual(["foreign_await"])
      gate.resolve()
      expect(await aftermath.promise).toEqual(["tx_over", "tx_over", "tx_over", "tx_over", "nested_tx"])
      await store.tx(insert("a"))
      expect(await ids()).toEqual(["a"])
    })

    it("cannot write with its handle inside another closure, nor after its own end", async () => {
      const { store } = harness
      let kept: Tx | undefined
      await store.tx(async (tx) => {
        kept = tx
      })
      const stolen = kept as Tx
      await expect(insert("a")(stolen)).rejects.toMatchObject(failure("internal", "tx_over"))
      const misuse = store.tx(() => insert("b")(stolen))
      await expect(misuse).rejects.toMatchObject(failure("internal", "tx_over"))
      expect(await ids()).toEqual([])
    })

    it("cannot open a transaction in a transaction, and stands if it catches that", async () => {
      const { store } = harness
      let refused: Promise<unknown> | undefined
      const inner = store.tx(async (tx) => {
        await insert("a")(tx)
        refused = store.tx(insert("b")).catch((error: unknown) => error)
        await Promise.resolve()
      })
      await inner
      expect(await refused).toMatchObject(failure("internal", "nested_tx"))
      expect(await ids()).toEqual(["a"])
    })

    it("cannot read around its transaction", async () => {
      const { store } = harness
      const reads: readonly (() => Promise<unknown>)[] = [
        () => store.workspaces.workspaces(store.committed),
        () => store.workspaces.byId(store.committed, "a"),
        () =>
          store.workloads.list(
            store.committed,
            { workspaceIds: null },
            { sort: "id", order: "asc", offset: 0, limit: 1 },
          ),
      ]
      const writes = reads.map((read) => store.tx(read))
      expect(await outcomes(writes)).toEqual(["nested_tx", "nested_tx", "nested_tx"])
    })

    it("is undone when a statement failed, also if it catches that and goes on", async () => {
      const { store } = harness
      const wrong = { ...sampleWorkspace("b"), createdAtMs: 0.5 }
      const writes = [
        store.tx(insert("a")),
        store.tx(async (tx) => {
          await insert("kept")(tx)
          await store.workspaces.insert(tx, wrong).catch(() => undefined)
          await insert("more")(tx).catch(() => undefined)
        }),
        store.tx(insert("c")),
      ]
      expect(await outcomes(writes)).toEqual(["ok", "internal", "ok"])
      expect(await ids()).toEqual(["a", "c"])
    })

    it("may catch a conflict that the store found, such as a taken name or a moved version, and go on", async () => {
      const { store } = harness
      await store.tx(insert("a"))
      await store.tx(async (tx) => {
        await expect(insert("a")(tx)).rejects.toMatchObject(failure("already_exists"))
        const moved = { ...sampleWorkspace("a"), version: 7 }
        await expect(store.workspaces.update(tx, moved)).rejects.toMatchObject(failure("stale"))
        await insert("b")(tx)
      })
      expect(await ids()).toEqual(["a", "b"])
    })
  })

  describe("topics", () => {
    it("reach subscribers after COMMIT, and before the caller is answered, or any of its batch", async () => {
      const { store } = harness
      const log: string[] = []
      const seen: Promise<readonly unknown[]>[] = []
      store.subscribe(workspaceChanged, ({ workspace }) => {
        log.push(`told ${workspace.id}`)
        seen.push(store.workspaces.workspaces(store.committed))
      })
      const write = (id: string) => store.tx(insert(id)).then(() => log.push(`answered ${id}`))
      await Promise.all([write("a"), write("b")])
      if (traits.isBatching) expect(log).toEqual(["told a", "told b", "answered a", "answered b"])
      expect(log.toSorted()).toEqual(["answered a", "answered b", "told a", "told b"])
      for (const id of ["a", "b"])
        expect(log.indexOf(`told ${id}`)).toBeLessThan(log.indexOf(`answered ${id}`))
      expect((await seen[1])?.length).toBe(2)
    })

    it("say nothing of a closure that was undone", async () => {
      const { store } = harness
      const told: string[] = []
      store.subscribe(workspaceChanged, ({ workspace }) => told.push(workspace.id))
      const writes = [
        store.tx(async (tx) => {
          await insert("a")(tx)
          throw new Error("undone")
        }),
        store.tx(insert("b")),
      ]
      await Promise.allSettled(writes)
      expect(told).toEqual(["b"])
    })

    it("go on to the other subscribers when one throws, and reach nobody who unsubscribed", async () => {
      const { store } = harness
      const told: string[] = []
      store.subscribe(workspaceChanged, () => {
        throw new Error("a subscriber's fault")
      })
      const stop = store.subscribe(workspaceChanged, ({ workspace }) => told.push(workspace.id))
      await store.tx(insert("a"))
      stop()
      await store.tx(insert("b"))
      expect(told).toEqual(["a"])
    })

    it("let a subscriber begin a transaction of its own", async () => {
      const { store } = harness
      const followed = Promise.withResolvers<void>()
      store.subscribe(workspaceChanged, ({ workspace }) => {
        if (workspace.id === "a") store.tx(insert("b")).then(followed.resolve, followed.reject)
      })
      await store.tx(insert("a"))
      await followed.promise
      expect(await ids()).toEqual(["a", "b"])
    })

    it("carry the row with its new version", async () => {
      const { store } = harness
      const versions: number[] = []
      store.subscribe(workloadChanged, (workload) => versions.push(workload.version))
      const workload = sampleWorkload(1)
      await store.tx((tx) => store.workloads.insert(tx, workload))
      await store.tx((tx) => store.workloads.update(tx, { ...workload, phase: "Running" }))
      const stored = await store.workloads.byKey(store.committed, workload.key)
      expect(versions).toEqual([1, 2])
      expect(stored?.version).toBe(2)
    })

    it("tell that events can be read, with the newest", async () => {
      const { store } = harness
      const told: EventSeq[] = []
      const newest = Promise.withResolvers<void>()
      store.subscribe(eventsAppended, ({ lastSeq }) => {
        told.push(lastSeq)
        const after = store.journal.eventsAfter(store.committed, null, { workspaces: null }, 10)
        after.then(
          (events) => events.length === 3 && events[2]?.seq === lastSeq && newest.resolve(),
          newest.reject,
        )
      })
      await Promise.all([1, 2, 3].map((n) => store.tx((tx) => tx.emit(sampleEvent(n)))))
      await store.tx(insert("a"))
      await newest.promise
      expect(told.at(-1)).toBe(await store.journal.lastSeq(store.committed))
      if (traits.isBatching) expect(told).toHaveLength(1)
    })

    it("are told apart by the topic, not by its name", async () => {
      const { store } = harness
      const one = topic<number>("same")
      const other = topic<number>("same")
      const told: number[] = []
      store.subscribe(one, (value) => told.push(value))
      await store.tx(async (tx) => {
        tx.publish(other, 1)
        tx.publish(one, 2)
      })
      expect(told).toEqual([2])
    })
  })
}
