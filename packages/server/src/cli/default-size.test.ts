import type { Node } from "@berth/contract/berth"
import { expect, it } from "vitest"
import { defaultPodSize } from "./default-size.ts"

function node(gpus: number, cores: number, gib: number, give = 1): Node {
  const amounts = { cpuMilli: cores * 1000, memoryBytes: gib * 2 ** 30, gpus, ephemeralStorageBytes: 0 }
  const capacity = { ...amounts, cpuMilli: amounts.cpuMilli * give, memoryBytes: amounts.memoryBytes * give }
  const known: Partial<Node> = {
    gpus: Array.from({ length: gpus }, () => ({}) as Node["gpus"][number]),
    physical: amounts,
    capacity,
  }
  return known as Node
}

it("gives a pod without GPUs one core and 2Gi", () => {
  expect(defaultPodSize(0, [node(8, 96, 1024)])).toEqual({ cpu: "1", memory: "2Gi" })
})

it("gives GPUs their share of the node", () => {
  expect(defaultPodSize(2, [node(8, 96, 1024)])).toEqual({ cpu: "24", memory: `${256 * 1024}Mi` })
  expect(defaultPodSize(8, [node(8, 96, 1024)])).toEqual({ cpu: "96", memory: `${1024 * 1024}Mi` })
})

it("never gives more than the smallest node that could hold the pod has", () => {
  const nodes = [node(8, 96, 1024), node(4, 12, 64), node(1, 2, 4)]
  expect(defaultPodSize(4, nodes)).toEqual({ cpu: "12", memory: `${64 * 1024}Mi` })
  expect(defaultPodSize(8, nodes)).toEqual({ cpu: "96", memory: `${1024 * 1024}Mi` })
})

it("shares what is there, not what is given away several times, and not what is kept back", () => {
  expect(defaultPodSize(1, [node(2, 8, 64, 4)]).cpu).toBe("4")
  expect(defaultPodSize(1, [node(2, 8, 64, 0.5)]).cpu).toBe("2")
})

it("rounds down, but never to nothing", () => {
  expect(defaultPodSize(1, [node(3, 8, 1)])).toEqual({ cpu: "2", memory: "341Mi" })
  expect(defaultPodSize(1, [node(8, 4, 0)])).toEqual({ cpu: "500m", memory: "1Mi" })
})

it("has a size also where no node has as many GPUs: the server refuses it with its own words", () => {
  expect(defaultPodSize(16, [node(8, 96, 1024)])).toEqual({ cpu: "16", memory: "32Gi" })
  expect(defaultPodSize(1, [])).toEqual({ cpu: "1", memory: "2Gi" })
})
