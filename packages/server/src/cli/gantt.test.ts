import type { Timeline, TimelineBar } from "@berth/contract/berth"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { renderGantt } from "./gantt.ts"

const at = (hours: number) => new Date(Date.UTC(2030, 0, 1) + hours * 3_600_000).toISOString()

const bar = (change: Partial<TimelineBar>): TimelineBar => ({
  node: "n1",
  clusterId: "local",
  requestId: "gpr-00000001-0001",
  name: "pretrain",
  workspaceId: "team",
  kind: "running",
  start: at(0),
  end: at(1),
  ...change,
})

const timeline = (nodes: readonly string[], bars: readonly TimelineBar[]): Timeline => ({
  from: at(0),
  to: at(10),
  now: at(4),
  nodes: nodes.map((name) => ({ name, clusterId: "local", gpus: 8, gpuModel: "H100" })),
  bars: [...bars],
})

/** 51 columns: 50 for ten hours and one between. */
const narrow = { columns: 59, isUtf8: false }

describe("a terminal's Gantt", () => {
  it("draws a node's past, present and future, and now", () => {
    const lines = renderGantt(
      timeline(
        ["n1"],
        [
          bar({ requestId: "gpr-0000000a-000a", kind: "past", start: at(-1), end: at(1) }),
          bar({ start: at(2), end: at(6) }),
          bar({ requestId: "gpr-0000000b-000b", name: "next", kind: "predicted", start: at(6), end: at(8) }),
        ],
      ),
      narrow,
    )
    expect(lines).toEqual([
      "UTC      01-01 00:00    03:00          06:00          09:00",
      "n1       A----.....B#########|#########C=========..........",
      "",
      "- past  # running  ~ draining  = predicted  . free  | now",
      "A  gpr-0000000a-000a  1 node, past, ended 3h ago  team  pre",
      "B  gpr-00000001-0001  1 node, running, 2h left  team  pretr",
      "C  gpr-0000000b-000b  1 node, predicted, in 2h for 2h  team",
    ])
  })

  it("uses blocks where the terminal has them", () => {
    const given = timeline(["n1"], [bar({ end: at(6) })])
    const [, row] = renderGantt(given, { columns: 59, isUtf8: true })
    expect(row).toMatch(/^n1 +A█+│█+·+$/)
  })

  it("keeps the line of now free, also where a bar begins there", () => {
    const [, row] = renderGantt(timeline(["n1"], [bar({ start: at(4), end: at(6) })]), narrow)
    expect(row).toMatch(/^n1 +\.+\|A#+\.+$/)
  })

  it("puts nodes that look alike into one line, and the others into their own", () => {
    const names = Array.from({ length: 64 }, (_, index) => `n${String(index + 1).padStart(2, "0")}`)
    const lines = renderGantt(timeline(names, [bar({ node: "n03" })]), narrow)
    const labels = lines.slice(1, 4).map((line) => line.split(" .")[0]?.trim())
    expect(labels[0]).toBe("n01 +1")
    expect(lines[2]).toMatch(/^n03 +A#/)
    expect(labels[2]).toBe("n04 +60")
  })

  it("tells nothing of those that the caller may not see but that they are there", () => {
    const hidden = bar({ requestId: null, name: null, workspaceId: null })
    const lines = renderGantt(timeline(["n1"], [hidden]), narrow)
    expect(lines[1]).toMatch(/^n1 +\?#+/)
    expect(lines.at(-1)).toBe("?  of others")
  })

  it("names the cluster where there are two, and keeps the end of long names", () => {
    const far = bar({ clusterId: "a-cluster-with-a-long-name", node: "and-a-node-with-one-too" })
    const labels = renderGantt(timeline(["n1"], [far]), { columns: 100, isUtf8: false }).map((line) =>
      line.slice(0, 28),
    )
    expect(labels[1]?.trim()).toBe("local/n1")
    expect(labels[2]).toBe("~ame/and-a-node-with-one-too")
  })

  it("says so where there is nothing to lend", () => {
    expect(renderGantt(timeline([], []), narrow).at(-1)).toBe("There are no GPU nodes that can be lent.")
  })

  it("keeps to its width, whatever it is given", () => {
    const hours = fc.double({ min: -1000, max: 1000, noNaN: true })
    const anyBar = fc.record({
      node: fc.constantFrom("n1", "n2", "a-very-long-name-of-a-node-that-is-gone"),
      requestId: fc.option(fc.constantFrom("gpr-1", "gpr-2", "gpr-3")),
      kind: fc.constantFrom("past", "running", "draining", "predicted"),
      start: hours,
      length: fc.double({ min: 0, max: 500, noNaN: true }),
    })
    fc.assert(
      fc.property(fc.array(anyBar), fc.integer({ min: 0, max: 300 }), (drawn, columns) => {
        const bars = drawn.map(({ start, length, ...rest }) =>
          bar({ ...rest, start: at(start), end: at(start + length) }),
        )
        const lines = renderGantt(timeline(["n1", "n2"], bars), { columns, isUtf8: true })
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.max(40, columns))
      }),
    )
  })
})
