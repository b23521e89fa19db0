import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { closeRun, history, openRun, take, type Command } from "./gpu-model.ts"
import { propertyRuns } from "../../packages/server/src/kit/property-runs.ts"

const { runs, ...seeded } = propertyRuns(100)

/** Throws when something is not as it must be, in between or at the end. */
async function runAll(all: readonly Command[]): Promise<void> {
  const run = await openRun()
  const timersAtRest = run.p.plane.timers.size
  try {
    for (const what of all) await take(run, what)
    await closeRun(run, timersAtRest)
  } finally {
    await run.p.close()
  }
}

describe("whatever clients, machines and clocks do", () => {
  it("nodes have one holder, work runs where its workspace holds nodes, and nothing is left over", async () => {
    const checked = fc.asyncProperty(history, async (all) => {
      await expect(runAll(all)).resolves.toBeUndefined()
    })
    await fc.assert(checked, { numRuns: runs, ...seeded })
  })
})
