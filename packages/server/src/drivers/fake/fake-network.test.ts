import { expect, it } from "vitest"
import { createFakeNetwork } from "./fake-network.ts"

const at = (port: number, host = "127.65.0.1") => ({ host, port })

it("remembers what is open and where it leads", async () => {
  const network = createFakeNetwork()
  expect(await network.open("a", [at(80), at(30_000, "127.0.0.1")])).toEqual([null, null])
  network.route("a", [{ ip: "127.64.0.1", port: 8000 }])
  network.route("unknown", [])
  expect([...network.services]).toEqual([
    ["a", { addresses: [at(80), at(30_000, "127.0.0.1")], backends: [{ ip: "127.64.0.1", port: 8000 }] }],
  ])
  await network.close("a")
  expect(network.services.size).toBe(0)
  expect(network.calls).toEqual(["open a", "route a", "route unknown", "close a"])
})

it("cannot listen on what another program or service has, and keeps the routes over a second try", async () => {
  const network = createFakeNetwork()
  network.take(30_000)
  expect(await network.open("a", [at(80), at(30_000)])).toEqual([
    null,
    "127.65.0.1:30000 is in use by another program.",
  ])
  network.route("a", [{ ip: "127.64.0.1", port: 8000 }])
  expect(await network.open("b", [at(80)])).toEqual(["127.65.0.1:80 is in use by another service."])
  network.free(30_000)
  expect(await network.open("a", [at(80), at(30_000)])).toEqual([null, null])
  expect(network.services.get("a")?.backends).toHaveLength(1)
  network.lose()
  expect(await network.open("b", [at(80)])).toEqual([null])
})
