import fc from "fast-check"
import { expect, test } from "vitest"
import { blocksIn } from "./drivers/local/ray/ray-ports.ts"
import { portsByCluster } from "./local-ray-clusters.ts"

test("one cluster has every block of the range", () => {
  expect(portsByCluster([10_000, 19_999], 1)).toEqual([[10_000, 19_899]])
})

test("clusters share no port, and each has as many blocks as any other", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1024, max: 40_000 }),
      fc.integer({ min: 0, max: 20_000 }),
      (clusters, first, more) => {
        const last = first + clusters * 300 - 1 + more
        const parts = portsByCluster([first, last], clusters)
        expect(parts).toHaveLength(clusters)
        const blocks = new Set(parts.map(blocksIn))
        expect(blocks.size).toBe(1)
        expect([...blocks][0]).toBeGreaterThan(0)
        for (const [at, [from, to]] of parts.entries()) {
          expect(from).toBe(at === 0 ? first : (parts[at - 1]?.[1] ?? 0) + 1)
          expect(to).toBeLessThanOrEqual(last)
        }
      },
    ),
  )
})
