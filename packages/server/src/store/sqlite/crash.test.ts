import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, expect, it } from "vitest"
import { openStore } from "../index.ts"
import { storeOptions, temporaryDirectory } from "./test-harness.ts"

const script = fileURLToPath(new URL("./crash-child.ts", import.meta.url))

let dir: ReturnType<typeof temporaryDirectory>
let path: string
const children: ChildProcess[] = []
beforeEach(() => {
  dir = temporaryDirectory()
  path = join(dir.path, "berth.db")
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
  dir.remove()
})

/** Runs a writer until a line says that it is time, kills it with SIGKILL, and gives what it was answered. */
async function killWriter(
  first: number,
  place: string,
  isTime: (line: string) => boolean,
): Promise<number[]> {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", script, path, String(first), place],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  )
  children.push(child)
  const ended = once(child, "exit")
  const acknowledged: number[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("ack ")) acknowledged.push(Number(line.slice(4)))
    if (isTime(line)) child.kill("SIGKILL")
  }
  const [, signal] = (await ended) as [number | null, string | null]
  expect(signal).toBe("SIGKILL")
  return acknowledged
}

/** The numbers of the writes that are there, each in all its parts. */
async function standing(): Promise<readonly number[]> {
  const store = openStore(storeOptions(path))
  try {
    const page = { sort: "id", order: "asc", offset: 0, limit: 1_000_000 } as const
    const { total, items } = await store.workloads.list(store.committed, { workspaceIds: null }, page)
    const numbers = items.map((item) => Number(item.id.slice(-6)))
    const claims = (await store.claims.live(store.committed)).map((claim) =>
      Number(claim.owner.shownId.slice(-6)),
    )
    const events = await store.journal.eventsAfter(store.committed, null, { workspaces: null }, 1_000_000)
    expect(total).toBe(numbers.length)
    expect(claims.toSorted((a, b) => a - b)).toEqual(numbers)
    expect(events.map((event) => Number(event.data["n"])).toSorted((a, b) => a - b)).toEqual(numbers)
    return numbers
  } finally {
    await store.close()
  }
}

function lost(acknowledged: readonly number[], stood: readonly number[]): readonly number[] {
  const there = new Set(stood)
  return acknowledged.filter((n) => !there.has(n))
}

it("loses no acknowledged write and keeps no half of one when killed between two statements", async () => {
  const acknowledged = await killWriter(0, "statement", (line) => line === "at statement")
  const stood = await standing()
  expect(acknowledged.length).toBeGreaterThan(0)
  expect(lost(acknowledged, stood)).toEqual([])
  expect(stood).not.toContain(40)
})

it("keeps a write that was committed and never answered, when killed between COMMIT and the reply", async () => {
  const acknowledged = await killWriter(0, "committed", (line) => line === "at committed")
  const stood = await standing()
  expect(acknowledged).not.toContain(40)
  expect(stood).toContain(40)
  expect(lost(acknowledged, stood)).toEqual([])
})

it("loses nothing over several kills at whatever instant, each on top of what the last one left", async () => {
  const acknowledged: number[] = []
  for (const [life, kill] of [1, 37, 211, 850].entries()) {
    let lines = 0
    acknowledged.push(...(await killWriter(life * 100_000, "none", () => ++lines === kill)))
  }
  const stood = await standing()
  expect(acknowledged.length).toBeGreaterThanOrEqual(1 + 37 + 211 + 850)
  expect(lost(acknowledged, stood)).toEqual([])
})
