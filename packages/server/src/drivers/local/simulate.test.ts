import * as fc from "fast-check"
import { expect, it } from "vitest"
import { gpuModels } from "../../domain/inventory/index.ts"
import { declareNodes, parseSimulate } from "./simulate.ts"

function parsed(text: string) {
  const result = parseSimulate(text)
  if (!result.ok) throw new Error(result.message)
  return result.value
}

it.each([
  ["2x8xH100", 2, 8, "NVIDIA-H100-80GB-HBM3", "h100-8g", null],
  ["1x1xt4", 1, 1, "Tesla-T4", "t4-1g", null],
  [" 3X4Xtesla-t4@n1-standard-8 ", 3, 4, "Tesla-T4", "n1-standard-8", null],
  ["1x8xH200@p5en.48xlarge,cluster=east-1", 1, 8, "NVIDIA-H200", "p5en.48xlarge", "east-1"],
  ["2x8xNVIDIA H100 80GB HBM3, cluster=east", 2, 8, "NVIDIA-H100-80GB-HBM3", "h100-8g", "east"],
  ["1x2xMI300X", 1, 2, "AMD-Instinct-MI300X-OAM", "mi300x-2g", null],
])("reads %j", (text, nodes, gpusPerNode, model, instanceType, cluster) => {
  const value = parsed(text)
  expect({ ...value, model: value.model.name }).toEqual({ nodes, gpusPerNode, model, instanceType, cluster })
})

it.each([
  ["", "form"],
  ["H100", "form"],
  ["2xH100", "form"],
  ["-1x8xH100", "form"],
  ["1.5x8xH100", "form"],
  ["2x8x", "form"],
  ["0x8xH100", "0 nodes"],
  ["10001x8xH100", "10001 nodes"],
  ["1x0xH100", "0 GPUs"],
  ["1x65xH100", "65 GPUs"],
  ["1x1xH900", "unknown GPU model H900; known are T4"],
  ["1x1xT4@", "instance type"],
  ["1x1xT4@a b", "instance type"],
  ["1x1xT4@x/y", "instance type"],
  ["1x1xT4,cluster=", "cluster=NAME"],
  ["1x1xT4,cluster=East", "cluster=NAME"],
  ["1x1xT4,zone=a", "cluster=NAME"],
  ["1x1xT4,cluster=a,cluster=b", "cluster=NAME"],
])("refuses %j with a sentence", (text, part) => {
  const result = parseSimulate(text)
  expect(result).toMatchObject({ ok: false, message: expect.stringContaining(part) })
  expect(result).toMatchObject({ message: expect.stringContaining(`"${text}"`) })
})

it("never throws, whatever the text", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      for (const text of [a, `1x1x${a}@${b}`, `1x1xT4,${a}`]) expect(parseSimulate(text)).toHaveProperty("ok")
    }),
  )
})

it("declares nodes that have what the table of models says, with names that never repeat", () => {
  const groups = [parsed("2x8xH100"), parsed("1x1xT4"), parsed("1x4xNVIDIA-H100-80GB-HBM3@big")]
  const nodes = declareNodes(groups, "boot-1")
  expect(nodes.map(({ name }) => name)).toEqual(["sim-h100-0", "sim-h100-1", "sim-t4-0", "sim-h100-2"])
  const first = nodes[0]
  expect(first).toMatchObject({
    gpuModel: "NVIDIA-H100-80GB-HBM3",
    instanceType: "h100-8g",
    simulated: true,
    healthy: true,
    bootId: "boot-1",
  })
  const share = gpuModels.find(({ name }) => name === "NVIDIA-H100-80GB-HBM3")?.share
  expect(first?.capacity).toEqual({
    cpuMilli: (share?.cpuMilli ?? 0) * 8,
    memoryBytes: (share?.memoryBytes ?? 0) * 8,
    ephemeralBytes: (share?.ephemeralBytes ?? 0) * 8,
    gpus: 8,
  })
  expect(first?.gpus.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect(nodes[3]).toMatchObject({ instanceType: "big" })
  const uuids = nodes.flatMap(({ gpus }) => gpus.map(({ uuid }) => uuid))
  expect(new Set(uuids).size).toBe(21)
})

it("declares every model of the table under names that are DNS labels", () => {
  for (const { aliases } of gpuModels) {
    const [node] = declareNodes([parsed(`1x1x${aliases[0]}`)], "boot")
    expect(node?.name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)
  }
})
