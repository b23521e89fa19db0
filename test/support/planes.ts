import { afterEach } from "vitest"
import { createTestPlane, type TestPlane, type TestPlaneOptions } from "./plane.ts"

/**
 * Makes planes for the tests of a file. After each test every plane made in it is checked (rows, memory and
 * processes agree, nothing forbidden was done to the machines) and closed.
 */
export function usePlanes(): (options?: TestPlaneOptions) => Promise<TestPlane> {
  const open: TestPlane[] = []
  afterEach(async () => {
    const planes = open.splice(0)
    try {
      for (const plane of planes) {
        await plane.settle()
        await plane.assertSound()
      }
    } finally {
      for (const plane of planes) await plane.close()
    }
  })
  return async (options) => {
    const plane = await createTestPlane(options)
    open.push(plane)
    return plane
  }
}
