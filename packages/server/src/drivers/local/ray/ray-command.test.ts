import fc from "fast-check"
import { expect, test } from "vitest"
import type { RayPodId, RayPodLaunch } from "../../../domain/ray/index.ts"
import { propertyRuns } from "../../../kit/property-runs.ts"
import { ignoredParams, objectStoreBytes, rayArguments, rayEnvironment } from "./ray-command.ts"
import { addressOf, blocksIn, portsOf, portsPerBlock } from "./ray-ports.ts"

const launch: RayPodLaunch = {
  id: "rpd_1" as RayPodId,
  name: "c-head-abcde",
  namespace: "default",
  rayCluster: "c",
  workspaceId: "ws_1",
  workspaceKey: "01K",
  asServerOwner: true,
  runtime: { version: "2.60.0", hasTokens: true, details: { python: "/rt/bin/python", bin: "/rt/bin" } },
  group: "head",
  head: null,
  nodeName: "here",
  gpuIndexes: [2, 5],
  size: { cpuMilli: 1500, memoryBytes: 2_000_000_000, gpus: 2, ephemeralBytes: 0 },
  customResources: { site: 2 },
  rayStartParams: {},
  env: {},
  volumes: [],
  portBlock: 0,
  token: "secret-token",
  serves: false,
}
const ports = portsOf(10_000, 0)
const place = { ports, tempDir: "/tmp/br-1", sharedMemoryBytes: 10 ** 12 }

test("a head is told its size, and never its token", () => {
  const args = rayArguments(launch, place)
  expect(args).toEqual(
    expect.arrayContaining([
      "start",
      "--head",
      "--num-cpus=2",
      "--num-gpus=2",
      "--memory=2000000000",
      "--object-store-memory=600000000",
      `--resources={"site":2}`,
      "--temp-dir=/tmp/br-1",
      "--dashboard-host=127.0.0.1",
      "--block",
    ]),
  )
  expect(args.join(" ")).not.toContain("secret")
  expect(rayEnvironment(launch, ports, "/bin")).toMatchObject({
    RAY_AUTH_MODE: "token",
    RAY_AUTH_TOKEN: "secret-token",
    RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S: "0",
    PATH: "/rt/bin:/bin",
  })
})

test("a worker joins its head and has none of a head's arguments", () => {
  const args = rayArguments({ ...launch, head: addressOf(portsOf(10_000, 3), true) }, place)
  expect(args).toContain("--address=127.0.0.1:10900")
  expect(args.filter((arg) => /^--(head|port|dashboard-port|ray-client)/.test(arg))).toEqual([])
  // two that made a job's environment in one folder would take it from each other
  expect(args).toContain("--temp-dir=/tmp/br-1")
})

test("a user's environment cannot lead Ray elsewhere", () => {
  const env = { RAY_ADDRESS: "elsewhere:1", RAY_AUTH_TOKEN_PATH: "/x", RAY_AUTH_MODE: "disabled", A: "b" }
  const given = rayEnvironment({ ...launch, env, token: null }, ports, "/bin")
  expect(given).toMatchObject({ A: "b" })
  expect(Object.keys(given).filter((name) => /ADDRESS|AUTH/.test(name))).toEqual([])
})

test("start parameters of hosts, ports, folders and sizes are told of, not passed on", () => {
  const rayStartParams = {
    "num-cpus": "4",
    "dashboard-host": "0.0.0.0",
    block: "true",
    labels: "a=b",
    "log-color": "$COLOR",
    "node-ip-address": "$MY_POD_IP",
  }
  expect(ignoredParams(rayStartParams)).toEqual([
    "dashboard-host",
    "log-color",
    "node-ip-address",
    "num-cpus",
  ])
  const args = rayArguments({ ...launch, rayStartParams }, place)
  expect(args.filter((arg) => /labels|0\.0\.0\.0|log-color|\$/.test(arg))).toEqual(["--labels=a=b"])
})

test("the object store has 30 % of the memory, less where the machine has less, never too little", () => {
  expect(objectStoreBytes(10_000_000_000, 10 ** 12)).toBe(3_000_000_000)
  expect(objectStoreBytes(10_000_000_000, 64_000_000)).toBe(80_000_000)
  expect(objectStoreBytes(10_000_000_000, 400_000_000)).toBe(200_000_000)
  expect(objectStoreBytes(0, 10 ** 12)).toBe(80_000_000)
})

test("no two uses of two blocks have one port, and all stay in the range", () => {
  const range = [10_000, 19_999] as const
  const { runs, seed } = propertyRuns(200)
  const block = fc.integer({ min: 0, max: blocksIn(range) - 1 })
  fc.assert(
    fc.property(block, block, (one, two) => {
      const all = [one, two].flatMap((each) => Object.values(portsOf(range[0], each)) as number[])
      expect(new Set(all).size).toBe(one === two ? all.length / 2 : all.length)
      expect(all.every((port) => port >= range[0] && port <= range[1])).toBe(true)
    }),
    { numRuns: runs, ...(seed === undefined ? {} : { seed }) },
  )
  expect(blocksIn([10_000, 10_000 + portsPerBlock - 2])).toBe(0)
})
