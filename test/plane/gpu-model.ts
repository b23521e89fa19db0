import fc from "fast-check"
import { defaultLimits } from "../../packages/server/src/domain/gpu-requests/index.ts"
import { isTerminal } from "../../packages/server/src/domain/workloads/index.ts"
import { readEntryPoint } from "../../packages/server/src/drivers/fake/fake-script.ts"
import type { FakeScript } from "../../packages/server/src/drivers/fake/fake-world.ts"
import { aNode, createTestPlane, type TestPlane } from "../support/plane.ts"

const secondMs = 1000
const minuteMs = 60 * secondMs

/** One place, two places, any number; `default` and `auto` file requests for their work. */
const policies = {
  red: { mostGpuRequests: 1, autoGpuRequest: false },
  blue: { mostGpuRequests: 2, autoGpuRequest: false, joinGpuRequests: true },
  auto: { mostGpuRequests: 1, autoGpuRequest: true },
}
const named = ["red", "blue", "auto"] as const
const workspaceIds = [...named, "default"] as const
const nodeNames = ["n1", "n2", "n3", "n4"] as const
/** Declared only: it is taken out of the inventory when it is not declared any more. */
const simulatedName = "n4"

// ---- what is done ------------------------------------------------------------------------------------

const pick = fc.nat(1000)
const workspaceId = fc.constantFrom(...workspaceIds)
const node = fc.constantFrom(...nodeNames)
const commands = {
  create: fc.record({
    do: fc.constant("create" as const),
    workspaceId,
    gpusPerNode: fc.constantFrom(1, 4, 8),
    nodes: fc.constantFrom(1, 1, 1, 2, 3),
    priority: fc.constantFrom(1, 101, 101, 201),
    minutes: fc.constantFrom(1, 2, 5, 15),
    idleMinutes: fc.constantFrom(null, null, 2),
    requeueOnFailure: fc.boolean(),
  }),
  change: fc.record({ do: fc.constant("change" as const), pick, priority: fc.constantFrom(0, 150, 300) }),
  end: fc.record({ do: fc.constantFrom("cancel" as const, "release" as const, "both" as const), pick }),
  extend: fc.record({ do: fc.constant("extend" as const), pick, minutes: fc.constantFrom(1, 5) }),
  submit: fc.record({
    do: fc.constant("submit" as const),
    workspaceId,
    gpu: fc.constantFrom("1", "4", "8", ""),
    replica: fc.constantFrom(1, 1, 2),
    priority: fc.nat(2),
    timeout: fc.constantFrom(null, null, 60, 400),
    maxRetry: fc.nat(1),
    entryPoint: fc.constantFrom(
      "sleep 20",
      "sleep 200",
      "sleep infinity",
      "sleep 2; exit 1",
      "trap '' TERM; sleep infinity",
      "echo lingers; sleep infinity",
    ),
  }),
  stop: fc.record({ do: fc.constant("stop" as const), pick }),
  health: fc.record({ do: fc.constant("health" as const), node, healthy: fc.boolean() }),
  machine: fc.record({
    do: fc.constantFrom("cordon" as const, "uncordon" as const, "drain" as const, "reboot" as const),
    node,
  }),
  remove: fc.record({ do: fc.constantFrom("remove" as const, "put" as const), node }),
  assign: fc.record({
    do: fc.constant("assign" as const),
    node,
    workspaceId: fc.constantFrom(null, null, "red", "default"),
  }),
  binding: fc.record({
    do: fc.constant("binding" as const),
    workspaceId: fc.constantFrom("red", "blue"),
    enabled: fc.boolean(),
  }),
  limit: fc.record({
    do: fc.constant("limit" as const),
    workspaceId: fc.constantFrom("red", "blue", "auto"),
    most: fc.constantFrom(1, 2, null),
  }),
  pause: fc.record({
    do: fc.constant("pause" as const),
    workspaceId: fc.constantFrom(null, ...workspaceIds),
    paused: fc.constantFrom(true, false, false),
  }),
  workspace: fc.record({
    do: fc.constantFrom("delete" as const, "found" as const),
    workspaceId: fc.constantFrom(...named),
  }),
  jump: fc.record({ do: fc.constant("jump" as const), seconds: fc.constantFrom(-600, -30, 30, 600) }),
  life: fc.record({ do: fc.constant("restart" as const), downSeconds: fc.constantFrom(0, 0, 90, 600) }),
  pass: fc.record({ do: fc.constant("pass" as const), seconds: fc.constantFrom(1, 20, 45, 75, 180, 400) }),
}

export type Command = (typeof commands)[keyof typeof commands] extends fc.Arbitrary<infer T> ? T : never
type Doing = Command["do"]

const weights: Readonly<Record<keyof typeof commands, number>> = {
  create: 24,
  change: 3,
  end: 5,
  extend: 4,
  submit: 18,
  stop: 4,
  health: 5,
  machine: 4,
  remove: 2,
  assign: 2,
  binding: 2,
  limit: 2,
  pause: 3,
  workspace: 2,
  jump: 2,
  life: 3,
  pass: 24,
}

const command: fc.Arbitrary<Command> = fc.oneof(
  ...(Object.keys(commands) as (keyof typeof commands)[]).map((key) => ({
    weight: weights[key],
    arbitrary: commands[key] as fc.Arbitrary<Command>,
  })),
)
/** Anything that clients, machines, clocks and people do to GPU requests. */
export const history: fc.Arbitrary<Command[]> = fc.array(command, {
  minLength: 8,
  maxLength: 30,
  size: "max",
})

// ---- doing it ----------------------------------------------------------------------------------------

/** What may be refused by the rules; anything else is a fault. */
const refusals: ReadonlySet<string> = new Set([
  "conflict",
  "too_many",
  "invalid",
  "not_found",
  "already_exists",
])

async function allowing<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: { readonly code?: string }) => {
    if (!refusals.has(error.code ?? "")) throw error
    return undefined
  })
}

/** One run of the model. */
interface Run {
  readonly p: TestPlane
  readonly requests: string[]
  readonly workloads: string[]
  readonly removed: Set<string>
  /** Until when (on the monotonic clock) ends may be late: the wall clock was set forward. */
  lateUntilMono: number
  /** How much the wall clock is behind what it has shown. */
  behindMs: number
}

const facts = (name: string) =>
  aNode(name, name === "n1" || name === "n2" ? 8 : 4, { simulated: name === simulatedName })

const script: FakeScript = {
  pod(launch, pod) {
    const lingers = launch.entryPoint.includes("lingers")
    return {
      ...readEntryPoint(launch, pod),
      stopMs: 7000,
      ...(lingers ? { ignoresTerm: true, lingerMs: 50_000 } : {}),
    }
  },
}

const template = {
  name: "usual",
  workspaceId: null,
  clusterName: "local",
  gpusPerNode: 4,
  nodes: 1,
  memoryGibPerGpu: null,
  gpuModel: "",
  instanceType: "",
  durationMs: 5 * minuteMs,
  priority: 120,
  enforceIdleTimeout: true,
  idleTimeoutMs: 2 * minuteMs,
  enableEviction: false,
  requeueOnFailure: true,
}

export async function openRun(): Promise<Run> {
  const p = await createTestPlane({
    lends: true,
    nodes: nodeNames.map(facts),
    script,
    // steps of automatic requests are seen in minutes
    gpuLimits: { ...defaultLimits, automaticStepMs: 6 * minuteMs, warnBeforeEndMs: minuteMs },
  })
  for (const id of named) await found(p, id)
  await p.plane.gpuSettings.createTemplate(p.owner, template)
  await p.settle()
  return { p, requests: [], workloads: [], removed: new Set(), lateUntilMono: 0, behindMs: 0 }
}

async function found({ plane, owner }: TestPlane, id: (typeof named)[number]): Promise<void> {
  await plane.workspaces.create(owner, { id, description: "", clusters: null, policy: policies[id] })
}

type Doers = { readonly [Do in Doing]: (run: Run, what: Extract<Command, { do: Do }>) => Promise<unknown> }

const at = (items: readonly string[], index: number) => items[index % Math.max(1, items.length)] ?? ""

const doers: Doers = {
  async create({ p, requests }, { workspaceId, minutes, idleMinutes, do: _do, ...wish }) {
    const made = await allowing(
      p.plane.gpuRequests.create(p.owner, {
        name: "request",
        workspaceId,
        clusters: null,
        instanceType: null,
        gpuModel: null,
        memoryGibPerGpu: null,
        durationMs: minutes * minuteMs,
        idleTimeoutMs: idleMinutes === null ? null : idleMinutes * minuteMs,
        enableEviction: false,
        multiNode: false,
        ...wish,
      }),
    )
    if (made) requests.push(made.shownId)
  },
  change: (run, { pick, priority }) =>
    allowing(run.p.plane.gpuRequests.change(run.p.owner, requestAt(run, pick), { priority })),
  cancel: (run, { pick }) => allowing(run.p.plane.gpuRequests.cancel(run.p.owner, requestAt(run, pick))),
  release: (run, { pick }) => allowing(run.p.plane.gpuRequests.release(run.p.owner, requestAt(run, pick))),
  both(run, { pick }) {
    const { gpuRequests } = run.p.plane
    const id = requestAt(run, pick)
    return Promise.all([
      allowing(gpuRequests.cancel(run.p.owner, id)),
      allowing(gpuRequests.release(run.p.owner, id)),
    ])
  },
  extend: (run, { pick, minutes }) =>
    allowing(run.p.plane.gpuRequests.extend(run.p.owner, requestAt(run, pick), minutes * minuteMs)),
  async submit({ p, workloads }, { gpu, replica, do: _do, ...rest }) {
    const made = await allowing(p.submit({ ...rest, resource: { gpu, replica } }))
    if (made) workloads.push(made.id)
  },
  stop: ({ p, workloads }, { pick }) => allowing(p.plane.workloads.stop(p.owner, at(workloads, pick))),
  health: async ({ p }, { node, healthy }) =>
    p.world.setNodeHealth(node, healthy, healthy ? "" : "no answer"),
  cordon: ({ p }, { node }) => allowing(p.plane.inventory.cordon(p.owner, null, node)),
  uncordon: ({ p }, { node }) => allowing(p.plane.inventory.uncordon(p.owner, null, node)),
  drain: ({ p }, { node }) => allowing(p.plane.inventory.drain(p.owner, null, node)),
  reboot: async ({ p, removed }, { node }) => void (removed.has(node) || p.world.reboot(node)),
  async remove({ p, removed }, { node }) {
    removed.add(node)
    p.world.removeNode(node)
    // before anything is started there
    await p.plane.inventory.seen("local", p.world.inside.nodes())
  },
  async put({ p, removed }, { node }) {
    if (removed.delete(node)) p.world.setNode(facts(node))
  },
  assign: ({ p }, { node, workspaceId }) =>
    allowing(p.plane.inventory.assign(p.owner, null, node, workspaceId)),
  async binding({ p }, { workspaceId, enabled }) {
    const cluster = { clusterName: "local", defaultTemplate: "usual", templates: ["usual"] }
    const wanted = { workspaceId, clusters: [cluster], enableAutomatic: enabled }
    if (!(await allowing(p.plane.gpuSettings.createBinding(p.owner, wanted))))
      await allowing(p.plane.gpuSettings.updateBinding(p.owner, wanted))
  },
  limit: ({ p }, { workspaceId, most }) =>
    allowing(p.plane.workspaces.update(p.owner, workspaceId, { policy: { mostGpuRequests: most } })),
  pause: ({ p }, { workspaceId, paused }) =>
    allowing(p.plane.queue[paused ? "pause" : "resume"](p.owner, workspaceId)),
  delete: ({ p }, { workspaceId }) =>
    allowing(p.plane.workspaces.remove(p.owner, workspaceId, { force: true })),
  found: ({ p }, { workspaceId }) => allowing(found(p, workspaceId)),
  async jump(run, { seconds }) {
    run.p.clock.jumpWall(seconds * secondMs)
    run.behindMs = Math.max(0, run.behindMs - seconds * secondMs)
    // by itself nothing tells of a clock that was set back: the next change of anything does
    await run.p.plane.workspaces.update(run.p.owner, "default", { description: String(run.p.clock.nowMs()) })
    // overdue timers are noticed within a minute
    if (seconds > 0) run.lateUntilMono = run.p.clock.monotonicMs() + minuteMs + secondMs
  },
  async restart({ p }, { downSeconds }) {
    await p.crash()
    await p.clock.advance(downSeconds * secondMs)
    await p.restart()
  },
  pass: ({ p }, { seconds }) => p.advance(seconds * secondMs),
}

/** Those that people made, and those that work filed. */
function requestAt({ p, requests }: Run, index: number): string {
  const filed = p.plane.board.live().flatMap(({ automatic, shownId }) => (automatic ? shownId : []))
  return at([...requests, ...filed], index)
}

/** Does it, lets everything settle, and throws when something is not as it must be. */
export async function take(run: Run, what: Command): Promise<void> {
  const doer = doers[what.do] as (run: Run, what: Command) => Promise<unknown>
  await doer(run, what)
  // what lost a race is planned anew a second later
  await run.p.advance(secondMs)
  await run.p.assertSound()
  assertInTime(run)
}

/** Whose time is up holds nothing; no workspace has more than it may, no node serves two. */
function assertInTime({ p, lateUntilMono }: Run): void {
  const nowMs = p.clock.nowMs()
  if (p.clock.monotonicMs() <= lateUntilMono) return
  for (const { shownId, state, endsAtMs } of p.plane.board.live())
    if (state === "provisioned" && (endsAtMs ?? 0) < nowMs)
      throw new Error(`${shownId} should have ended ${nowMs - (endsAtMs ?? 0)} ms ago`)
}

// ---- the end -----------------------------------------------------------------------------------------

const mostRounds = 20

/** Machines are well again, nobody wants anything: then nothing is held and nothing is left to be done. */
export async function closeRun(run: Run, timersAtRest: number): Promise<void> {
  const { p } = run
  const { plane, owner } = p
  if (run.behindMs > 0) p.clock.jumpWall(run.behindMs)
  for (const name of run.removed) p.world.setNode(facts(name))
  await plane.queue.resume(owner, null)
  for (const id of plane.workspaceNames()) await plane.queue.resume(owner, id)
  for (const name of nodeNames) {
    p.world.setNodeHealth(name, true)
    await allowing(plane.inventory.uncordon(owner, null, name))
  }
  for (const id of run.workloads) await allowing(plane.workloads.stop(owner, id))
  // the nodes of one bring another its own
  for (let round = 0; round < mostRounds && plane.board.live().length > 0; round++) {
    for (const { shownId } of plane.board.live()) {
      await allowing(plane.gpuRequests.cancel(owner, shownId))
      await allowing(plane.gpuRequests.release(owner, shownId))
    }
    await p.settle()
  }
  await p.advance(5 * minuteMs)
  await p.assertSound()
  const from = p.store.committed
  const left = {
    requests: await p.store.gpuRequests.live(from),
    holds: await p.store.gpuRequests.holds(from),
    claims: await p.store.claims.live(from),
    workloads: (await p.store.workloads.live(from)).filter(({ phase }) => !isTerminal(phase)),
    stuck: plane.inventory.list().filter((one) => one.stuck),
    timers: plane.timers.size - timersAtRest,
  }
  const isEmpty = Object.values(left).every((one) => (typeof one === "number" ? one <= 0 : one.length === 0))
  if (!isEmpty) throw new Error(`Something is left: ${JSON.stringify(left)}`)
}
