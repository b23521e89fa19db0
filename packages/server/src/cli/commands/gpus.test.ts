import type { GpuExplanation, GpuRequest } from "@berth/contract/berth"
import { afterEach, describe, expect, it } from "vitest"
import { runCli } from "../program.ts"
import type { TestApi, TestRoutes } from "../test-api.ts"
import { startTestApi } from "../test-api.ts"
import type { TestTerminalOptions } from "../test-terminal.ts"
import { createTestTerminal } from "../test-terminal.ts"

let api: TestApi | undefined
afterEach(async () => {
  await api?.close()
  api = undefined
})

/** Runs a command against routes; `terminal` also while it runs. */
function start(argv: readonly string[], options: TestTerminalOptions = {}) {
  const env = { ...(api ? { BERTH_SERVER: api.url } : {}), ...options.env }
  const terminal = createTestTerminal({ ...options, env })
  return { terminal, done: runCli(argv, terminal) }
}

async function berth(argv: readonly string[], options: TestTerminalOptions = {}) {
  const { terminal, done } = start(argv, options)
  const code = await done
  return { code, out: terminal.stdout(), err: terminal.stderr() }
}

const id = "gpr-1a2b3c4d-5e6f"
const base = "/berth/v1/gpu-requests"

function request(change: Partial<GpuRequest> = {}): GpuRequest {
  return {
    id,
    key: "gpr_1",
    name: "pretrain",
    workspaceId: "research",
    userId: "usr_1",
    userName: "ada",
    state: "queued",
    clusters: ["local"],
    instanceType: null,
    gpuModel: "H100",
    memoryGibPerGpu: null,
    gpusPerNode: 8,
    nodes: 2,
    priority: 101,
    band: "medium",
    durationSeconds: 14_400,
    remainingSeconds: null,
    idleTimeoutSeconds: null,
    requeueOnFailure: false,
    automatic: null,
    createdAt: "2029-12-31T23:00:00.000Z",
    startedAt: null,
    endsAt: null,
    endedAt: null,
    cause: null,
    failureReason: "",
    retries: 0,
    heldNodes: [],
    idleSince: null,
    firstEstimate: null,
    estimate: null,
    slot: {
      startAt: "2030-01-01T02:00:00.000Z",
      endAt: "2030-01-01T06:00:00.000Z",
      clusterId: "local",
      nodes: ["gpu-1", "gpu-2"],
    },
    likelyStartAt: null,
    reasons: [
      {
        code: "quota_short",
        requests: 1,
        nodes: ["gpu-1"],
        needed: 2,
        free: 1,
        until: "2030-01-01T02:00:00.000Z",
        detail: "",
        nearest: null,
      },
    ],
    cost: null,
    ...change,
  }
}

const held = (name: string) => ({
  nodeId: `nod_${name}`,
  name,
  clusterId: "local",
  gpus: 8,
  gpuModel: "H100",
  instanceType: "gpu-8",
})

const provisioned: Partial<GpuRequest> = {
  state: "provisioned",
  slot: null,
  likelyStartAt: null,
  reasons: [],
  startedAt: "2030-01-01T00:00:00.000Z",
  endsAt: "2030-01-01T04:00:00.000Z",
  heldNodes: [held("gpu-1"), held("gpu-2")],
}

function why(change: Partial<GpuExplanation> = {}): GpuExplanation {
  return {
    kind: "gpu-request",
    request: request(),
    sentences: ["2 nodes are needed and 1 is free; gpr-0000000a-000a has gpu-1 for 2 hours."],
    position: 2,
    ahead: { ids: ["gpr-0000000b-000b"], count: 2 },
    inTheWay: [
      { id: "gpr-0000000a-000a", workspaceId: "vision", until: "2030-01-01T02:00:00.000Z", nodes: ["gpu-1"] },
    ],
    inTheWayHidden: 1,
    holds: [],
    moves: [],
    ...change,
  }
}

const explainRoute = `GET /berth/v1/explain/gpu-request/${id}`
const created: TestRoutes = {
  [`POST ${base}`]: () => ({ status: 201, body: request() }),
  [explainRoute]: () => ({ body: why() }),
}
const get = ["gpus", "get", "--gpus", "8", "--for", "4h"]

describe("berth gpus get", () => {
  it("asks for what was said, prints the id for scripts, and says when and why not now", async () => {
    api = await startTestApi(created)
    const flags = ["--nodes", "2", "--model", "H100", "-w", "research", "--cluster", "a", "--cluster", "b"]
    const more = ["--instance-type", "gpu-8", "--memory", "80GB", "--priority", "high", "--idle", "20m"]
    const { code, out, err } = await berth([...get, ...flags, ...more, "--requeue", "--name", "big"])
    expect(api.bodies(`POST ${base}`)).toEqual([
      {
        workspaceId: "research",
        gpusPerNode: 8,
        nodes: 2,
        gpuModel: "H100",
        durationSeconds: 14_400,
        clusters: ["a", "b"],
        instanceType: "gpu-8",
        memoryGibPerGpu: 74,
        priority: 201,
        idleTimeoutSeconds: 1200,
        requeueOnFailure: true,
        name: "big",
      },
    ])
    expect([code, out]).toEqual([0, `${id}\n`])
    expect(err).toBe(
      `${id} of research starts about in 2h (2030-01-01 02:00 UTC).\n` +
        "  2 nodes are needed and 1 is free; gpr-0000000a-000a has gpu-1 for 2 hours.\n",
    )
  })

  it("names it after its shape, and leaves to the server what was not said", async () => {
    api = await startTestApi(created)
    const { out, err } = await berth([...get, "--detach"], { env: { BERTH_WORKSPACE: "vision" } })
    expect([out, err]).toEqual([`${id}\n`, ""])
    expect(api.bodies(`POST ${base}`)).toEqual([
      { workspaceId: "vision", gpusPerNode: 8, durationSeconds: 14_400, name: "1x8xGPU" },
    ])
  })

  it("takes what is not said from a template", async () => {
    const template = {
      name: "one-node",
      workspaceId: null,
      clusterId: "local",
      gpusPerNode: 8,
      nodes: 1,
      memoryGibPerGpu: null,
      gpuModel: "H100",
      instanceType: "gpu-8",
      durationSeconds: 86_400,
      priority: 5,
      idleTimeoutSeconds: 600,
      requeueOnFailure: true,
      createdAt: "2029-12-31T23:00:00.000Z",
    }
    api = await startTestApi({
      ...created,
      "GET /berth/v1/gpu-templates/one-node": () => ({ body: template }),
    })
    await berth(["gpus", "get", "--template", "one-node", "--nodes", "3", "-d"])
    expect(api.bodies(`POST ${base}`)).toMatchObject([
      { clusters: ["local"], gpusPerNode: 8, nodes: 3, priority: 5, durationSeconds: 86_400 },
    ])
  })

  it.each([
    [["--for", "4h"], "Say how many GPUs each node is to have"],
    [["--gpus", "8"], "Say for how long"],
    [["--gpus", "0", "--for", "4h"], "--gpus takes a whole number from 1"],
    [["--gpus", "8", "--for", "soon"], "--for takes a length of time"],
    [["--gpus", "8", "--for", "0"], "--for takes at least a second"],
    [["--gpus", "8", "--for", "4h", "--memory", "80MB"], "--memory takes whole gigabytes"],
    [["--gpus", "8", "--for", "4h", "--priority", "301"], "--priority takes low, medium, high or a number"],
    [["--gpus", "8", "--for", "4h", "--wait", "--detach"], "--wait and --detach do not go together"],
  ])("refuses %j, and asks nobody", async (flags, sentence) => {
    api = await startTestApi(created)
    expect(await berth(["gpus", "get", ...flags])).toMatchObject({
      code: 2,
      err: expect.stringContaining(sentence),
    })
    expect(api.calls).toEqual([])
  })
})

describe("berth gpus get --wait", () => {
  /** A stream of events that says nothing until `ring` is called. */
  function bells() {
    const open: ((data: string) => void)[] = []
    const routes: TestRoutes = {
      "GET /berth/v1/events": ({ response }) => {
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write(": open\n\n")
        open.push((data) => response.write(`id: 1\nevent: message\ndata: ${data}\n\n`))
        return "written"
      },
    }
    return { routes, ring: () => open.forEach((write) => write("{}")), isOpen: () => open.length > 0 }
  }

  it("says why it waits, once as long as that stays, and ends with 0 when its nodes are there", async () => {
    const bell = bells()
    const looks = [why(), why(), why({ position: 1, sentences: ["It is next."] })]
    const last = why({ request: request(provisioned), sentences: [] })
    api = await startTestApi({
      ...created,
      ...bell.routes,
      [explainRoute]: ({ before }) => {
        // each look is followed by an event, as soon as the stream is there
        const soon = setInterval(() => {
          if (!bell.isOpen()) return
          clearInterval(soon)
          bell.ring()
        }, 5)
        return { body: looks[before] ?? last }
      },
    })
    const { code, out, err } = await berth([...get, "--wait"])
    expect([code, out]).toEqual([0, `${id}\n`])
    expect(err.split("\n")).toEqual([
      `${id} starts about in 2h (2030-01-01 02:00 UTC): ${looks[0]?.sentences[0]} (position 2 in the queue)`,
      `${id} starts about in 2h (2030-01-01 02:00 UTC): It is next. (position 1 in the queue)`,
      `${id}: research has gpu-1, gpu-2, until 2030-01-01 04:00 UTC (4h left).`,
      "",
    ])
    const followed = api.calls.find(({ route }) => route === "GET /berth/v1/events")
    expect(followed?.query.get("subject")).toBe(`gpu-request/${id}`)
  })

  it("ends with 1 when it left the queue otherwise", async () => {
    const gone = request({ state: "cancelled", cause: "cancelled", slot: null, reasons: [] })
    api = await startTestApi({ ...created, [explainRoute]: () => ({ body: why({ request: gone }) }) })
    const { code, err } = await berth([...get, "--wait"])
    expect([code, err]).toEqual([1, `${id} is cancelled: cancelled.\n`])
  })

  it("leaves it queued at Ctrl-C, and says how to cancel it", async () => {
    const bell = bells()
    api = await startTestApi({ ...created, ...bell.routes })
    const { terminal, done } = start([...get, "--wait"])
    await expect.poll(() => terminal.stderr()).toContain("position 2")
    terminal.interrupt()
    expect(await done).toBe(130)
    expect(terminal.stderr()).toContain(`berth gpus cancel ${id}`)
    expect(api.calls.some(({ route }) => route.startsWith("DELETE"))).toBe(false)
  })

  it("gives programs the request as it became", async () => {
    api = await startTestApi({
      ...created,
      [explainRoute]: () => ({ body: why({ request: request(provisioned) }) }),
    })
    const { out } = await berth([...get, "--wait", "-o", "json"])
    expect(JSON.parse(out)).toMatchObject({ id, state: "provisioned" })
  })
})

describe("berth gpus", () => {
  it("lists what waits and what holds nodes", async () => {
    const over = request({ state: "timed_out", endedAt: "2029-12-31T23:55:00.000Z", cause: "idle" })
    api = await startTestApi({
      [`GET ${base}`]: ({ query }) => ({
        body: {
          items: query.has("state") ? [request(), request(provisioned)] : [over],
          nextCursor: null,
        },
      }),
    })
    const { out } = await berth(["gpus"])
    expect(out.split("\n")).toEqual([
      "ID                 NAME      WORKSPACE  STATE        GPUS        FOR  PRIORITY  WHEN          NODES         USER",
      `${id}  pretrain  research   queued       2 x 8 H100   4h       101  starts in 2h                ada`,
      `${id}  pretrain  research   provisioned  2 x 8 H100   4h       101  4h left       gpu-1, gpu-2  ada`,
      "",
    ])
    expect(api.calls[0]?.query.get("state")).toBe("queued,provisioned")
    expect((await berth(["gpus", "ls", "--all", "-w", "research"])).out).toContain("timed out")
    expect(api.calls[1]?.query.get("workspace")).toBe("research")
  })

  it("shows one with all that is known of it", async () => {
    const one = request({ ...provisioned, cost: { amount: "12.50", currency: "USD" } })
    api = await startTestApi({ [`GET ${base}/${id}`]: () => ({ body: one }) })
    const { out } = await berth(["gpus", "show", id])
    expect(out).toMatch(/^state +provisioned$/m)
    expect(out).toMatch(/^ends +in 4h \(2030-01-01 04:00 UTC\)$/m)
    expect(out).toMatch(/^nodes +gpu-1 gpu-2$/m)
    expect(out).toMatch(/^cost +12\.50 USD$/m)
  })

  it("gives back, cancels and extends", async () => {
    api = await startTestApi({
      [`POST ${base}/${id}/release`]: () => ({ body: request({ ...provisioned, state: "early_released" }) }),
      [`DELETE ${base}/${id}`]: () => ({ status: 204 }),
      [`POST ${base}/${id}/extend`]: () => ({
        body: request({ ...provisioned, endsAt: "2030-01-01T06:00:00.000Z" }),
      }),
    })
    expect((await berth(["gpus", "release", id])).out).toContain("gives back gpu-1, gpu-2")
    expect((await berth(["gpus", "cancel", id])).out).toBe(`${id} is out of the queue.\n`)
    const extended = await berth(["gpus", "extend", id, "--by", "2h"])
    expect(extended.out).toBe(`${id} ends in 6h (2030-01-01 06:00 UTC).\n`)
    expect(api.bodies(`POST ${base}/${id}/extend`)).toEqual([{ seconds: 7200 }])
    expect(await berth(["gpus", "extend", id])).toMatchObject({ code: 2 })
  })

  it("says until when an extension could go, in the server's words", async () => {
    const message = "It can go until 2030-01-01T05:00:00.000Z: then its nodes are promised to another."
    const body = { code: "conflict", message, details: [], requestId: "req_1" }
    api = await startTestApi({ [`POST ${base}/${id}/extend`]: () => ({ status: 409, body }) })
    const { code, err } = await berth(["gpus", "extend", id, "--by", "2h"])
    expect(code).toBe(1)
    expect(err).toContain(message)
  })

  it("estimates, and lists what would start sooner", async () => {
    const shape = { clusterId: "local", gpuModel: "H100", memoryGibPerGpu: 80, gpusPerNode: 8, nodes: 1 }
    const found = {
      outcome: "later",
      startAt: "2030-01-01T02:00:00.000Z",
      waitSeconds: 7200,
      clusterId: "local",
      nodes: ["gpu-1", "gpu-2"],
      reason: null,
      sentence: "It waits for gpu-1.",
      nearest: null,
      alternatives: [
        {
          ...shape,
          instanceType: "gpu-8",
          durationSeconds: 14_400,
          startAt: "2030-01-01T00:00:00.000Z",
          waitSeconds: 0,
          sentence: "1 node instead of 2",
        },
      ],
    }
    api = await startTestApi({ "POST /berth/v1/estimate": () => ({ body: found }) })
    const { out } = await berth(["gpus", "estimate", "--gpus", "8", "--nodes", "2", "--for", "4h"])
    expect(out.split("\n")).toEqual([
      "It waits for gpu-1.",
      "",
      "sooner:",
      "GPUS        INSTANCE  CLUSTER  FOR  WAIT  DIFFERENCE",
      "1 x 8 H100  gpu-8     local     4h  none  1 node instead of 2",
      "",
    ])
    const never = { ...found, outcome: "never", startAt: null, alternatives: [] }
    await api.close()
    api = await startTestApi({ "POST /berth/v1/estimate": () => ({ body: never }) })
    expect((await berth(["gpus", "estimate", "-g", "9", "--for", "4h"])).out).toBe(
      "It cannot be met. It waits for gpu-1.\n",
    )
  })

  it("tells the likely start beside the one at the latest, where it is earlier by a minute or more", async () => {
    const likely = (likelyStartAt: string | null) => request({ likelyStartAt })
    const items = [
      likely("2030-01-01T01:10:00.000Z"),
      likely("2029-12-31T23:00:00.000Z"),
      likely("2030-01-01T01:59:30.000Z"),
      likely(null),
    ]
    api = await startTestApi({
      [`GET ${base}`]: () => ({ body: { items, nextCursor: null } }),
      "GET /berth/v1/queue/gpu-requests": () => ({
        body: { items: [{ ...likely("2030-01-01T01:10:00.000Z"), position: 1 }], nextCursor: null },
      }),
      [`GET /berth/v1/explain/gpu-request/${id}`]: () => ({
        body: why({ request: likely("2030-01-01T00:45:00.000Z") }),
      }),
    })
    const { out } = await berth(["gpus"])
    const whens = out.split("\n").flatMap((line) => /starts .*?(?=  )/.exec(line)?.[0] ?? [])
    expect(whens).toEqual([
      "starts in 2h, likely 1h10m",
      "starts in 2h, likely now",
      "starts in 2h",
      "starts in 2h",
    ])
    expect((await berth(["queue", "--gpus"])).out).toContain("starts in 2h, likely 1h10m")
    expect((await berth(["why", id])).out).toContain(
      "estimate   starts at the latest in 2h (2030-01-01 02:00 UTC), likely 45m on gpu-1, gpu-2",
    )
  })

  it("says how good the estimates were", async () => {
    const none = {
      started: 0,
      medianErrorSeconds: null,
      p90AbsoluteErrorSeconds: null,
      medianRelativeError: null,
      p90RelativeError: null,
    }
    const likely = { ...none, started: 11, medianErrorSeconds: 4, medianRelativeError: 0.01 }
    const bands = [
      { band: "low", ...none, likely: none },
      {
        band: "medium",
        started: 12,
        medianErrorSeconds: -65,
        p90AbsoluteErrorSeconds: 300,
        medianRelativeError: 0.021,
        p90RelativeError: 0.5,
        likely,
      },
    ]
    api = await startTestApi({ "GET /berth/v1/estimates/accuracy": () => ({ body: { bands } }) })
    const { out } = await berth(["gpus", "accuracy"])
    expect(out).toMatch(/^medium +12 +1m5s early +5m +2% +50% +4s late +1%$/m)
    expect(out).toMatch(/^low +0 +- +- +- +- +- +-$/m)
  })
})

describe("other commands", () => {
  it("`why` explains a GPU request, by its id or its key", async () => {
    api = await startTestApi({
      [explainRoute]: () => ({ body: why() }),
      "GET /berth/v1/explain/gpu-request/gpr_1": () => ({ body: why() }),
    })
    const { out } = await berth(["why", id])
    expect(out.split("\n")).toEqual([
      `${id} (pretrain) in research is queued, waiting for 1h`,
      "  asks for   2 x 8 H100 for 4h",
      "  because    2 nodes are needed and 1 is free; gpr-0000000a-000a has gpu-1 for 2 hours.",
      "  estimate   starts about in 2h (2030-01-01 02:00 UTC) on gpu-1, gpu-2",
      "  position   2 in the queue, behind gpr-0000000b-000b and 1 more",
      "  in the way gpr-0000000a-000a of vision on gpu-1, until 2030-01-01 02:00 UTC (2h left)",
      "  in the way 1 other",
      "",
    ])
    expect((await berth(["why", "gpr_1"])).out).toBe(out)
  })

  it("`queue --gpus` lists the one queue of GPU requests", async () => {
    api = await startTestApi({
      "GET /berth/v1/queue/gpu-requests": () => ({
        body: {
          items: [
            { ...request(), position: 1 },
            { ...request({ id: "gpr-0000000c-000c", workspaceId: "vision" }), position: 3 },
          ],
          nextCursor: null,
        },
      }),
    })
    const { out } = await berth(["queue", "--gpus"])
    expect(out).toContain("quota short (2 nodes needed, 1 free), for 2h")
    expect((await berth(["queue", "--gpus", "-w", "vision"])).out).not.toContain(id)
  })

  it("`timeline` takes lengths of time and instants, and draws for the terminal's letters", async () => {
    const body = {
      from: "2030-01-01T00:00:00.000Z",
      to: "2030-01-02T00:00:00.000Z",
      now: "2030-01-01T06:00:00.000Z",
      nodes: [{ name: "gpu-1", clusterId: "local", gpus: 8, gpuModel: "H100" }],
      bars: [],
    }
    api = await startTestApi({ "GET /berth/v1/timeline": () => ({ body }) })
    const plain = await berth(["timeline", "--from", "2d", "--to", "2030-01-02T08:00"])
    expect(Object.fromEntries(api.calls[0]?.query ?? [])).toEqual({
      from: "2029-12-30T00:00:00.000Z",
      to: "2030-01-02T08:00:00.000Z",
    })
    expect(plain.out).toMatch(/^gpu-1 +\.+\|\.+$/m)
    const drawn = await berth(["timeline", "-w", "research"], { env: { LANG: "C.UTF-8" } })
    expect(drawn.out).toMatch(/^gpu-1 +·+│·+$/m)
    expect(JSON.parse((await berth(["timeline", "-o", "json"])).out)).toEqual(body)
    expect(await berth(["timeline", "--from", "then"])).toMatchObject({ code: 2 })
  })
})

describe("prices", () => {
  const price = { gpuModel: "H100", instanceType: null, amountPerGpuHour: "2.00", currency: "USD" }
  const other = { ...price, gpuModel: "T4", instanceType: "n1" }
  const prices: TestRoutes = {
    "GET /berth/v1/prices": () => ({ body: { items: [price, other] } }),
    "PUT /berth/v1/prices": ({ body }) => ({ body }),
  }

  it("are set one by one, and the others stay", async () => {
    api = await startTestApi(prices)
    const { out } = await berth(["prices", "set", "h100", "2.5", "eur"])
    expect(out).toBe("A GPU h100 costs 2.5 EUR an hour.\n")
    const set = { gpuModel: "h100", instanceType: null, amountPerGpuHour: "2.5", currency: "EUR" }
    expect(api.bodies("PUT /berth/v1/prices")).toEqual([{ items: [other, set] }])
  })

  it("are taken away, and a model that has none is named", async () => {
    api = await startTestApi(prices)
    await berth(["prices", "rm", "t4", "--instance-type", "n1"])
    expect(api.bodies("PUT /berth/v1/prices")).toEqual([{ items: [price] }])
    expect(await berth(["prices", "rm", "A100"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("There is no price for A100."),
    })
    expect(await berth(["prices", "set", "H100", "-2"])).toMatchObject({ code: 2 })
  })
})

describe("templates and bindings", () => {
  const wish = ["--gpus", "8", "--model", "H100", "--instance-type", "gpu-8", "--cluster", "local"]

  it("makes a template where there is none, and replaces it where there is", async () => {
    const path = "/berth/v1/gpu-templates"
    let isThere = false
    api = await startTestApi({
      [`PUT ${path}/one`]: ({ body }) =>
        isThere
          ? { body: { name: "one", nodes: 1, ...(body as object) } }
          : { status: 404, body: { code: "not_found", message: "No such template.", details: [] } },
      [`POST ${path}`]: ({ body }) => ({ status: 201, body: { nodes: 1, ...(body as object) } }),
    })
    const argv = ["gpus", "templates", "create", "one", ...wish, "--for", "1d", "-w", "research"]
    expect((await berth(argv)).out).toBe("Template one asks for 1 x 8 H100.\n")
    expect(api.bodies(`POST ${path}`)).toMatchObject([
      { name: "one", workspaceId: "research", clusterId: "local", durationSeconds: 86_400 },
    ])
    isThere = true
    expect((await berth(argv)).code).toBe(0)
    expect(api.bodies(`POST ${path}`)).toHaveLength(1)
    expect(await berth(["gpus", "templates", "set", "one", "-g", "1", "--for", "1h"])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/A template names one --cluster\.\n.*templates set NAME --cluster/),
    })
  })

  it("binds templates by their cluster, the first as the default", async () => {
    const clusters: Readonly<Record<string, string>> = { a: "west", b: "east", c: "west" }
    const template = (name: string) => ({ body: { name, clusterId: clusters[name] } })
    api = await startTestApi({
      "GET /berth/v1/gpu-templates/a": () => template("a"),
      "GET /berth/v1/gpu-templates/b": () => template("b"),
      "GET /berth/v1/gpu-templates/c": () => template("c"),
      "PUT /berth/v1/gpu-bindings/research": ({ body }) => ({ body }),
    })
    const names = ["a", "b", "c"].flatMap((name) => ["--template", name])
    const { out } = await berth(["gpus", "bindings", "set", "research", ...names, "--automatic"])
    expect(out).toContain("research uses a, b, c")
    expect(api.bodies("PUT /berth/v1/gpu-bindings/research")).toEqual([
      {
        clusters: [
          { clusterId: "west", defaultTemplate: "a", templates: ["a", "c"] },
          { clusterId: "east", defaultTemplate: "b", templates: ["b"] },
        ],
        enableAutomatic: true,
      },
    ])
  })
})
