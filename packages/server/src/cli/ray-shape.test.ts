import { describe, expect, it } from "vitest"
import { readShape } from "./ray-shape.ts"
import { readRaySize, templateNameOf } from "./ray-templates.ts"

describe("the shape of a cluster", () => {
  it("is one small node of the usual version where nothing is said", () => {
    const size = { cpu: 1, memory: 2, memoryUnit: "Gi", gpu: 0 }
    expect(readShape({})).toMatchObject({ version: "2.60.0", head: { size }, replicas: 0, image: "" })
    expect(templateNameOf(size)).toBe("berth-1cpu-2gi")
  })

  it("has workers like the head unless their size is said", () => {
    const shape = readShape({ workers: "2", gpus: "1" })
    expect(shape.workers).toEqual(shape.head)
    const other = readShape({ workers: "2", template: "big", workerGpus: "8" })
    expect(other).toMatchObject({ head: { template: "big" }, workers: { size: { gpu: 8, cpu: 1 } } })
  })

  it.each([
    [{ image: "rayproject/ray:2.46.0-py310" }, ""],
    [{ image: "rayproject/ray:2.46.0", version: "2.52.1" }, "2.52.1"],
    [{ image: "mine/ray:latest" }, "2.60.0"],
  ])("%j is of version %j", (options, version) => {
    expect(readShape(options).version).toBe(version)
  })

  it.each(["0Gi", "2", "2GB", "-1Gi", "1.5Gi"])("has no memory of %s", (memory) => {
    expect(() => readRaySize({ memory })).toThrow("--memory takes a size such as 512Mi or 8Gi")
  })
})
