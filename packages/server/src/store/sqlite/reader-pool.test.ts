import { describe, expect, it } from "vitest"
import { createVirtualClock } from "../../kit/clock.ts"
import { silentLog } from "../../kit/log.ts"
import { outcomes } from "../suite/harness.ts"
import { type ReaderThread, createReaderPool } from "./reader-pool.ts"
import type { ReaderReply, ReaderRequest } from "./reader-protocol.ts"

/** A thread that answers when the test says so. */
function fakeThread() {
  const requests: ReaderRequest[] = []
  let reply: (reply: ReaderReply) => void = () => undefined
  let exit: (error: Error | undefined) => void = () => undefined
  const thread: ReaderThread = {
    post(request) {
      requests.push(request)
      if ("close" in request) exit(undefined)
    },
    onReply: (listener) => void (reply = listener),
    onExit: (listener) => void (exit = listener),
  }
  const answer = (n: number) => reply({ rows: [[{ n }]] })
  return {
    thread,
    requests,
    answer,
    fail: (message: string, errcode: number) => reply({ message, errcode }),
    die: (error: Error) => exit(error),
  }
}

function setUp() {
  const clock = createVirtualClock()
  const threads: ReturnType<typeof fakeThread>[] = []
  const pool = createReaderPool({
    clock,
    log: silentLog,
    startThread() {
      const made = fakeThread()
      threads.push(made)
      return made.thread
    },
  })
  const read = (sql = "select 1") => pool.scan([{ sql, values: [] }])
  return { clock, threads, pool, read }
}

describe("the readers", () => {
  it("start no thread before the first read, and two at most", async () => {
    const { threads, read } = setUp()
    expect(threads).toHaveLength(0)
    const reads = [read("a"), read("b"), read("c")]
    expect(threads).toHaveLength(2)
    threads[1]?.answer(2)
    threads[0]?.answer(1)
    threads[1]?.answer(3)
    expect(await Promise.all(reads)).toEqual([[[{ n: 1 }]], [[{ n: 2 }]], [[{ n: 3 }]]])
  })

  it("run one long read at a time, so that a quick one never waits for two", async () => {
    const { threads, pool, read } = setUp()
    const long = (sql: string) => pool.scan([{ sql, values: [] }], { isLong: true })
    const reads = [long("a"), long("b"), read("c"), read("d")]
    const sent = () =>
      threads.map(({ requests }) => requests.map((one) => ("queries" in one ? one.queries[0]?.sql : "")))
    expect(sent()).toEqual([["a"], ["c"]])
    threads[1]?.answer(3)
    expect(sent()).toEqual([["a"], ["c", "d"]])
    threads[0]?.answer(1)
    expect(sent()).toEqual([
      ["a", "b"],
      ["c", "d"],
    ])
    threads[1]?.answer(4)
    threads[0]?.answer(2)
    expect(await Promise.all(reads)).toEqual([1, 2, 3, 4].map((n) => [[{ n }]]))
  })

  it("refuse a read that found no free thread for 2 s, and run the next one that waits", async () => {
    const { clock, threads, read } = setUp()
    const running = [read(), read()]
    const waiting = read()
    const refused = outcomes([waiting])
    await clock.advance(1_000)
    const later = read("later")
    await clock.advance(1_000)
    expect(await refused).toEqual(["store_busy"])
    threads[0]?.answer(1)
    threads[1]?.answer(2)
    await Promise.all(running)
    threads[0]?.answer(9)
    expect(await later).toEqual([[{ n: 9 }]])
    expect(threads[0]?.requests).toHaveLength(2)
  })

  it("replace a thread that is busy for 10 s, drop its late answer and let it end by itself", async () => {
    const { clock, threads, read } = setUp()
    const slow = read("slow")
    const refused = outcomes([slow])
    await clock.advance(10_000)
    expect(await refused).toEqual(["read_too_long"])
    const [first, second] = [read("x"), read("y")]
    expect(threads).toHaveLength(3)
    threads[0]?.answer(666)
    expect(threads[0]?.requests.at(-1)).toEqual({ close: true })
    threads[1]?.answer(1)
    threads[2]?.answer(2)
    expect(await Promise.all([first, second])).toEqual([[[{ n: 1 }]], [[{ n: 2 }]]])
  })

  it("start no more threads while four that were given up on still run", async () => {
    const { clock, threads, read } = setUp()
    for (let n = 0; n < 2; n++) {
      const pair = outcomes([read(), read()])
      await clock.advance(10_000)
      expect(await pair).toEqual(["read_too_long", "read_too_long"])
    }
    expect(threads).toHaveLength(4)
    const waiting = read()
    expect(threads).toHaveLength(4)
    threads[0]?.answer(0)
    expect(threads).toHaveLength(5)
    threads[4]?.answer(5)
    expect(await waiting).toEqual([[{ n: 5 }]])
  })

  it("fail only the read of a thread that died, and start another", async () => {
    const { threads, read } = setUp()
    const lost = outcomes([read()])
    threads[0]?.die(new Error("out of memory"))
    expect(await lost).toEqual(["store_failed"])
    const next = read()
    threads[1]?.answer(1)
    expect(await next).toEqual([[{ n: 1 }]])
  })

  it("pass on what the database could not do", async () => {
    const { threads, read } = setUp()
    const full = outcomes([read()])
    threads[0]?.fail("disk I/O error", 10)
    expect(await full).toEqual(["store_full"])
    const wrong = outcomes([read()])
    threads[0]?.fail("no such table", 1)
    expect(await wrong).toEqual(["internal"])
  })

  it("refuse what waits when they close, and wait for what runs", async () => {
    const { threads, pool, read } = setUp()
    const running = [read(), read()]
    const waiting = outcomes([read()])
    const closed = pool.close()
    expect(await waiting).toEqual(["store_closed"])
    threads[0]?.answer(1)
    threads[1]?.answer(2)
    await Promise.all(running)
    await closed
    expect(await outcomes([read()])).toEqual(["store_closed"])
  })

  it("refuse more than a thousand that wait", async () => {
    const { pool, read } = setUp()
    const reads = Array.from({ length: 1_003 }, () =>
      read().catch((error: { detail: string }) => error.detail),
    )
    const last = await Promise.race(reads)
    expect(last).toBe("store_busy")
    void pool.close()
  })
})
