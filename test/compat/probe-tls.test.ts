import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { createServer as createPlain, type RequestListener } from "node:http"
import { createServer as createSecure } from "node:https"
import { type AddressInfo, createServer as createTcp, isIP, type Server, type Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { createHttpProber } from "../../packages/server/src/drivers/http-prober.ts"
import { createAddressRules } from "../../packages/server/src/drivers/probe-rules.ts"
import { probeTrust } from "../../packages/server/src/drivers/probe-trust.ts"
import { systemClock } from "../../packages/server/src/kit/clock.ts"
import { createTestAuthority, type TestAuthority, type TestPair } from "../support/certificates.ts"
import { isLeftOut } from "../support/machine.ts"

/* Probes of https addresses, over sockets and with certificates as people have them. */

const hasProgram = spawnSync("openssl", ["version"]).status === 0
const isSkipped = isLeftOut(hasProgram, "probes of https addresses", "openssl is not installed")

let authority: TestAuthority
let pair: TestPair
beforeAll(() => {
  if (isSkipped) return
  authority = createTestAuthority()
  pair = authority.sign("DNS:model.test")
})
afterAll(() => {
  if (!isSkipped) authority.close()
})

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("error", () => undefined)
  })
  server.on("tlsClientError", () => undefined)
  closers.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port))
  })
}
const ok: RequestListener = (_, reply) => void reply.end("fine")
const secure = ({ key, cert }: TestPair, listener = ok) => listening(createSecure({ key, cert }, listener))
const plain = (listener: RequestListener) => listening(createPlain(listener))
const to =
  (location: string): RequestListener =>
  (_, reply) =>
    void reply.writeHead(302, { location }).end()

/** Every name is this machine; `model.test` and `other.test` may be asked, and so may its address. */
function probe(url: string, caFile: string | null = authority.file, timeoutMs = 20_000) {
  const rules = createAddressRules(["model.test", "other.test", "127.0.0.1"])
  const resolve = (host: string) => Promise.resolve([isIP(host) === 0 ? "127.0.0.1" : host])
  const prober = createHttpProber({ clock: systemClock, rules, resolve, trust: probeTrust(caFile) })
  return prober.probe(url, timeoutMs, new AbortController().signal)
}
const failed = (detail: string) => ({ ok: false, detail })

describe.skipIf(isSkipped)("a probe of an https address", () => {
  it("takes a certificate of an authority that is trusted, for the name, at the checked address", async () => {
    let asked: unknown
    const port = await secure(pair, (request, reply) => {
      asked = {
        host: request.headers.host,
        sni: (request.socket as TLSSocket & { servername: unknown }).servername,
      }
      reply.end()
    })
    expect(await probe(`https://model.test:${port}/`)).toEqual({ ok: true, detail: "It answered 200." })
    expect(asked).toEqual({ host: `model.test:${port}`, sni: "model.test" })
    // a final dot is no part of the name that a certificate is for
    expect(await probe(`https://model.test.:${port}/`)).toMatchObject({ ok: true })
    expect(asked).toMatchObject({ sni: "model.test" })
  })

  it("takes one that is for the address where the address is asked", async () => {
    const port = await secure(authority.sign("IP:127.0.0.1"))
    expect(await probe(`https://127.0.0.1:${port}/`)).toMatchObject({ ok: true })
    expect(await probe(`https://model.test:${port}/`)).toEqual(failed("Its certificate is for another host."))
  })

  it("says what is wrong with the others", async () => {
    const port = await secure(pair)
    expect(await probe(`https://other.test:${port}/`)).toEqual(failed("Its certificate is for another host."))
    // that it is for the name does not help where the address is asked
    expect(await probe(`https://127.0.0.1:${port}/`)).toEqual(failed("Its certificate is for another host."))
    const unknown = "Its certificate is not trusted: nobody known has signed it (services.probeCa)."
    expect(await probe(`https://model.test:${port}/`, null)).toEqual(failed(unknown))
    const ownSigned = await secure(authority)
    expect(await probe(`https://model.test:${ownSigned}/`, null)).toEqual(
      failed("Its certificate is not trusted: it has signed itself (services.probeCa)."),
    )
    const expired = await secure(authority.sign("DNS:model.test", -1))
    expect(await probe(`https://model.test:${expired}/`)).toEqual(failed("Its certificate has expired."))
  })

  it("follows redirects to and from http, and checks the certificate of each", async () => {
    const port = await secure(pair)
    const other = await secure(authority.sign("DNS:other.test"))
    const up = await plain(to(`https://model.test:${port}/`))
    expect(await probe(`http://model.test:${up}/`)).toMatchObject({ ok: true })
    const plainPort = await plain(ok)
    const down = await secure(pair, to(`http://model.test:${plainPort}/`))
    expect(await probe(`https://model.test:${down}/`)).toMatchObject({ ok: true })
    const wrong = await secure(pair, to(`https://model.test:${other}/`))
    expect(await probe(`https://model.test:${wrong}/`)).toEqual(
      failed("Its certificate is for another host."),
    )
    const inside = await secure(pair, to(`https://[::1]:${port}/`))
    expect((await probe(`https://model.test:${inside}/`)).detail).toContain("may be probed")
  })

  it("ends in time and in words where nobody speaks TLS", async () => {
    const silent = await listening(createTcp())
    expect(await probe(`https://model.test:${silent}/`, authority.file, 100)).toEqual(
      failed("It took longer than 0.1 s."),
    )
    const http = await plain(ok)
    expect(await probe(`https://model.test:${http}/`)).toEqual(failed("It does not speak TLS as it should."))
    const old = await listening(
      createSecure({ key: pair.key, cert: pair.cert, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" }, ok),
    )
    expect(await probe(`https://model.test:${old}/`)).toEqual(failed("It does not speak TLS as it should."))
    const port = await secure(pair)
    expect(await probe(`http://model.test:${port}/`)).toMatchObject({ ok: false })
  })

  it("is not begun with a file of authorities that has none", () => {
    const file = `${authority.file}.broken`
    expect(() => probeTrust(file)).toThrow(/cannot be read|can be read/)
    const broken = authority.cert.replace(/\n[^-\n]{20}/, "\nAAAAAAAAAAAAAAAAAAAA")
    for (const text of ["", "nothing", broken]) {
      writeFileSync(file, text)
      expect(() => probeTrust(file)).toThrow(expect.objectContaining({ detail: "tls_unreadable" }) as Error)
    }
  })
})
