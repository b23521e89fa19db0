import { describe, expect, it } from "vitest"
import { candidate, clusterIpPool, firstFree, nodePortPool } from "./addresses.ts"

describe("addresses of services", () => {
  it("are those of 127.65.0.0/16 without the ends of each block, each once", () => {
    const all = Array.from({ length: clusterIpPool.size }, (_, index) => clusterIpPool.at(index))
    expect(new Set(all).size).toBe(65_024)
    expect(all[0]).toBe("127.65.0.1")
    expect(all.at(-1)).toBe("127.65.255.254")
    expect(all.filter((ip) => !/^127\.65\.\d+\.(?!0$|255$)\d+$/.test(ip))).toEqual([])
  })

  it("are the same for a key at every try, and others for other keys and tries", () => {
    const first = candidate(clusterIpPool, "wl_1", 0)
    expect(candidate(clusterIpPool, "wl_1", 0)).toBe(first)
    const others = Array.from({ length: 100 }, (_, n) => candidate(clusterIpPool, `wl_${n + 2}`, 0))
    expect(new Set([...others, first, candidate(clusterIpPool, "wl_1", 1)]).size).toBeGreaterThan(95)
  })

  it("are found as long as one is left", () => {
    const used = new Set(Array.from({ length: nodePortPool.size }, (_, index) => nodePortPool.at(index)))
    expect(firstFree(nodePortPool, "wl_1", used)).toBeUndefined()
    used.delete(31_999)
    expect(firstFree(nodePortPool, "wl_1", used)).toBe(31_999)
  })
})
