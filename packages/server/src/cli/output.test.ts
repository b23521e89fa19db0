import { expect, it } from "vitest"
import type { Column } from "./output.ts"
import { readOutputForm, writeDone, writeFacts, writeList } from "./output.ts"
import { createTestTerminal } from "./test-terminal.ts"
import { harmless, paint } from "./terminal.ts"

interface Row {
  readonly name: string
  readonly gpus: number
}
const columns: readonly Column<Row>[] = [
  { title: "NAME", cell: (row) => row.name },
  { title: "GPUS", cell: (row) => row.gpus, align: "right" },
]
const rows = [
  { name: "a", gpus: 8 },
  { name: "longer-name", gpus: 16 },
]

it("writes a table without borders, colours or blanks at the ends of lines", async () => {
  const terminal = createTestTerminal()
  await writeList(terminal, "table", { rows, columns, empty: "none" })
  expect(terminal.stdout()).toBe(
    ["NAME         GPUS", "a               8", "longer-name    16", ""].join("\n"),
  )
  expect(terminal.stderr()).toBe("")
})

it("keeps a cell in one line and its control characters out of the terminal", async () => {
  const terminal = createTestTerminal()
  const evil = [{ name: "x\u001b[2J\u0007\ny\u009b1m", gpus: 0 }]
  await writeList(terminal, "table", { rows: evil, columns, empty: "none" })
  expect(terminal.stdout().split("\n")).toHaveLength(3)
  expect(terminal.stdout()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
})

it("says that a list is empty beside the results, not among them", async () => {
  const terminal = createTestTerminal()
  await writeList(terminal, "table", { rows: [], columns, empty: "Nothing waits." })
  expect([terminal.stdout(), terminal.stderr()]).toEqual(["", "Nothing waits.\n"])
})

it("gives programs the values themselves, also of an empty list", async () => {
  const json = createTestTerminal()
  await writeList(json, "json", { rows, columns, empty: "none" })
  expect(JSON.parse(json.stdout())).toEqual(rows)
  const empty = createTestTerminal()
  await writeList(empty, "json", { rows: [], columns, empty: "none" })
  expect([JSON.parse(empty.stdout()), empty.stderr()]).toEqual([[], ""])
  const yaml = createTestTerminal()
  await writeDone(yaml, "yaml", "Done.", { id: "x", list: [1] })
  expect(yaml.stdout()).toBe("id: x\nlist:\n  - 1\n")
})

it.each(["json", "yaml"] as const)(
  "escapes what steers terminals in %s, and it reads back as it was",
  async (form) => {
    const terminal = createTestTerminal()
    const value = { name: "x\u001b[2J\u009b2J\u007f\u009d0;y\u009c" }
    await writeDone(terminal, form, "Done.", value)
    expect(terminal.stdout()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    // JSON is YAML too
    const { parse } = await import("yaml")
    expect(parse(terminal.stdout())).toEqual(value)
  },
)

it("lines facts up by the longest name", async () => {
  const terminal = createTestTerminal()
  await writeFacts(terminal, "table", {}, [
    ["name", "a"],
    ["long name", "b\u001b[0m"],
  ])
  expect(terminal.stdout()).toBe("name       a\nlong name  b�[0m\n")
})

it("paints only where colours are shown, and leaves text harmless", () => {
  const plain = createTestTerminal()
  expect(paint(plain, "red", "x")).toBe("x")
  expect(paint({ ...plain, hasColour: true }, "red", "x")).toBe("\u001b[31mx\u001b[0m")
  expect(harmless("a\tb\nc")).toBe("a\tb\nc")
  expect(harmless("a\rb\u001b]0;t\u0007")).toBe("a�b�]0;t�")
})

it("knows its three forms", () => {
  expect(["table", "json", "yaml"].map(readOutputForm)).toEqual(["table", "json", "yaml"])
  expect(() => readOutputForm("xml")).toThrow('-o takes table, json, yaml, not "xml".')
})
