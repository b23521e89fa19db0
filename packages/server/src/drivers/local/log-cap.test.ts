import { appendFile, readFile, rm, stat } from "node:fs/promises"
import { describe, expect, it } from "vitest"
import type { LogChunk } from "../../domain/workloads/index.ts"
import { silentLog } from "../../kit/log.ts"
import { logIndexPath } from "./log-files.ts"
import { all, hasFallocate, path, make, pod, never, reader, useLogFolder } from "./log-files-suite.ts"

useLogFolder()

describe("the cap", () => {
  if (!hasFallocate) console.log("left out: cutting log heads (no fallocate command)")

  async function fill(mebibytes: number) {
    const block = Array.from({ length: 16 * 1024 }, (_, n) => `line ${String(n).padStart(58, "0")}\n`).join(
      "",
    )
    for (let n = 0; n < mebibytes; n++) await appendFile(path, block)
  }

  it.skipIf(!hasFallocate)(
    "cuts the head away, keeps offsets, begins at a line and gives the disk back",
    async () => {
      const files = make({ capBytes: 2 * 1024 * 1024 })
      files.track("pod", path)
      await fill(5)
      const { size } = await stat(path)
      await files.look()
      const facts = await stat(path)
      expect(facts.size).toBe(size)
      expect(facts.blocks * 512).toBeLessThan(2.1 * 1024 * 1024)
      const expectCut = (chunk: LogChunk) => {
        expect(chunk.droppedBytes).toBeGreaterThan(3 * 1024 * 1024)
        expect(chunk.droppedBytes % 64).toBe(0) // whole lines of 64 bytes
        expect(chunk.lines).toHaveLength((size - chunk.droppedBytes) / 64)
        for (const line of chunk.lines) expect(line).toMatch(/^line \d{58}$/)
        expect(chunk.nextOffset).toBe(size)
      }
      expectCut(await files.read(path, all, true))
      expectCut(await files.read(path, { ...all, fromOffset: 0 }, true))
      await files.close()
      expectCut(await make().read(path, all, true))
      await rm(logIndexPath(path))
      expectCut(await make().read(path, all, true)) // found again from the hole itself
    },
  )

  it.skipIf(!hasFallocate)("lets a follower jump over what was cut", async () => {
    const files = make({ capBytes: 1024 * 1024 })
    files.track("pod", path)
    await fill(4)
    await files.look()
    const source = pod()
    source.end()
    const { lines } = await reader(files.follow(path, { ...all, fromOffset: 0 }, source, never)).rest()
    for (const line of lines) expect(line).toMatch(/^line \d+$/)
    expect(lines.length).toBeGreaterThan(1000)
  })

  it("does without where heads cannot be cut away, and says so once", async () => {
    const warnings: unknown[] = []
    const log = { ...silentLog, warn: (...said: unknown[]) => warnings.push(said), debug: () => undefined }
    const punchHead = async () => {
      throw Object.assign(new Error("spawn fallocate ENOENT"), { code: "ENOENT" })
    }
    const files = make({ capBytes: 1024, punchHead, log: log as unknown as typeof silentLog })
    files.track("pod", path)
    for (let n = 0; n < 3; n++) {
      await fill(1)
      await files.look()
    }
    expect(warnings).toHaveLength(1)
    expect((await files.read(path, all, true)).droppedBytes).toBe(0)
  })

  it("writes down what it will cut before it cuts: a crash in between leaves no zeros to be read", async () => {
    let keptOnDisk = -1
    const punchHead = async (_path: string, length: number) => {
      const index = JSON.parse(await readFile(logIndexPath(path), "utf8")) as { keptFrom: number }
      keptOnDisk = index.keptFrom
      expect(length).toBeLessThanOrEqual(keptOnDisk)
    }
    const files = make({ capBytes: 256 * 1024, punchHead })
    files.track("pod", path)
    await fill(1)
    await files.look()
    expect(keptOnDisk).toBeGreaterThan(700_000)
    expect((await make().read(path, all, true)).droppedBytes).toBe(keptOnDisk)
  })

  it("tries again after a failure that may pass", async () => {
    let tries = 0
    const punchHead = async () => {
      tries++
      if (tries === 1) throw new Error("Command failed: fallocate: busy")
    }
    const files = make({ capBytes: 1024, punchHead })
    files.track("pod", path)
    await fill(1)
    await files.look()
    expect((await files.read(path, all, true)).droppedBytes).toBe(0)
    await files.look()
    expect(tries).toBe(2)
    expect((await files.read(path, all, true)).droppedBytes).toBeGreaterThan(0)
  })
})
