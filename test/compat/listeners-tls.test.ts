import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { get } from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { connectGrpc, trusting } from "../../packages/server/src/http/kuberay/grpc/test-client.ts"
import type { Listeners } from "../../packages/server/src/listeners.ts"
import { isLeftOut } from "../support/machine.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { keyOf, listenOn } from "./extra-listeners.ts"

const hasProgram = spawnSync("openssl", ["version"]).status === 0
const isSkipped = isLeftOut(hasProgram, "listening with TLS", "openssl is not installed")

let folder: string
let berth: BerthServer
let listeners: Listeners
let certificate: Buffer
beforeAll(async () => {
  if (isSkipped) return
  folder = mkdtempSync(join(tmpdir(), "berth-tls-"))
  const [tlsCert, tlsKey] = [join(folder, "cert.pem"), join(folder, "key.pem")]
  const about = ["-subj", "/CN=berth", "-addext", "subjectAltName=DNS:berth,IP:127.0.0.1", "-days", "1"]
  const pair = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-keyout",
    tlsKey,
    "-out",
    tlsCert,
  ]
  execFileSync("openssl", ["req", "-x509", ...about, ...pair], { stdio: "ignore" })
  certificate = readFileSync(tlsCert)
  berth = await startBerthServer()
  await keyOf(berth, "ray")
  const further = { kuberayListen: "127.0.0.1:0,as=ray", grpcListen: "127.0.0.1:0" }
  listeners = await listenOn(berth, { tlsCert, tlsKey, ...further })
})
afterAll(async () => {
  if (isSkipped) return
  await listeners.close()
  await berth.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The status of a GET. */
function status(url: string, ca?: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { ...(ca && { ca }), servername: "berth", agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    }).on("error", reject)
  })
}

it.skipIf(isSkipped)("the second address has the server's certificate", async () => {
  const url = `${listeners.others[0]?.address}/apis/v1/clusters`
  expect(url).toMatch(/^https:/)
  expect(await status(url, certificate)).toBe(200)
  await expect(status(url)).rejects.toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" })
})

it.skipIf(isSkipped)("so has gRPC, and takes nothing without it", async () => {
  const address = listeners.others[1]?.address ?? ""
  const client = connectGrpc(address, berth.token, trusting(certificate))
  const plain = connectGrpc(address, berth.token)
  try {
    expect(await client.call("listAllClusters", {})).toMatchObject({ code: 0 })
    expect(await plain.call("listAllClusters", {}, { deadlineMs: 20_000 })).toMatchObject({ code: 14 })
  } finally {
    client.close()
    plain.close()
  }
})
