import { createSocket } from "node:dgram"
import { Resolver } from "node:dns/promises"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { createVirtualClock, systemClock } from "../kit/clock.ts"
import { createHttpProber } from "./http-prober.ts"
import { createResolver } from "./probe-addresses.ts"
import { askServers, isSilence, machineNames, type NameSources, resolveBy } from "./probe-names.ts"
import { createAddressRules } from "./probe-rules.ts"
import { probeTrust } from "./probe-trust.ts"

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

type Told = readonly string[] | "none" | "silence"

/** A name server that says for each name of IPv4 what it is told to; of IPv6 there is never anything. */
async function nameServer(tell: (name: string) => Told): Promise<{ readonly resolver: Resolver }> {
  const socket = createSocket("udp4")
  closers.push(() => socket.close())
  socket.on("message", (query, from) => {
    const { name, type, end } = questionOf(query)
    const told = type === 1 ? tell(name) : []
    if (told === "silence") return
    const addresses = told === "none" ? [] : told
    const head = Buffer.alloc(12)
    head.writeUInt16BE(query.readUInt16BE(0), 0)
    head.writeUInt16BE(told === "none" ? 0x8183 : 0x8180, 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(addresses.length, 6)
    const answers = addresses.map((address) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split(".").map(Number)]),
    )
    socket.send(Buffer.concat([head, query.subarray(12, end), ...answers]), from.port, from.address)
  })
  socket.bind(0, "127.0.0.1")
  await once(socket, "listening")
  const resolver = new Resolver({ timeout: 200, tries: 1 })
  resolver.setServers([`127.0.0.1:${socket.address().port}`])
  return { resolver }
}

function questionOf(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join("."), type: query.readUInt16BE(at + 1), end: at + 5 }
}

/** What the system was asked; it knows every name. */
function sources(resolver: Resolver): NameSources & { readonly asked: readonly string[] } {
  const asked: string[] = []
  return {
    asked,
    servers: (host) => askServers(resolver, host),
    system(host) {
      asked.push(host)
      return Promise.resolve(["192.0.2.9"])
    },
    isListed: (host) => Promise.resolve(host === "listed.test"),
  }
}

describe("the addresses of a name", () => {
  it("are those of the name servers; of the system where it lists the name, or they know none", async () => {
    const { resolver } = await nameServer((name) =>
      name === "model.test" ? ["192.0.2.1", "192.0.2.2"] : "none",
    )
    const from = sources(resolver)
    const resolve = resolveBy(from)
    expect(await resolve("model.test")).toEqual(["192.0.2.1", "192.0.2.2"])
    expect(from.asked).toEqual([])
    expect(await resolve("listed.test")).toEqual(["192.0.2.9"])
    expect(await resolve("short")).toEqual(["192.0.2.9"])
    expect(from.asked).toEqual(["listed.test", "short"])
  })

  it("are not waited for by others, nor asked of the system, where the name servers are silent", async () => {
    const { resolver } = await nameServer((name) => (name === "model.test" ? ["192.0.2.1"] : "silence"))
    const from = sources(resolver)
    const resolve = resolveBy(from)
    const silent = Array.from({ length: 100 }, (_, n) =>
      resolve(`silent${n}.test`).catch((error: unknown) => error),
    )
    expect(await resolve("model.test")).toEqual(["192.0.2.1"])
    for (const error of await Promise.all(silent)) expect(isSilence(error)).toBe(true)
    expect(from.asked).toEqual([])
    const prober = createHttpProber({
      clock: systemClock,
      rules: createAddressRules([]),
      resolve,
      trust: probeTrust(null),
    })
    expect(await prober.probe("http://silent.test/", 20_000, new AbortController().signal)).toEqual({
      ok: false,
      detail: "The name servers of its host do not answer.",
    })
  })

  it("may be others at each look: the one that was checked is connected to", async () => {
    const seen: (string | undefined)[] = []
    const server = createServer((request, reply) => {
      seen.push(request.socket.localAddress)
      reply.end()
    })
    closers.push(() => server.close())
    server.listen(0, "0.0.0.0")
    await once(server, "listening")
    const { port } = server.address() as AddressInfo
    let looks = 0
    const { resolver } = await nameServer(() => [looks++ % 2 === 0 ? "127.0.0.2" : "127.0.0.3"])
    const prober = createHttpProber({
      clock: systemClock,
      rules: createAddressRules(["127.0.0.2"]),
      resolve: (host) => askServers(resolver, host),
      trust: probeTrust(null),
    })
    const probe = () => prober.probe(`http://changing.test:${port}/`, 20_000, new AbortController().signal)
    expect(await probe()).toMatchObject({ ok: true })
    expect((await probe()).detail).toContain("may be probed")
    expect(await probe()).toMatchObject({ ok: true })
    expect(seen).toEqual(["127.0.0.2", "127.0.0.2"])
  })

  it("are kept for half a minute, also that there are none; an address is none to look up", async () => {
    const clock = createVirtualClock()
    const asked: string[] = []
    const resolve = createResolver(clock, (host) => {
      asked.push(host)
      return host === "none.test" ? Promise.reject(new Error("none")) : Promise.resolve(["192.0.2.1"])
    })
    for (let times = 0; times < 3; times++) {
      expect(await resolve("model.test")).toEqual(["192.0.2.1"])
      await expect(resolve("none.test")).rejects.toThrow("none")
      expect(await resolve("::1")).toEqual(["::1"])
      await clock.advance(times === 1 ? 30_000 : 1_000)
    }
    expect(asked).toEqual(["model.test", "none.test", "model.test", "none.test"])
  })

  it("that the machine itself lists are asked of it", async () => {
    const names = machineNames(systemClock)
    expect(await names.isListed("localhost")).toBe(true)
    expect(await names.isListed("LOCALHOST.")).toBe(true)
    expect(await names.isListed("no-such-name.invalid")).toBe(false)
    expect(await resolveBy(names)("localhost")).toContain("127.0.0.1")
  })
})
