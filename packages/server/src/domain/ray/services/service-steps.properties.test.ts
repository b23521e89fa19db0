import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { propertyRuns } from "../../../kit/property-runs.ts"
import type { ServeView } from "../ports.ts"
import type { RayCluster, RayClusterKey, RayClusterState, RayService } from "../types.ts"
import { fitOf } from "./cluster-fit.ts"
import { refusedMark } from "./serve-mark.ts"
import { nextServiceStep, type ServiceSight, type ServiceStep } from "./service-steps.ts"
import { aClusterOfService, aRayService, aSpec, serving } from "./test-service.ts"

const { runs, ...seeded } = propertyRuns(1000)
/** A cluster's head with what it was given: undefined = nothing. */
interface Node {
  row: RayCluster
  given: string | undefined
  status: string
}
interface World {
  service: RayService | undefined
  readonly nodes: Map<RayClusterKey, Node>
  answers: boolean
  nowMs: number
  readonly faults: string[]
}

type Event =
  | { readonly kind: "state"; readonly of: number; readonly state: RayClusterState }
  | { readonly kind: "status"; readonly of: number; readonly status: string }
  | { readonly kind: "spec"; readonly cpu: number; readonly replicas: number }
  | { readonly kind: "config"; readonly name: string }
  | { readonly kind: "hears"; readonly answers: boolean }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "look" | "crash" | "delete" }

const states: readonly RayClusterState[] = [
  "waiting",
  "starting",
  "ready",
  "ready",
  "ready",
  "failed",
  "gone",
]
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("state" as const),
      of: fc.nat(2),
      state: fc.constantFrom(...states),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("status" as const),
      of: fc.nat(2),
      status: fc.constantFrom("RUNNING", "RUNNING", "DEPLOYING", "UNHEALTHY", "DEPLOY_FAILED"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("spec" as const),
      cpu: fc.integer({ min: 1, max: 2 }),
      replicas: fc.nat(2),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("config" as const),
      name: fc.constantFrom("fruit", "math", "no"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("hears" as const), answers: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(400_000) }) },
  { weight: 5, arbitrary: fc.constantFrom<Event>({ kind: "look" }, { kind: "look" }, { kind: "crash" }) },
)
const life = fc.record({
  events: fc.array(event, { maxLength: 40 }),
  isDeleted: fc.boolean(),
})

describe("whatever happens to a service", () => {
  it("has at most one cluster to come, serves on until another does, and comes to what is wanted last", () => {
    fc.assert(
      fc.property(life, ({ events, isDeleted }) => {
        const world = begin()
        for (const each of events) happen(world, each)
        if (isDeleted) happen(world, { kind: "delete" })
        calm(world)
        expect(world.faults).toEqual([])
        const left = [...world.nodes.values()].filter(({ row }) => isThere(row))
        if (isDeleted) {
          expect(world.service).toBe(undefined)
          expect(left).toEqual([])
          return
        }
        const { activeClusterKey, pendingClusterKey, serveConfig } = world.service ?? aRayService()
        expect(left.map(({ row }) => row.key)).toEqual([activeClusterKey])
        expect(pendingClusterKey).toBe(null)
        expect(left[0]?.given).toBe(serveConfig)
        expect(left[0] && world.service && fitOf(left[0].row, world.service)).toBe("same")
      }),
      { numRuns: runs, ...seeded },
    )
  })
})

function begin(): World {
  return {
    service: aRayService({ serveConfig: "fruit" }),
    nodes: new Map(),
    answers: true,
    nowMs: 1_000_000,
    faults: [],
  }
}

function isThere({ state }: RayCluster): boolean {
  return state !== "ending" && state !== "gone"
}

function nodeOf(world: World, of: number): Node | undefined {
  const { activeClusterKey, pendingClusterKey, retiring } = world.service ?? aRayService()
  const key = [activeClusterKey, pendingClusterKey, retiring[0]?.clusterKey][of]
  return key ? world.nodes.get(key) : undefined
}

function happen(world: World, event: Event) {
  const { service } = world
  switch (event.kind) {
    case "state": {
      const node = nodeOf(world, event.of)
      if (node) enter(world, node, event.state)
      return
    }
    case "status": {
      const node = nodeOf(world, event.of)
      if (node) node.status = event.status
      return
    }
    case "spec":
      if (service) world.service = { ...service, spec: aSpec(event.cpu, event.replicas) }
      return
    case "config":
      if (service) world.service = { ...service, serveConfig: event.name }
      return
    case "delete":
      if (service) world.service = { ...service, deletingAtMs: world.nowMs }
      return
    case "hears":
      world.answers = event.answers
      return
    case "pass":
      untilItWaits(world)
      world.nowMs += event.ms
      return
    case "look":
    case "crash":
      look(world, event.kind === "crash")
  }
}

/** A head that is lost takes what it was given along; failed and gone ones never come back. */
function enter(world: World, node: Node, state: RayClusterState) {
  const { row } = node
  if (!isThere(row) || row.state === "failed" || row.state === state) return
  if (state !== "ready") {
    node.row = { ...row, state, readyAtMs: null }
    return void (node.given = undefined)
  }
  // no head is ready twice in a millisecond
  node.row = { ...row, state, readyAtMs: ++world.nowMs }
  node.status = "RUNNING"
}

function viewOf(world: World, node: Node | undefined): ServeView | undefined {
  if (node?.row.state !== "ready" || !world.answers) return undefined
  return node.given === undefined ? serving({}) : serving({ [node.given]: node.status })
}

/** One look, and its step; `crashes` = the server ends after what it did outside, before it wrote that. */
function look(world: World, crashes: boolean): ServiceStep | undefined {
  const { service, nodes, nowMs } = world
  if (!service) return undefined
  const active = service.activeClusterKey ? nodes.get(service.activeClusterKey) : undefined
  const pending = service.pendingClusterKey ? nodes.get(service.pendingClusterKey) : undefined
  const sight: ServiceSight = {
    service,
    active: active?.row,
    pending: pending?.row,
    seen: { active: viewOf(world, active), pending: viewOf(world, pending) },
    applications: [service.serveConfig],
    problem: null,
    nowMs,
  }
  const step = nextServiceStep(sight)
  take(world, sight, step, crashes)
  check(world, sight)
  return step
}

function take(world: World, { service, ...sight }: ServiceSight, step: ServiceStep, crashes: boolean) {
  if (step.do === "apply") return apply(world, service, step, crashes)
  if (crashes) return
  const key = `rcl_${world.nodes.size + 1}` as RayClusterKey
  switch (step.do) {
    case "make_pending": {
      const row = aClusterOfService(key, { spec: service.spec, state: "waiting", readyAtMs: null })
      world.nodes.set(key, { row, given: undefined, status: "RUNNING" })
      world.service = { ...service, pendingClusterKey: key, appliedToPending: null }
      if (service.pendingClusterKey !== null) world.faults.push("a second cluster is made")
      return
    }
    case "resize": {
      const node = world.nodes.get(step.key)
      if (node) node.row = { ...node.row, spec: service.spec }
      return
    }
    case "promote":
      if (sight.pending?.state !== "ready" || !runsAll(sight.seen.pending, service.serveConfig))
        world.faults.push("what does not serve is to serve")
      if (sight.pending && fitOf(sight.pending, service) !== "same")
        world.faults.push("what is not wanted is to serve")
      world.service = promoted(service, step.oldEndsAtMs)
      return
    case "end_cluster":
      return endCluster(world, service, step.key)
    case "write":
      world.service = { ...service, ...step.changes }
      return
    case "delete":
      world.service = undefined
      return
    case "wait":
  }
}

function runsAll(view: ServeView | undefined, wanted: string): boolean {
  return view?.applications.some(({ name, status }) => name === wanted && status === "RUNNING") ?? false
}

function apply(
  world: World,
  service: RayService,
  step: Extract<ServiceStep, { do: "apply" }>,
  crashes: boolean,
) {
  const node = nodeOf(world, step.to === "active" ? 0 : 1)
  if (node?.row.state !== "ready") return void world.faults.push("a configuration is given to nobody")
  const isRefused = service.serveConfig === "no"
  if (world.answers && !isRefused) {
    node.status = node.given === service.serveConfig ? node.status : "DEPLOYING"
    node.given = service.serveConfig
  }
  if (crashes || !world.answers) return
  const mark = isRefused ? refusedMark(step.mark) : step.mark
  const applied = step.to === "active" ? { appliedToActive: mark } : { appliedToPending: mark }
  world.service = { ...service, ...applied }
}

function promoted(service: RayService, endsAtMs: number): RayService {
  const { activeClusterKey: clusterKey, pendingClusterKey, appliedToPending, retiring } = service
  return {
    ...service,
    activeClusterKey: pendingClusterKey,
    appliedToActive: appliedToPending,
    pendingClusterKey: null,
    appliedToPending: null,
    retiring: clusterKey ? [...retiring, { clusterKey, endsAtMs }] : retiring,
    unhealthySinceMs: null,
  }
}

function endCluster(world: World, service: RayService, key: RayClusterKey) {
  const node = world.nodes.get(key)
  if (node) node.row = { ...node.row, state: "gone" }
  const retiring = service.retiring.filter(({ clusterKey }) => clusterKey !== key)
  const active = service.activeClusterKey === key ? { activeClusterKey: null, appliedToActive: null } : {}
  const pending = service.pendingClusterKey === key ? { pendingClusterKey: null, appliedToPending: null } : {}
  world.service = { ...service, retiring, ...active, ...pending }
}

/** What serves is only taken away when another does, or somebody deletes the service. */
function check(world: World, { service, active, seen }: ServiceSight) {
  if (service.deletingAtMs !== null || !active || !seen.active) return
  const node = world.nodes.get(active.key)
  if (node && !isThere(node.row)) world.faults.push("what serves was ended")
}

/** Looks until a wait: it must come to one. */
function untilItWaits(world: World): ServiceStep | undefined {
  for (let round = 0; round < 24; round++) {
    const step = look(world, false)
    if (!step || step.do === "wait" || (step.do === "apply" && !world.answers)) return step
  }
  world.faults.push("it does not come to rest")
  return undefined
}

/** From now on all goes well: what failed is deleted by hand, clusters get ready, applications run, Ray answers. */
function calm(world: World) {
  world.answers = true
  if (world.service?.serveConfig === "no") happen(world, { kind: "config", name: "fruit" })
  for (let round = 0; round < 40; round++) {
    for (const node of world.nodes.values()) {
      if (node.row.state === "failed" && node.row.key === world.service?.pendingClusterKey)
        node.row = { ...node.row, state: "gone" }
      enter(world, node, "ready")
      if (isThere(node.row)) node.status = "RUNNING"
    }
    const step = untilItWaits(world)
    if (step?.do !== "wait") continue
    if (step.atMs !== null && step.atMs <= world.nowMs) world.faults.push("it waits for what is over")
    world.nowMs = Math.max(world.nowMs, step.atMs ?? 0)
  }
}
