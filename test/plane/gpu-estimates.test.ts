import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { GpuRequestId } from "../../packages/server/src/domain/gpu-requests/index.ts"
import { aNode, createTestPlane, type TestPlane } from "../support/plane.ts"
import { propertyRuns } from "../../packages/server/src/kit/property-runs.ts"

const minuteMs = 60_000
const { runs, ...seeded } = propertyRuns(30)

const workspaceIds = ["red", "blue", "default"] as const
const wish = fc.record({
  workspaceId: fc.constantFrom(...workspaceIds),
  gpusPerNode: fc.constantFrom(1, 4, 8),
  nodes: fc.constantFrom(1, 1, 2, 3),
  priority: fc.constantFrom(50, 101, 201),
  minutes: fc.integer({ min: 1, max: 12 }),
  /** Before the next comes. */
  pauseSeconds: fc.constantFrom(0, 0, 0, 40),
})
const queue = fc.record({
  wishes: fc.array(wish, { minLength: 2, maxLength: 10 }),
  /** Whether work is on the nodes, which ends within its grace. */
  isWorking: fc.boolean(),
  /** At the request at this place the server is started anew. */
  restartAt: fc.option(fc.nat(9)),
})

async function open(): Promise<TestPlane> {
  const p = await createTestPlane({
    lends: true,
    nodes: [aNode("n1"), aNode("n2"), aNode("n3", 4)],
    script: { pod: () => ({ runMs: null, stopMs: 9000 }) },
  })
  const policy = { blue: { mostGpuRequests: 2 }, red: {} }
  for (const id of ["red", "blue"] as const)
    await p.plane.workspaces.create(p.owner, { id, description: "", clusters: null, policy: policy[id] })
  return p
}

async function ask(
  p: TestPlane,
  { minutes, pauseSeconds: _pause, ...rest }: typeof wish extends fc.Arbitrary<infer T> ? T : never,
) {
  const made = await p.plane.gpuRequests.create(p.owner, {
    name: "request",
    clusters: null,
    instanceType: null,
    gpuModel: null,
    memoryGibPerGpu: null,
    durationMs: minutes * minuteMs,
    idleTimeoutMs: null,
    requeueOnFailure: false,
    enableEviction: false,
    multiNode: false,
    ...rest,
  })
  await p.settle()
  return made.id
}

/** When each is said to start, or has. */
function startsOf({ plane, clock }: TestPlane, ids: readonly string[]): (number | null)[] {
  return ids.map((id) => {
    const request = plane.board.live().find((one) => one.id === id)
    if (request?.state !== "queued") return request?.startedAtMs ?? null
    return plane.board.slot(request.id, clock.nowMs())?.startMs ?? null
  })
}

describe("when everything ends at its time and nothing new comes", () => {
  it("no request starts a millisecond later than was said, whatever ran and whoever restarted", async () => {
    await fc.assert(
      fc.asyncProperty(queue, async ({ wishes, isWorking, restartAt }) => {
        const p = await open()
        try {
          if (isWorking)
            for (const workspaceId of ["red", "blue"]) await p.submit({ workspaceId, resource: { gpu: "1" } })
          const ids: GpuRequestId[] = []
          for (const [at, one] of wishes.entries()) {
            ids.push(await ask(p, one))
            await p.advance(one.pauseSeconds * 1000)
            if (restartAt === at) await p.restart()
          }
          const said = startsOf(p, ids)
          const rows = p.store.gpuRequests
          await p.until(
            () =>
              p.plane.board
                .live()
                .every((one) => one.state !== "queued" || startsOf(p, [one.id])[0] === null),
            10 * 36 * minuteMs,
          )
          for (const [at, id] of ids.entries()) {
            const row = await rows.byId(p.store.committed, id)
            const saidMs = said[at] ?? Infinity
            expect(row?.startedAtMs ?? 0, `the ${at + 1}th`).toBeLessThanOrEqual(saidMs)
          }
          await p.assertSound()
        } finally {
          await p.close()
        }
      }),
      { numRuns: runs, ...seeded },
    )
  })
})
