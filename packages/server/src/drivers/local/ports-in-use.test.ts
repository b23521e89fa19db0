import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type AddressInfo, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, describe, expect, it } from "vitest"
import { checkPorts, parseListeners, readTable } from "./ports-in-use.ts"

const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:20CD 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1879006 1 000000006cec44c5 100 0 0 10 0
   1: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1603 1 000000002154e4d6 100 0 0 10 0
   2: 0540407F:1F90 0100007F:20CD 01 00000000:00000000 03:00000E06 00000000     0        0 0 3 000000002ac48b6a
 103: 0540407F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 000000002ac48b6a
`
const tcp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 5 1 0 100 0 0 10 0
   1: 00000000000000000000000001000000:0017 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 6 1 0 100 0 0 10 0
   2: 0000000000000000FFFF00000540407F:0018 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7 1 0 100 0 0 10 0
`

describe("the kernel's table", () => {
  it("gives the sockets that are listened on, and no others", () => {
    expect(parseListeners(tcp)).toEqual([
      { ip: "127.0.0.1", port: 8397, inode: "1879006" },
      { ip: "*", port: 2024, inode: "1603" },
      { ip: "127.64.64.5", port: 8081, inode: "77" },
    ])
    expect(parseListeners(tcp6)).toEqual([
      { ip: "::", port: 22, inode: "5" },
      { ip: null, port: 23, inode: "6" },
      { ip: "127.64.64.5", port: 24, inode: "7" },
    ])
    expect(parseListeners("")).toEqual([])
  })

  it("is read as far as sockets are listened on, however long it is", async () => {
    const folder = mkdtempSync(join(tmpdir(), "berth-ports-"))
    try {
      const path = join(folder, "tcp")
      const [head = "", listening = "", , connected = ""] = tcp.split("\n")
      const rows = [head, ...Array(1000).fill(listening), ...Array(5000).fill(connected), listening, ""]
      writeFileSync(path, rows.join("\n"))
      expect((await readTable(path)).length).toBe(1000)
      expect(await readTable(join(folder, "none"))).toEqual([])
      writeFileSync(path, tcp)
      expect(await readTable(path)).toEqual(parseListeners(tcp))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe("the ports of a pod", () => {
  const podIp = "127.67.0.5"
  const servers: Server[] = []
  afterEach(() => servers.splice(0).forEach((server) => server.close()))

  async function listen(host: string, ipv6Only = false): Promise<number> {
    const server = createServer().listen({ host, port: 0, ipv6Only })
    servers.push(server)
    await once(server, "listening")
    return (server.address() as AddressInfo).port
  }
  const check = (port: number) => checkPorts([{ podIp, ports: [port] }], () => "a pod")

  it.each(["0.0.0.0", "::", podIp])("are taken by a program on %s, which is named", async (host) => {
    const port = await listen(host)
    const error: unknown = await check(port).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: "unavailable", detail: "port_in_use", facts: { port } })
    expect(String(error)).toContain(`Port ${port} is in use on this machine by this server`)
    expect(String(error).includes("all addresses")).toBe(host !== podIp)
  })

  it("are free while others listen on other addresses only, or on those of IPv6 alone", async () => {
    await expect(check(await listen("127.0.0.1"))).resolves.toBeUndefined()
    await expect(check(await listen("127.67.0.6"))).resolves.toBeUndefined()
    await expect(check(await listen("::", true))).resolves.toBeUndefined()
  })
})
