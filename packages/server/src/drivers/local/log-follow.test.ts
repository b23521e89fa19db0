import { appendFile, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { systemClock } from "../../kit/clock.ts"
import { removeLogFile } from "./log-files.ts"
import { all, folder, path, make, pod, never, reader, useLogFolder } from "./log-files-suite.ts"

useLogFolder()

describe("following a log", () => {
  it("gives the tail, then lines as they come, then the unfinished one and the end", async () => {
    await writeFile(path, "a\nb\nc\n")
    const files = make()
    const source = pod()
    const log = reader(files.follow(path, { ...all, tailLines: 2 }, source, never))
    expect(await log.lines(2)).toEqual(["b", "c"])
    await appendFile(path, "d\nhalf")
    expect(await log.lines(1)).toEqual(["d"])
    await appendFile(path, " and half\nunfinished")
    expect(await log.lines(1)).toEqual(["half and half"])
    source.end({ exitCode: 3, cause: "failed" })
    expect(await log.rest()).toEqual({
      lines: ["unfinished"],
      end: { kind: "end", exitCode: 3, cause: "failed" },
    })
    expect(log.last()?.nextOffset).toBe((await stat(path)).size)
    expect(files.counts).toEqual({ tracked: 0, followers: 0, watchers: 0 })
  })

  it("gives an ended log at once", async () => {
    await writeFile(path, "a\nb")
    const source = pod()
    source.end()
    const log = reader(make().follow(path, all, source, never))
    expect(await log.rest()).toEqual({
      lines: ["a", "b"],
      end: { kind: "end", exitCode: 0, cause: "succeeded" },
    })
  })

  it("loses nothing that is written just before the end", async () => {
    for (let turn = 0; turn < 30; turn++) {
      const files = make()
      await writeFile(path, "")
      const source = pod()
      const log = reader(files.follow(path, all, source, never))
      const rest = log.rest()
      if (turn % 2) await new Promise(setImmediate)
      await appendFile(path, `last words ${turn}`)
      source.end()
      expect((await rest).lines).toEqual([`last words ${turn}`])
    }
  })

  it("waits for a file that is not there yet, also without its folder", async () => {
    const files = make()
    const late = join(folder, "later", "log")
    const source = pod()
    const log = reader(files.follow(late, all, source, never))
    const first = log.lines(1)
    await new Promise(setImmediate)
    await mkdir(join(folder, "later"))
    await writeFile(late, "here\n")
    expect(await first).toEqual(["here"])
    await appendFile(late, "more\n")
    expect(await log.lines(1)).toEqual(["more"])
    source.end()
    await log.rest()
  })

  it("ends when its pod ends without ever having written", async () => {
    const source = pod()
    const log = reader(make().follow(path, all, source, never))
    const rest = log.rest()
    await new Promise(setImmediate)
    source.end({ exitCode: null, cause: "lost" })
    expect(await rest).toEqual({ lines: [], end: { kind: "end", exitCode: null, cause: "lost" } })
  })

  it("ends when the file is removed, after what was still in it", async () => {
    await writeFile(path, "a\n")
    const files = make()
    const log = reader(files.follow(path, all, pod(), never))
    expect(await log.lines(1)).toEqual(["a"])
    await appendFile(path, "b\nc")
    await removeLogFile(path)
    expect(await log.rest()).toEqual({ lines: ["b", "c"], end: { kind: "end", exitCode: null, cause: null } })
  })

  it("starts over when the file is emptied under it", async () => {
    await writeFile(path, "a long first life\n")
    const source = pod()
    const log = reader(make().follow(path, all, source, never))
    expect(await log.lines(1)).toEqual(["a long first life"])
    await writeFile(path, "new\n")
    expect(await log.lines(1)).toEqual(["new"])
    source.end()
    await log.rest()
  })

  it("resumes at an offset without a gap or a repetition", async () => {
    await writeFile(path, "a\nb\nc\n")
    const files = make()
    const source = pod()
    const first = reader(files.follow(path, all, source, never))
    await first.lines(3)
    const from = first.last()?.nextOffset ?? -1
    await first.stop()
    await appendFile(path, "d\n")
    source.end()
    const second = reader(files.follow(path, { ...all, fromOffset: from }, source, never))
    expect((await second.rest()).lines).toEqual(["d"])
  })

  it("stops silently with its signal, at once or while it waits", async () => {
    await writeFile(path, "a\n")
    const files = make()
    const abort = new AbortController()
    const log = reader(files.follow(path, all, pod(), abort.signal))
    await log.lines(1)
    const rest = log.rest()
    await new Promise(setImmediate)
    abort.abort()
    expect(await rest).toEqual({ lines: [], end: undefined })
    expect(await reader(files.follow(path, all, pod(), abort.signal)).rest()).toEqual({
      lines: [],
      end: undefined,
    })
    expect(files.counts).toEqual({ tracked: 0, followers: 0, watchers: 0 })
  })

  it("shares one watcher among the followers of a file and lets it go with the last", async () => {
    await writeFile(path, "")
    const files = make()
    const source = pod()
    const logs = Array.from({ length: 20 }, () => reader(files.follow(path, all, source, never)))
    const firsts = logs.map((log) => log.lines(2))
    await appendFile(path, "x\ny\n")
    for (const first of firsts) expect(await first).toEqual(["x", "y"])
    expect(files.counts).toEqual({ tracked: 0, followers: 20, watchers: 1 })
    const rests = logs.map((log) => log.rest())
    source.end()
    for (const rest of rests) expect((await rest).lines).toEqual([])
    expect(files.counts).toEqual({ tracked: 0, followers: 0, watchers: 0 })
  })

  it("ends all followers when it is closed", async () => {
    await writeFile(path, "a\n")
    const files = make()
    const log = reader(files.follow(path, all, pod(), never))
    await log.lines(1)
    const rest = log.rest()
    await new Promise(setImmediate)
    await files.close()
    expect(await rest).toEqual({ lines: [], end: undefined })
    await files.close()
  })

  it("gives every line of a busy writer in order, through watching and looking", async () => {
    await writeFile(path, "")
    const files = make()
    const source = pod()
    const log = reader(files.follow(path, all, source, never))
    const rest = log.rest()
    const count = 3000
    for (let n = 0; n < count; n++) await appendFile(path, `${n} ö\n`)
    source.end()
    const { lines } = await rest
    expect(lines).toEqual(Array.from({ length: count }, (_, n) => `${n} ö`))
  })

  it("gives every follower all lines under any cuts of the writes, with resuming at any time", async () => {
    const text = fc.array(fc.string({ unit: "grapheme", maxLength: 30 }), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(text, fc.infiniteStream(fc.integer({ min: 1, max: 40 })), async (written, steps) => {
        const lines = written.map((line) => line.replaceAll(/[\r\n]/g, "."))
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""))
        await rm(path, { force: true })
        const files = make()
        const source = pod()
        const whole = reader(files.follow(path, all, source, never)).rest()
        const resumed: string[] = []
        let from: number | null = 0
        for (let at = 0; at < bytes.length;) {
          const next = at + (steps.next().value as number)
          await appendFile(path, bytes.subarray(at, next))
          at = next
          if (at % 3 !== 0 || from === null) continue
          const abort = new AbortController()
          const part = reader(files.follow(path, { ...all, fromOffset: from }, source, abort.signal))
          const rest = part.rest()
          for (let turn = 0; turn < at % 7; turn++) await new Promise(setImmediate)
          abort.abort()
          resumed.push(...(await rest).lines)
          from = part.last()?.nextOffset ?? from
        }
        source.end()
        const last = reader(files.follow(path, { ...all, fromOffset: from }, source, never))
        resumed.push(...(await last.rest()).lines)
        expect((await whole).lines).toEqual(lines)
        expect(resumed).toEqual(lines)
        expect(files.counts).toEqual({ tracked: 0, followers: 0, watchers: 0 })
        await files.close()
      }),
      { numRuns: 60 },
    )
  })

  it("leaves no file open, however its followers end", async () => {
    const openFiles = async () => (await readdir("/proc/self/fd", { withFileTypes: true })).length
    await writeFile(path, "a\n")
    const files = make()
    const before = await openFiles()
    for (let turn = 0; turn < 20; turn++) {
      const abort = new AbortController()
      const source = pod()
      const log = reader(files.follow(path, all, source, abort.signal))
      if (turn % 4 === 0) abort.abort()
      else await log.lines(1)
      if (turn % 4 === 1) await log.stop()
      const rest = log.rest()
      if (turn % 4 === 2) abort.abort()
      if (turn % 4 === 3) source.end()
      await rest
    }
    expect(files.counts).toEqual({ tracked: 0, followers: 0, watchers: 0 })
    for (let turn = 0; turn < 1000 && (await openFiles()) > before; turn++) await new Promise(setImmediate)
    expect(await openFiles()).toBeLessThanOrEqual(before)
  })

  it("cuts a reader that is slow while the log runs away, with where to go on", async () => {
    await writeFile(path, "start\n")
    let heldMs = 0
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + heldMs }
    const files = make({ clock, backlogBytes: 10_000 })
    const iterator = files.follow(path, all, pod(), never)[Symbol.asyncIterator]()
    await iterator.next()
    await appendFile(path, "second\n")
    const second = await iterator.next()
    expect(second.value).toMatchObject({ chunk: { lines: ["second"] } })
    await appendFile(path, "x".repeat(20_000) + "\n")
    heldMs = 5000
    await expect(iterator.next()).rejects.toMatchObject({
      code: "too_many",
      detail: "slow_reader",
      facts: { nextOffset: 13 },
    })
    expect(files.counts.followers).toBe(0)
  })

  it("does not cut a prompt reader of a burst, nor one that still reads the old part", async () => {
    await writeFile(path, `${"y".repeat(99)}\n`.repeat(10_000))
    const files = make({ backlogBytes: 1000 })
    const source = pod()
    const log = reader(files.follow(path, all, source, never))
    await log.lines(10_000)
    await appendFile(path, `${"z".repeat(99)}\n`.repeat(10_000))
    await log.lines(10_000)
    source.end()
    expect((await log.rest()).lines).toEqual([])
  })
})
