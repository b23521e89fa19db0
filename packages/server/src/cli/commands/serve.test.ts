import type { WorkloadDetail } from "@berth/contract/workloads"
import { afterEach, describe, expect, it } from "vitest"
import { runCli } from "../program.ts"
import type { TestApi, TestCall, TestRoutes } from "../test-api.ts"
import { sendLog, startTestApi } from "../test-api.ts"
import type { TestTerminal } from "../test-terminal.ts"
import { createTestTerminal } from "../test-terminal.ts"

let api: TestApi | undefined
let terminal: TestTerminal
afterEach(async () => {
  await api?.close()
  api = undefined
})

async function berth(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  terminal = createTestTerminal({ cwd: "/tmp", env: { ...(api ? { BERTH_SERVER: api.url } : {}), ...env } })
  const code = await runCli(argv, terminal)
  return { code, out: terminal.stdout(), err: terminal.stderr() }
}

const root = "/api/v1/workloads"
type Look = Partial<Omit<WorkloadDetail, "pods">> & { readonly pods?: readonly object[] }

const runs = (podId: string) => ({
  podId,
  phase: "Running",
  startTime: "2030-01-01T00:00:00",
  containers: [],
})
const readiness = { path: "/up?a=1&b=2", port: 8000 }
const service = { port: 8000, targetPort: 8000, serviceType: "NodePort" }

function look(change: Look = {}) {
  const { replica = 2 } = change.resource ?? {}
  return {
    workloadId: "web-x",
    phase: "Updating",
    groupVersionKind: { version: "v1", kind: "Deployment" },
    pods: [],
    conditions: [],
    env: {},
    dispatchCount: 1,
    runtime: "1s",
    message: "",
    readiness,
    ...change,
    resource: { cpu: "1", memory: "1Gi", replica },
  }
}
const ready: Look = { phase: "Running", pods: [runs("web-x-1-a"), runs("web-x-1-b")] }

const endpoint = {
  workloadId: "web-x",
  address: "127.65.1.2:8000",
  nodeAddress: "127.0.0.1:30080",
  listening: true,
  message: "",
}

let events = 0
const ended = (podId: string, start: number, more: object = {}) => ({
  id: `evt-${++events}`,
  data: { podId, start, cause: "failed", exitCode: 3, ...more },
})

interface Given {
  /** One a look; the last one stays. */
  readonly looks: readonly Look[]
  readonly reasons?: readonly { readonly code: string; readonly sentence: string }[]
  /** Of each look at the events. */
  readonly events?: readonly (readonly object[])[]
  readonly endpoint?: object | null
  readonly onLook?: () => void
  readonly routes?: TestRoutes
}

/** The routes of an application that goes through these looks. */
function life(given: Given): TestRoutes {
  const { looks, reasons = [], onLook = () => {} } = given
  const found = given.endpoint === undefined ? endpoint : given.endpoint
  return {
    [`POST ${root}`]: () => ({ body: { workloadId: "web-x" } }),
    [`PATCH ${root}/web-x`]: () => ({ body: {} }),
    [`GET ${root}/web-x`]: ({ before }) => {
      onLook()
      return { body: look(looks[Math.min(before, looks.length - 1)]) }
    },
    "GET /berth/v1/me": () => ({ body: { serverRole: "owner", workspaces: [] } }),
    "GET /berth/v1/explain/workload/web-x": () => ({
      body: { workspaceId: "default", reasons, position: 0 },
    }),
    "GET /berth/v1/endpoints": () => ({ body: { items: found ? [found] : [], nextCursor: null } }),
    "GET /berth/v1/events": ({ before, query }) => {
      if (query.get("backwards")) return { body: { items: [{ id: "evt-last", data: {} }], nextCursor: null } }
      return { body: { items: given.events?.[before] ?? [], nextCursor: null } }
    },
    ...given.routes,
  }
}

const start = async (given: Given) => (api = await startTestApi(life(given)))
const sent = (route: string) => api?.bodies(route)[0] as Record<string, unknown>
const created = () => sent(`POST ${root}`)
const patched = () => sent(`PATCH ${root}/web-x`)
const script = (request: Record<string, unknown>) =>
  Buffer.from(String(request["entryPoint"]), "base64").toString()

describe("command lines that cannot be meant", () => {
  it.each([
    ["serve", "There is no command to run."],
    ["serve -- -x", "Options of `berth serve` come before"],
    ["serve --readiness / x", "--readiness needs --port"],
    ["serve --node-port 30080 x", "--node-port needs --port"],
    ["serve --cluster-only x", "--cluster-only needs --port"],
    ["serve --max-unavailable 1 x", "--max-unavailable needs --port"],
    ["serve --port 0 x", "--port takes a whole number from 1 to 65535"],
    ["serve --port 80 --node-port 8080 x", "--node-port takes a whole number from 30000 to 32767"],
    ["serve --port 80 --node-port 30080 --cluster-only x", "--cluster-only has no node port"],
    ["serve --port 80 --readiness up x", '--readiness takes a path such as /health, not "up"'],
    ["serve --port 80 --max-unavailable 101% x", "--max-unavailable takes a number of pods or a share"],
    ["serve --port 80 --stateful --max-unavailable 1 x", "--max-unavailable is not for --stateful"],
    ["serve --port 80 --initial-delay 5 x", "--initial-delay is of --readiness and --liveness"],
    ["serve --port 80 --readiness / --initial-delay 0 x", "--initial-delay takes a whole number from 1"],
    ["serve --wait 0 x", "--wait takes at least a second"],
    ["scale web-x many", "The number of pods takes a whole number from 0"],
    ["scale web-x", "missing required argument 'pods'"],
    ["update web-x", "There is nothing to change."],
    ["update web-x --cwd /srv", "--cwd is where a command starts"],
    ["update web-x -e NOT_HERE", "there is no such variable here"],
  ])("`berth %s` is refused with exit code 2, and nothing is changed", async (line, message) => {
    await start({ looks: [{}] })
    const { code, err } = await berth(line.split(" "))
    expect(code).toBe(2)
    expect(err).toContain(message)
    expect(api?.calls.filter(({ route }) => !route.startsWith("GET"))).toEqual([])
  })
})

describe("berth serve", () => {
  it("asks for a Deployment with all that was said, and prints where it answers", async () => {
    await start({ looks: [ready] })
    const flags =
      "--port 8000 --node-port 30080 --replicas 2 --readiness /up --liveness /live --initial-delay 5 --max-unavailable 50% --cpu 1 --memory 1Gi --name Web -w team --priority high"
    const { code, out, err } = await berth(["serve", ...flags.split(" "), "-e", "A=1", "--", "server", "-x"])
    expect(code).toBe(0)
    expect(created()).toMatchObject({
      displayName: "web",
      workspaceId: "team",
      priority: 2,
      groupVersionKind: { version: "v1", kind: "Deployment" },
      resource: { replica: 2, cpu: "1", memory: "1Gi" },
      env: { A: "1" },
      service: {
        protocol: "TCP",
        port: 8000,
        targetPort: 8000,
        serviceType: "NodePort",
        nodePort: 30_080,
        extends: { maxUnavailable: "50%" },
      },
      readiness: { path: "/up", port: 8000, initialDelaySeconds: 5 },
      liveness: { path: "/live", port: 8000, initialDelaySeconds: 5 },
    })
    expect(script(created())).toBe("CDPATH= cd -- /tmp && exec server -x\n")
    expect(out).toContain("web-x, Running with 2 pods")
    expect(out).toContain("127.65.1.2:8000")
    expect(out).toContain("curl 'http://127.0.0.1:30080/up?a=1&b=2'\n")
    expect(err).toContain("berth scale web-x N")
  })

  it("goes on when it cannot be put into the register, and says how to try again", async () => {
    const refused = { status: 403, body: { code: "forbidden", message: "Not yours.", details: [] } }
    await start({ looks: [ready], routes: { "POST /berth/v1/services": () => refused } })
    const { code, out, err } = await berth(["serve", "--port", "8000", "--register", "x"])
    expect(sent("POST /berth/v1/services")).toEqual({ join: { workload: "web-x" } })
    expect(err).toContain("It is not in the register: Not yours.\n")
    expect(err).toContain("Try: berth services register web-x\n")
    expect(code).toBe(0)
    expect(out).toContain("web-x, Running with 2 pods")
  })

  it("asks for a StatefulSet without a port of the machine, or without a service at all", async () => {
    await start({ looks: [ready], endpoint: null })
    await berth(["serve", "--stateful", "--port", "80", "--cluster-only", "--detach", "x"])
    expect(created()).toMatchObject({
      groupVersionKind: { kind: "StatefulSet" },
      service: { serviceType: "ClusterIP", port: 80 },
    })
    expect(created()["service"]).not.toHaveProperty("nodePort")
    const { code, out } = await berth(["serve", "x"])
    expect(code).toBe(0)
    expect(out).not.toContain("curl")
    const [, bare] = api?.bodies(`POST ${root}`) ?? []
    for (const part of ["service", "readiness", "liveness"]) expect(bare).not.toHaveProperty(part)
  })

  it("prints the id alone with --detach, and what it found out with -o json", async () => {
    await start({ looks: [ready] })
    expect(await berth(["serve", "--detach", "x"])).toMatchObject({ code: 0, out: "web-x\n" })
    const { out } = await berth(["serve", "-o", "json", "x"])
    expect(JSON.parse(out)).toMatchObject({
      workloadId: "web-x",
      phase: "Running",
      service: { nodeAddress: "127.0.0.1:30080", url: "http://127.0.0.1:30080/up?a=1&b=2" },
    })
  })

  it("says once why it waits and how far it is, until it is Running", async () => {
    const half: Look = { pods: [runs("web-x-1-a")] }
    const reasons = [{ code: "quota_short", sentence: "8 GPUs needed, 2 free." }]
    await start({ looks: [{ phase: "Pending" }, half, half, ready], reasons })
    const { code, err } = await berth(["serve", "x"])
    expect(code).toBe(0)
    expect(err.match(/web-x waits: 8 GPUs needed, 2 free\./g)).toHaveLength(1)
    expect(err.match(/web-x: 1 of 2 pods started\n/g)).toHaveLength(1)
  })

  it("names pods that end with what they wrote last, and gives up on one that ends again and again", async () => {
    const ends = [1, 2, 3].map((start) => [ended("web-x-1-a", start)])
    const log = (call: TestCall) => sendLog(call, ["no model", "\u001b[2J"], { exitCode: 3, cause: "failed" })
    await start({
      looks: [{ pods: [runs("web-x-1-a")] }],
      events: [...ends, [ended("web-x-1-a", 4, { cause: "out_of_memory", exitCode: 137 })]],
      routes: { "GET /berth/v1/pods/web-x/web-x-1-a/log": log },
    })
    const { code, err } = await berth(["serve", "x"])
    expect(code).toBe(1)
    expect(err).toContain("web-x-1-a ended with 3; it is started again\n  | no model\n  | �[2J\n")
    expect(err.match(/no model/g)).toHaveLength(1)
    expect(err).toContain("web-x-1-a ended with 137 (out of memory)")
    expect(err).toContain("error: web-x does not get ready: web-x-1-a ended 4 times, last with 137.")
    expect(err).toContain("berth why web-x")
    const asked = api?.calls.find(({ route }) => route.endsWith("/log"))?.query
    expect([asked?.get("run"), asked?.get("follow"), asked?.get("tail")]).toEqual(["1", "false", "10"])
    const cursors = api?.calls
      .filter(({ route }) => route === "GET /berth/v1/events")
      .map(({ query }) => query.get("cursor"))
    expect(cursors).toEqual([null, ...ends.map(([event]) => event?.id)])
  })

  it("gives up when nothing changes for so long, and shows what those wrote that run", async () => {
    const log = (call: TestCall) => sendLog(call, ["loading"], { exitCode: null, cause: null })
    await start({
      looks: [{ ...ready, phase: "Updating" }],
      onLook: () => terminal.advance(60_000),
      routes: {
        "GET /berth/v1/pods/web-x/web-x-1-a/log": log,
        "GET /berth/v1/pods/web-x/web-x-1-b/log": log,
      },
    })
    const { code, err } = await berth(["serve", "--wait", "2m", "x"])
    expect(code).toBe(1)
    expect(err).toContain("web-x-1-b runs; its last lines\n  | loading\n")
    expect(err).toContain("nothing has changed for 2m. Its readiness check asks for /up")
  })

  it("waits for capacity as long as it takes", async () => {
    let looks = 0
    const reasons = [{ code: "quota_short", sentence: "8 GPUs needed, 2 free." }]
    const waiting = Array.from({ length: 4 }, () => ({ phase: "Pending" }))
    await start({ looks: [...waiting, ready], reasons, onLook: () => looks++ && terminal.advance(3_600_000) })
    expect((await berth(["serve", "--wait", "1s", "x"])).code).toBe(0)
  })

  it("does not take what nobody checks for up when it ends the moment after", async () => {
    const unchecked = { readiness: undefined } as unknown as Look
    const up = { ...ready, ...unchecked }
    await start({
      looks: [up, { ...unchecked, phase: "NotReady" }, up],
      events: [[], [ended("web-x-1-a", 1)]],
      endpoint: null,
      onLook: () => terminal.advance(1500),
    })
    const { code, err } = await berth(["serve", "x"])
    expect(code).toBe(0)
    expect(err).toContain("web-x-1-a ended with 3")
    expect(api?.calls.filter(({ route }) => route === `GET ${root}/web-x`)).toHaveLength(5)
  })

  it("names pods that run and do not listen where connections go", async () => {
    const deaf = { ...runs("web-x-1-a"), podIP: "127.0.0.1" }
    const looks = [
      { phase: "Running", pods: [deaf], readiness: undefined, service: { ...service, targetPort: 1 } },
    ] as unknown as Look[]
    await start({ looks, onLook: () => terminal.advance(3000) })
    const { code, err } = await berth(["serve", "--port", "1", "x"])
    expect(code).toBe(0)
    expect(err).toContain("web-x-1-a runs, but does not listen on 127.0.0.1:1 yet")
  })

  it("leaves it running on Ctrl-C and says what can be done", async () => {
    await start({ looks: [{}], onLook: () => terminal.interrupt() })
    const { code, err } = await berth(["serve", "x"])
    expect(code).toBe(130)
    expect(err).toContain("Detached: web-x goes on.")
    for (const way of ["berth why web-x", "berth scale web-x N", "berth stop web-x"])
      expect(err).toContain(way)
  })

  it("ends with 143 when it is stopped meanwhile", async () => {
    await start({ looks: [{}, { phase: "Stopped" }] })
    expect(await berth(["serve", "x"])).toMatchObject({ code: 143 })
  })

  it("says what is wrong with an address", async () => {
    const message = "127.0.0.1:30080 is in use by another program."
    await start({ looks: [ready], endpoint: { ...endpoint, listening: false, message } })
    expect((await berth(["serve", "--port", "8000", "x"])).err).toContain(`${message}\n`)
  })
})

describe("berth scale", () => {
  it("asks for the number and waits until they are there", async () => {
    const after: Look = { ...ready, resource: { replica: 3, cpu: "1", memory: "1Gi" } }
    await start({ looks: [ready, {}, after] })
    const { code, out } = await berth(["scale", "web-x", "3"])
    expect({ code, out }).toEqual({ code: 0, out: "web-x is Running with 3 pods\n" })
    expect(patched()).toEqual({ replica: 3 })
    const first = api?.calls.find(
      ({ route, query }) => route === "GET /berth/v1/events" && !query.get("backwards"),
    )
    expect(first?.query.get("cursor")).toBe("evt-last")
  })

  it("says how many are still too many", async () => {
    const fewer = { resource: { replica: 1, cpu: "1", memory: "1Gi" } }
    const [pod = {}] = ready.pods ?? []
    await start({
      looks: [ready, { ...ready, ...fewer, phase: "Updating" }, { ...ready, ...fewer, pods: [pod] }],
    })
    const { code, err } = await berth(["scale", "web-x", "1"])
    expect(code).toBe(0)
    expect(err).toContain("web-x: 2 pods, 1 asked for\n")
  })

  it("does not wait with --detach, nor for a job", async () => {
    const job: Look = { groupVersionKind: { version: "v1", kind: "PyTorchJob" }, phase: "Pending" }
    await start({ looks: [{}, job] })
    expect(await berth(["scale", "web-x", "3", "--detach"])).toMatchObject({
      code: 0,
      out: "web-x changed\n",
    })
    expect(await berth(["scale", "web-x", "3", "-o", "json"])).toMatchObject({ code: 0 })
    expect(api?.calls.filter(({ route }) => route === `GET ${root}/web-x`)).toHaveLength(2)
  })
})

describe("berth update", () => {
  it("adds to the environment that is there, and sends nothing else that was not said", async () => {
    await start({ looks: [{ ...ready, env: { A: "1", B: "2" } }, ready] })
    const { code } = await berth(["update", "web-x", "-e", "B=3", "--env", "C=4"], { VIRTUAL_ENV: "/venv" })
    expect(code).toBe(0)
    expect(patched()).toEqual({ env: { A: "1", B: "3", C: "4" } })
  })

  it("hands on sizes, image and a command, with the environment that it is typed in", async () => {
    await start({ looks: [ready] })
    const flags = "--cpu 2 --memory 4Gi --gpus 0 --image i --cwd /srv --detach"
    await berth(["update", "web-x", ...flags.split(" "), "--", "server", "--fast"], { VIRTUAL_ENV: "/venv" })
    expect(patched()).toMatchObject({
      cpu: "2",
      memory: "4Gi",
      gpu: "0",
      image: "i",
      env: { VIRTUAL_ENV: "/venv" },
    })
    expect(script(patched())).toBe("CDPATH= cd -- /srv && exec server --fast\n")
  })

  it("writes no masks over values that the caller may not read", async () => {
    await start({ looks: [{ ...ready, env: { A: "***" } }] })
    const { code, err } = await berth(["update", "web-x", "-e", "B=3"])
    expect(code).toBe(1)
    expect(err).toContain("You may not read the environment of web-x")
    expect(patched()).toBeUndefined()
  })

  it("says when it is stuck, and that the pods of before stay", async () => {
    const stuck: Look = { pods: [runs("web-x-1-a"), runs("web-x-2-c")] }
    // one of before ends too: that says nothing about the new ones
    const old = [1, 2, 3, 4, 5].map((start) => ended("web-x-1-a", start))
    await start({
      looks: [ready, stuck],
      events: [[], old],
      onLook: () => terminal.advance(20_000),
    })
    const { code, err } = await berth(["update", "--wait", "50s", "web-x", "--image", "i"])
    expect(code).toBe(1)
    expect(err).toContain("web-x: 1 of 2 pods updated\n")
    expect(err).toContain("The update of web-x is stuck: nothing has changed for 50s.")
    expect(err).toContain("1 pod of before stays as it is until new ones are ready.")
  })
})
