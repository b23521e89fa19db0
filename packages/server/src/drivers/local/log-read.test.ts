import { appendFile, readFile, stat, truncate, utimes, writeFile } from "node:fs/promises"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { createVirtualClock } from "../../kit/clock.ts"
import type { LogFiles } from "./log-files.ts"
import { logIndexPath } from "./log-files.ts"
import { all, path, make, useLogFolder } from "./log-files-suite.ts"

useLogFolder()

describe("reading a log", () => {
  it("gives whole lines and says where to go on", async () => {
    await writeFile(path, "one\ntwo\nthr")
    const files = make()
    expect(await files.read(path, all, false)).toEqual({
      lines: ["one", "two"],
      nextOffset: 8,
      droppedBytes: 0,
    })
    expect(await files.read(path, all, true)).toEqual({
      lines: ["one", "two", "thr"],
      nextOffset: 11,
      droppedBytes: 0,
    })
    await appendFile(path, "ee\n")
    expect(await files.read(path, { ...all, fromOffset: 8 }, false)).toEqual({
      lines: ["three"],
      nextOffset: 14,
      droppedBytes: 0,
    })
  })

  it("says that nothing is kept of a log that is not there", async () => {
    await expect(make().read(path, all, true)).rejects.toMatchObject({ code: "not_found", resource: "log" })
  })

  it("copes with an empty file, empty lines, CR LF, lone CR and NUL", async () => {
    const files = make()
    await writeFile(path, "")
    expect(await files.read(path, all, true)).toEqual({ lines: [], nextOffset: 0, droppedBytes: 0 })
    await writeFile(path, "\n\na\r\n1%\r2%\rdone\nx\0y\n")
    expect((await files.read(path, all, true)).lines).toEqual(["", "", "a", "1%\r2%\rdone", "x\0y"])
    expect((await files.read(path, { ...all, tailLines: 4 }, true)).lines).toEqual([
      "",
      "a",
      "1%\r2%\rdone",
      "x\0y",
    ])
  })

  it("gives the last n lines for every n, ended or not", async () => {
    const line = fc.string({ unit: "grapheme", maxLength: 12 }).map((s) => s.replaceAll(/[\r\n]/g, "."))
    const files = make()
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 30 }),
        line,
        fc.nat(32),
        fc.boolean(),
        async (lines, rest, n, isEnded) => {
          await writeFile(path, lines.map((l) => `${l}\n`).join("") + rest)
          const whole = isEnded && rest !== "" ? [...lines, rest] : lines
          const chunk = await files.read(path, { ...all, tailLines: n }, isEnded)
          expect(chunk.lines).toEqual(n === 0 ? [] : whole.slice(-n))
          const wholeBytes = Buffer.byteLength(whole.map((l) => `${l}\n`).join(""))
          expect(chunk.nextOffset).toBe(isEnded && rest !== "" ? wholeBytes - 1 : wholeBytes)
        },
      ),
      { numRuns: 200 },
    )
  })

  it("gives the same lines in any steps of maxBytes, each at most that long", async () => {
    const line = fc.string({ unit: "grapheme", maxLength: 20 }).map((s) => s.replaceAll(/[\r\n]/g, "."))
    const files = make()
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 20 }),
        fc.integer({ min: 80, max: 400 }),
        async (lines, step) => {
          await writeFile(path, lines.map((l) => `${l}\n`).join(""))
          const got: string[] = []
          let offset = 0
          for (let turn = 0; turn < 100; turn++) {
            const chunk = await files.read(path, { ...all, fromOffset: offset, maxBytes: step }, false)
            if (chunk.lines.length === 0) break
            expect(chunk.nextOffset - offset).toBeLessThanOrEqual(step)
            got.push(...chunk.lines)
            offset = chunk.nextOffset
          }
          expect(got).toEqual(lines)
        },
      ),
      { numRuns: 100 },
    )
  })

  it("cuts to the last whole lines of maxBytes, and never inside a character", async () => {
    await writeFile(path, "first line\nsecond line\nthird line\n")
    const files = make()
    expect((await files.read(path, { ...all, maxBytes: 25 }, true)).lines).toEqual([
      "second line",
      "third line",
    ])
    expect((await files.read(path, { ...all, maxBytes: 22 }, true)).lines).toEqual(["third line"])
    await writeFile(path, "ä".repeat(100))
    const { lines } = await files.read(path, { ...all, maxBytes: 25 }, true)
    expect(lines).toEqual(["ä".repeat(12)])
    const first = await files.read(path, { ...all, maxBytes: 25, fromOffset: 0 }, true)
    expect(first).toMatchObject({ lines: ["ä".repeat(12)], nextOffset: 24 })
  })

  it("gives a line of megabytes in bounded pieces without losing a character", async () => {
    const long = "añ€𝄞".repeat(400_000)
    await writeFile(path, `short\n${long}\nlast\n`)
    const { lines, nextOffset } = await make().read(path, all, false)
    expect(nextOffset).toBe((await stat(path)).size)
    expect(lines[0]).toBe("short")
    expect(lines.at(-1)).toBe("last")
    expect(lines.slice(1, -1).join("")).toBe(long)
    for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(256 * 1024)
  })

  it("gives the tail of a line that is unfinished and huge instead of nothing", async () => {
    await writeFile(path, "x".repeat(3_000_000))
    const { lines, nextOffset } = await make().read(
      path,
      { ...all, tailLines: 5, maxBytes: 1024 * 1024 },
      false,
    )
    expect(lines.join("").length).toBeGreaterThan(700_000)
    expect(nextOffset).toBeLessThanOrEqual(3_000_000)
  })

  it("reads the tail of a huge file without reading the file", async () => {
    await writeFile(path, "head\n")
    await truncate(path, 40 * 1024 ** 3) // sparse: reading it whole would take minutes
    await appendFile(path, "\nlast but one\nlast\n")
    const { lines } = await make().read(path, { ...all, tailLines: 2 }, false)
    expect(lines).toEqual(["last but one", "last"])
  })

  it("clamps an offset beyond the end, and one before what is kept", async () => {
    await writeFile(path, "a\nb\n")
    const files = make()
    expect(await files.read(path, { ...all, fromOffset: 1e15 }, true)).toEqual({
      lines: [],
      nextOffset: 4,
      droppedBytes: 0,
    })
    await writeFile(logIndexPath(path), JSON.stringify({ keptFrom: 2, timesMs: [1], offsets: [4] }))
    expect(await files.read(path, { ...all, fromOffset: 0 }, true)).toEqual({
      lines: ["b"],
      nextOffset: 4,
      droppedBytes: 2,
    })
  })

  it.each([
    "",
    "{",
    "null",
    "[]",
    '{"keptFrom":-1}',
    '{"keptFrom":0,"timesMs":[2,1],"offsets":[1,2]}',
    "\0\0",
  ])("reads a log whose index is broken: %j", async (text) => {
    await writeFile(path, "a\nb\n")
    await writeFile(logIndexPath(path), text)
    expect((await make().read(path, all, true)).lines).toEqual(["a", "b"])
  })
})

describe("lines since a time", () => {
  const hour = 3_600_000
  const startMs = Date.UTC(2025, 0, 1)
  async function write(text: string, atMs: number) {
    await appendFile(path, text)
    await utimes(path, atMs / 1000, atMs / 1000)
  }

  it("gives what was written at or after, also to the next server", async () => {
    const clock = createVirtualClock()
    const first = make({ clock })
    first.track("pod", path)
    for (let n = 0; n < 5; n++) {
      await write(`line ${n}\n`, startMs + n * hour)
      await first.look()
    }
    const since = (files: LogFiles, sinceMs: number) =>
      files.read(path, { ...all, sinceMs }, true).then(({ lines }) => lines)
    const expectRight = async (files: LogFiles) => {
      expect(await since(files, startMs - 1)).toHaveLength(5)
      expect(await since(files, startMs + 2 * hour - 1000)).toEqual(["line 2", "line 3", "line 4"])
      expect(await since(files, startMs + 4 * hour - 1)).toEqual(["line 4"])
      expect(await since(files, startMs + 4 * hour + 5000)).toEqual([])
      const both = await files.read(path, { ...all, sinceMs: startMs + hour - 1, tailLines: 2 }, true)
      expect(both.lines).toEqual(["line 3", "line 4"])
    }
    await expectRight(first)
    await first.close()
    await expectRight(make())
  })

  it("does not believe an index of more than the file has", async () => {
    await writeFile(path, "new\n")
    await writeFile(logIndexPath(path), JSON.stringify({ keptFrom: 500, timesMs: [1], offsets: [1000] }))
    expect(await make().read(path, all, true)).toEqual({ lines: ["new"], nextOffset: 4, droppedBytes: 0 })
  })

  it("gives a line that was begun before and finished after whole", async () => {
    const files = make({ clock: createVirtualClock() })
    files.track("pod", path)
    await write("old\nbegun ", startMs)
    await files.look()
    await write("and finished\n", startMs + hour)
    await files.look()
    expect((await files.read(path, { ...all, sinceMs: startMs + 1000 }, true)).lines).toEqual([
      "begun and finished",
    ])
  })

  it("keeps its index small and still right over thousands of looks", async () => {
    const files = make({ clock: createVirtualClock() })
    files.track("pod", path)
    const looks = 3000
    for (let n = 0; n < looks; n++) {
      await write(`${n}\n`, startMs + n * 1000)
      await files.look()
    }
    await files.untrack("pod")
    const text = await readFile(logIndexPath(path), "utf8")
    expect(text.length).toBeLessThan(16 * 1024)
    for (const n of [1, 700, 1500, 2400, 2990]) {
      const { lines } = await make().read(path, { ...all, sinceMs: startMs + n * 1000 }, true)
      expect(Number(lines[0])).toBeLessThanOrEqual(n)
      expect(lines.at(-1)).toBe(String(looks - 1))
      // Coarser with age, never useless.
      expect(n - Number(lines[0])).toBeLessThanOrEqual(2 + (looks - n) / 15)
    }
  })

  it("errs on giving more when the clock goes back", async () => {
    const files = make({ clock: createVirtualClock() })
    files.track("pod", path)
    await write("a\n", startMs + hour)
    await files.look()
    await write("b\n", startMs)
    await files.look()
    await write("c\n", startMs + 2 * hour)
    await files.look()
    expect((await files.read(path, { ...all, sinceMs: startMs + 1 }, true)).lines).toEqual(["a", "b", "c"])
  })
})
