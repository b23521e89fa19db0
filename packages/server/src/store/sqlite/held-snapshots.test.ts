import { describe, expect, it } from "vitest"
import { createVirtualClock } from "../../kit/clock.ts"
import { outcomes } from "../suite/harness.ts"
import { createHeldSnapshots } from "./held-snapshots.ts"
import type { ReaderThread } from "./reader-pool.ts"
import type { ReaderReply, ReaderRequest } from "./reader-protocol.ts"

/** A thread that answers when the test says so. */
function fakeThread() {
  const requests: string[] = []
  let reply: (reply: ReaderReply) => void = () => undefined
  let exit: (error: Error | undefined) => void = () => undefined
  const thread: ReaderThread = {
    post(request: ReaderRequest) {
      requests.push("queries" in request ? (request.queries[0]?.sql ?? "") : Object.keys(request).join(""))
      if ("close" in request) exit(undefined)
    },
    onReply: (listener) => void (reply = listener),
    onExit: (listener) => void (exit = listener),
  }
  return {
    thread,
    requests,
    answer: (n: number) => reply({ rows: [[{ n }]] }),
    fail: (errcode: number) => reply({ message: "no", errcode }),
    die: () => exit(new Error("out of memory")),
  }
}

function setUp() {
  const clock = createVirtualClock()
  const threads: ReturnType<typeof fakeThread>[] = []
  const snapshots = createHeldSnapshots({
    clock,
    startThread() {
      const made = fakeThread()
      threads.push(made)
      return made.thread
    },
  })
  return { clock, threads, snapshots }
}
const read = (sql: string) => [{ sql, values: [] }]

describe("a snapshot that is held", () => {
  it("has a thread for itself until it is released, which serves the next one", async () => {
    const { threads, snapshots } = setUp()
    const one = await snapshots.hold()
    const two = await snapshots.hold()
    const waiting = snapshots.hold()
    const answer = one.scan(read("a"))
    threads[0]?.answer(1)
    expect(await answer).toEqual([[{ n: 1 }]])
    one.release()
    one.release()
    const three = await waiting
    const next = three.scan(read("c"))
    threads[0]?.answer(3)
    expect(await next).toEqual([[{ n: 3 }]])
    expect(threads.map(({ requests }) => requests)).toEqual([["a", "release", "c"], []])
    two.release()
    three.release()
    expect(threads).toHaveLength(2)
  })

  it("is refused to those who found none free for 2 s, and taken from who keeps it for half a minute", async () => {
    const { clock, snapshots } = setUp()
    const held = [await snapshots.hold(), await snapshots.hold()]
    const refused = outcomes([snapshots.hold()])
    await clock.advance(2_000)
    expect(await refused).toEqual(["store_busy"])
    await clock.advance(27_000)
    const last = snapshots.hold()
    await clock.advance(1_000)
    expect(await outcomes(held.map((one) => one.scan(read("x"))))).toEqual(["read_too_long", "read_too_long"])
    ;(await last).release()
  })

  it("that is released while it reads gives its thread on when that has read", async () => {
    const { threads, snapshots } = setUp()
    const one = await snapshots.hold()
    const two = await snapshots.hold()
    const answer = one.scan(read("slow"))
    one.release()
    const waiting = snapshots.hold()
    expect(threads[0]?.requests).toEqual(["slow"])
    threads[0]?.fail(10)
    expect(await outcomes([answer])).toEqual(["store_full"])
    const three = await waiting
    expect(threads[0]?.requests).toEqual(["slow", "release"])
    three.release()
    two.release()
  })

  it("is lost with its thread, and another one takes its place", async () => {
    const { threads, snapshots } = setUp()
    const one = await snapshots.hold()
    await snapshots.hold()
    const answer = outcomes([one.scan(read("a"))])
    threads[0]?.die()
    expect(await answer).toEqual(["store_failed"])
    expect(await outcomes([one.scan(read("b"))])).toEqual(["store_failed"])
    one.release()
    await snapshots.hold()
    expect(threads).toHaveLength(3)
  })

  it("refuses who waits when the store closes, and lets one that reads finish", async () => {
    const { threads, snapshots } = setUp()
    const one = await snapshots.hold()
    await snapshots.hold()
    const answer = one.scan(read("a"))
    const waiting = outcomes([snapshots.hold()])
    const closed = snapshots.close()
    expect(await waiting).toEqual(["store_closed"])
    threads[0]?.answer(1)
    await answer
    await closed
    expect(await outcomes([snapshots.hold()])).toEqual(["store_closed"])
  })
})
