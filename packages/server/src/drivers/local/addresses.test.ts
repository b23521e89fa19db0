import { createServer } from "node:net"
import { once } from "node:events"
import { describe, expect, it } from "vitest"
import { createAddresses } from "./addresses.ts"

const allFree = () => Promise.resolve(true)

describe("addresses of pods", () => {
  it("are loopback addresses that no two live pods share", () => {
    const addresses = createAddresses("seed", allFree)
    const ips = Array.from({ length: 2000 }, () => addresses.takeIp())
    expect(new Set(ips).size).toBe(2000)
    for (const ip of ips) expect(ip).toMatch(/^127\.64\.\d{1,3}\.(?!0$|255$)\d{1,3}$/)
  })

  it("are given again once given back, and never while a recovered pod has them", () => {
    const addresses = createAddresses("seed", allFree)
    const all = Array.from({ length: 256 * 254 }, () => addresses.takeIp())
    expect(() => addresses.takeIp()).toThrow(/taken/)
    addresses.giveBack([all[7] ?? ""], 0)
    expect(addresses.takeIp()).toBe(all[7])
    const next = createAddresses("seed", allFree)
    next.keep(all.slice(0, 3), 20_000)
    expect(next.takeIp()).toBe(all[3])
  })

  it("have ports of 20000 to 29999, each with one attempt at a time", async () => {
    const addresses = createAddresses("seed", allFree)
    const ports = await Promise.all(Array.from({ length: 10_000 }, () => addresses.takePort("127.64.0.1")))
    expect(new Set(ports).size).toBe(10_000)
    expect([Math.min(...ports), Math.max(...ports)]).toEqual([20_000, 29_999])
    await expect(addresses.takePort("127.64.0.1")).rejects.toMatchObject({ code: "unavailable" })
    addresses.giveBack([], 25_000)
    for (let attempt = 0; attempt < 100; attempt++) {
      const port = await addresses.takePort("127.64.0.1").catch(() => undefined)
      if (port !== undefined) expect(port).toBe(25_000)
      if (port !== undefined) return
    }
    throw new Error("the port that was given back never came")
  })

  it("skip a port that a program outside listens on, also on all addresses", async () => {
    const seed = `taken-${process.pid}`
    const first = await createAddresses(seed).takePort("127.64.3.3")
    const outside = createServer().listen(first, "0.0.0.0")
    await once(outside, "listening")
    try {
      expect(await createAddresses(seed).takePort("127.64.3.3")).not.toBe(first)
    } finally {
      outside.close()
    }
  })
})
