import { createServer, type Server } from "node:net"
import { once } from "node:events"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { webServer } from "../support/programs.ts"
import { type RealServer, startRealServer } from "../support/real-server.ts"
import { ask, startWebClient, type WebClient } from "../support/web-client.ts"

let server: RealServer
let client: WebClient | undefined
let other: Server | undefined
beforeEach(async () => {
  server = await startRealServer({ flags: ["--stop-grace", "5"] })
})
afterEach(async () => {
  await client?.stop()
  client = undefined
  other?.close()
  other = undefined
  await server?.close()
})

const web = (service: object = {}) => ({
  script: webServer,
  displayName: "web",
  resource: { replica: 2, cpu: "10m", memory: "64Mi" },
  groupVersionKind: { version: "v1", kind: "Deployment" },
  env: { VERSION: "1" },
  readiness: { path: "/", port: 8080, periodSeconds: 1 },
  service: { port: 8000, targetPort: 8080, serviceType: "NodePort", ...service },
})

const endpoint = async (id: string) =>
  (await server.client.berth.endpoints({ limit: 100 })).items.find((one) => one.workloadId === id)
const serves = (id: string) =>
  server.until(async () => {
    const found = await endpoint(id)
    return found?.readyPods === 2 && found.listening ? found : undefined
  }, "both pods are ready")

describe("a Deployment of two replicas", () => {
  it("answers through its service while one is killed and while it is updated", async () => {
    const id = await server.create(web())
    const { address, nodeAddress } = await serves(id)
    const asking = startWebClient([address, nodeAddress])
    client = asking
    const pids = await server.until(() => {
      const seen = new Set(asking.answers.map(({ pid }) => pid))
      return seen.size === 2 ? [...seen] : undefined
    }, "both pods answer")

    const [victim = 0, survivor = 0] = pids
    process.kill(victim, "SIGKILL")
    await server.until(() => {
      const latest = asking.answers.slice(-50).map(({ pid }) => pid)
      return !latest.includes(victim) && latest.some((pid) => pid !== survivor) ? true : undefined
    }, "another pod has taken its place")
    // what it was just answering breaks off; everybody else goes to the other one
    for (const code of asking.takeFailures()) expect(code).toBe("ECONNRESET")
    await serves(id)
    asking.takeFailures()

    await server.client.workloads.patch(id, { env: { VERSION: "2" } })
    await server.until(() => {
      const latest = asking.answers.slice(-50)
      const isNew = latest.every(({ version }) => version === "2")
      return isNew && new Set(latest.map(({ pid }) => pid)).size === 2 ? true : undefined
    }, "both pods are of the new revision")
    await server.phase(id, "Running")
    await asking.stop()
    expect(asking.takeFailures()).toEqual([])
    expect(server.errors()).toEqual([])
  })

  it("answers on the same addresses when the server was killed and is back", async () => {
    const id = await server.create(web())
    const before = await serves(id)
    const { pid } = await ask(before.nodeAddress)
    await server.kill9()
    await expect(ask(before.nodeAddress)).rejects.toMatchObject({ code: "ECONNREFUSED" })
    await server.restart()
    // ready means that its services answer
    expect(await endpoint(id)).toEqual(before)
    const pids = []
    for (const address of [before.address, before.nodeAddress, before.address, before.nodeAddress])
      pids.push((await ask(address)).pid)
    expect(pids).toContain(pid)
    expect(new Set(pids).size).toBe(2)
  })

  it("has no address any more when it is stopped, and the next one may have its node port", async () => {
    const id = await server.create(web())
    const { nodeAddress, address } = await serves(id)
    const nodePort = Number(nodeAddress.split(":")[1])
    await server.client.workloads.stop(id)
    await server.until(
      async () => ((await ask(address).catch(() => undefined)) ? undefined : true),
      "nothing answers",
    )
    const next = await server.create({ ...web({ nodePort }), env: { VERSION: "3" } })
    expect((await serves(next)).nodeAddress).toBe(nodeAddress)
    expect((await ask(nodeAddress)).version).toBe("3")
  })
})

it("a service whose node port another program has says so, and answers when it is free", async () => {
  const id = await server.create(web())
  const { nodeAddress } = await serves(id)
  await server.client.workloads.stop(id)
  const port = Number(nodeAddress.split(":")[1])
  other = await server.until(async () => {
    const program = createServer((socket) => socket.destroy())
    program.listen(port, "127.0.0.1")
    return once(program, "listening").then(
      () => program,
      () => undefined,
    )
  }, "the port is free")
  const next = await server.create(web({ nodePort: port }))
  const seen = await server.until(async () => {
    const found = await endpoint(next)
    return found?.readyPods === 2 ? found : undefined
  }, "both pods are ready")
  expect(seen).toMatchObject({ listening: false, message: `${nodeAddress} is in use by another program.` })
  // its other address does answer
  expect((await ask(seen.address)).version).toBe("1")
  other.close()
  await serves(next)
  expect((await ask(nodeAddress)).version).toBe("1")
  const { items } = await server.client.berth.events({ subject: `workload/${next}`, limit: 100 })
  expect(items.filter(({ type }) => type === "service.port_in_use")).toHaveLength(1)
})

it("a node port answers on other addresses of the machine as long as its workspace publishes it", async () => {
  const id = await server.create(web())
  const { nodeAddress } = await serves(id)
  const elsewhere = `127.0.0.2:${nodeAddress.split(":")[1]}`
  await expect(ask(elsewhere)).rejects.toMatchObject({ code: "ECONNREFUSED" })
  const publish = (publishServices: boolean) =>
    server.client.berth.updateWorkspace("default", { policy: { publishServices } })
  await publish(true)
  const answer = await server.until(() => ask(elsewhere).catch(() => undefined), "it is published")
  expect(answer.version).toBe("1")
  expect((await ask(nodeAddress)).version).toBe("1")
  expect((await endpoint(id))?.nodeAddress).toBe(nodeAddress.replace("127.0.0.1", "0.0.0.0"))
  await publish(false)
  await server.until(
    () =>
      ask(elsewhere).then(
        () => undefined,
        () => true,
      ),
    "it is not published any more",
  )
  expect(await serves(id)).toMatchObject({ nodeAddress, message: "" })
  expect((await ask(nodeAddress)).version).toBe("1")
})
