import { appendFile, mkdir, rm, stat, truncate, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { createVirtualClock } from "../../kit/clock.ts"
import type { LogFiles, LogOverflow } from "./log-files.ts"
import { all, folder, path, make, useLogFolder } from "./log-files-suite.ts"

useLogFolder()

describe("floods and full disks", () => {
  function overflows(files: LogFiles): LogOverflow[] {
    const told: LogOverflow[] = []
    files.onOverflow((overflow) => told.push(overflow))
    return told
  }

  it("watches over a log that its pod made terabytes long, and reads it", async () => {
    await writeFile(path, "head\n")
    try {
      await truncate(path, 12 * 1024 ** 4)
    } catch (error) {
      return console.warn(`Not tested: files of 12 TiB cannot be made here (${String(error)}).`)
    }
    await appendFile(path, "\nlast\n")
    const files = make()
    const told = overflows(files)
    files.track("pod", path)
    await files.look()
    expect(told).toMatchObject([{ key: "pod", cause: "log_flood" }])
    expect((await files.read(path, { ...all, tailLines: 1 }, true)).lines).toEqual(["last"])
    expect((await make().read(path, { ...all, tailLines: 1 }, true)).lines).toEqual(["last"])
  })

  it("tells of a flood once, and not of a log that grew while nobody looked", async () => {
    const files = make({ floodBytes: 1000 })
    const told = overflows(files)
    files.track("pod", path)
    await writeFile(path, "x".repeat(900))
    await files.look()
    expect(told).toEqual([])
    await appendFile(path, "y".repeat(5000))
    await files.look()
    await appendFile(path, "y".repeat(5000))
    await files.look()
    expect(told).toHaveLength(1)
    expect(told[0]).toMatchObject({ key: "pod", cause: "log_flood" })
    await files.close()

    await appendFile(path, "z".repeat(50_000)) // the server was down
    const next = make({ floodBytes: 1000, clock: createVirtualClock() })
    const nextTold = overflows(next)
    next.track("pod", path)
    await next.look()
    expect(nextTold).toEqual([])
  })

  it("sees a flood in a file's first second", async () => {
    const files = make({ floodBytes: 1000 })
    const told = overflows(files)
    files.track("pod", path)
    await writeFile(path, "x".repeat(2000))
    await files.look()
    expect(told).toHaveLength(1)
  })

  it("scales the rule when a look comes late", async () => {
    const clock = createVirtualClock()
    const files = make({ floodBytes: 1000, clock })
    const told = overflows(files)
    await writeFile(path, "")
    files.track("pod", path)
    await files.look()
    clock.jumpWall(0)
    await appendFile(path, "x".repeat(3000))
    // The alarm would look at once; a stalled server comes late instead.
    const late = { ...clock, monotonicMs: () => clock.monotonicMs() + 20_000 }
    expect(late.monotonicMs()).toBe(20_000)
    const stalled = make({ floodBytes: 1000, clock: late })
    const stalledTold = overflows(stalled)
    stalled.track("pod", path)
    await stalled.look()
    expect(stalledTold).toEqual([])
    await files.look()
    expect(told).toHaveLength(1)
  })

  it("ends the pod that grew most on a nearly full disk, one a look, and spares the quiet", async () => {
    const files = make({ freeBytes: async () => 1000, minFreeBytes: 2000 })
    const told = overflows(files)
    for (const name of ["quiet", "small", "big"]) files.track(name, join(folder, name))
    const grow = async (name: string, bytes: number) => appendFile(join(folder, name), "x".repeat(bytes))
    for (const name of ["quiet", "small", "big"]) await grow(name, 0)
    await files.look()
    await Promise.all([grow("quiet", 100), grow("small", 100_000), grow("big", 200_000)])
    await files.look()
    expect(told.map(({ key, cause }) => [key, cause])).toEqual([["big", "disk_full"]])
    await Promise.all([grow("quiet", 100), grow("small", 100_000), grow("big", 200_000)])
    await files.look()
    expect(told.map(({ key }) => key)).toEqual(["big", "small"])
  })

  it("looks by itself with one alarm, at most once in lookMs, and stops when nothing is tracked", async () => {
    const clock = createVirtualClock()
    const files = make({ clock, floodBytes: 10 })
    const told = overflows(files)
    expect(clock.nextAlarmInMs()).toBeUndefined()
    await writeFile(path, "")
    for (let n = 0; n < 50; n++) files.track(`pod ${n}`, path)
    await files.look()
    await appendFile(path, "more than ten bytes")
    expect(clock.nextAlarmInMs()).toBe(1000)
    await clock.advance(1000)
    for (let turn = 0; turn < 1000 && told.length < 50; turn++) await new Promise(setImmediate)
    expect(told.length).toBe(50)
    for (let n = 0; n < 50; n++) await files.untrack(`pod ${n}`)
    await clock.advance(2000)
    for (let turn = 0; turn < 100 && clock.nextAlarmInMs() !== undefined; turn++) await clock.advance(1000)
    expect(clock.nextAlarmInMs()).toBeUndefined()
    expect(files.counts.tracked).toBe(0)
  })

  it("forgets what it knew of a file that was emptied", async () => {
    const files = make()
    files.track("pod", path)
    await writeFile(path, "old content\n".repeat(100))
    await files.look()
    await writeFile(path, "new\n")
    await files.look()
    expect(await files.read(path, { ...all, sinceMs: 0 }, true)).toMatchObject({
      lines: ["new"],
      droppedBytes: 0,
    })
  })

  it("writes no index for a folder that is gone, and unknown keys are harmless", async () => {
    const files = make()
    const gone = join(folder, "gone")
    await mkdir(gone)
    await writeFile(join(gone, "log"), "a\n")
    files.track("pod", join(gone, "log"))
    await files.look()
    await rm(gone, { recursive: true })
    await files.untrack("pod")
    await files.untrack("pod")
    await files.untrack("never")
    await expect(stat(gone)).rejects.toMatchObject({ code: "ENOENT" })
  })
})
