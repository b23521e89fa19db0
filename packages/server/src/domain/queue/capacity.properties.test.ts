import fc from "fast-check"
import { expect, it } from "vitest"
import type { Amounts, Node } from "../inventory/index.ts"
import { amountOf, isSameGpuModel, resourceNames } from "../inventory/index.ts"
import type { Capacity } from "./commands.ts"
import type { Bench } from "./fixtures.ts"
import { aClaim, aNode, aWorkspace, createBench } from "./fixtures.ts"
import { compareClaims } from "./order.ts"
import { isGated } from "./states.ts"
import { orderedSets, podSetsOf, podsOf } from "./pod-sets.ts"
import type { Claim, ClaimId, Gate, Placement, Plan, PodSet } from "./types.ts"
import { propertyRuns } from "../../kit/property-runs.ts"

const gib = 1024 ** 3
const workspaceIds = ["default", "alpha", "beta"] as const

// ---- commands --------------------------------------------------------------------------------------

const pick = fc.nat(1000)
const gates = fc.oneof(
  { weight: 20, arbitrary: fc.constant<Gate[]>([]) },
  { weight: 1, arbitrary: fc.nat(60).map((untilMs): Gate[] => [{ kind: "time", untilMs }]) },
  { weight: 1, arbitrary: fc.nat(60).map((untilMs): Gate[] => [{ kind: "backoff", untilMs }]) },
  { weight: 1, arbitrary: fc.constant<Gate[]>([{ kind: "dependency", on: ["x"] }]) },
)
const constraints = fc.oneof(
  { weight: 20, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.constant({ nodeNames: ["n1", "n3"] }) },
  { weight: 1, arbitrary: fc.constant({ labels: { rack: "r1" } }) },
  { weight: 1, arbitrary: fc.constant({ gpuModel: "h100" }) },
  { weight: 1, arbitrary: fc.constant({ tolerateAll: true }) },
)
const besideSet = fc.record({
  pods: fc.constantFrom(1, 1, 2),
  gpus: fc.constantFrom(0, 0, 0, 1, 2),
  cores: fc.constantFrom(1, 2, 4),
  constraints,
})
/** Mostly none: pods of other sizes in the same gang. */
const besides = fc.oneof(
  { weight: 3, arbitrary: fc.array(besideSet, { maxLength: 0 }) },
  { weight: 1, arbitrary: fc.array(besideSet, { minLength: 1, maxLength: 2 }) },
)
const want = fc.record({
  do: fc.constant("want" as const),
  workspaceId: fc.constantFrom("default" as const, ...workspaceIds),
  pods: fc.constantFrom(1, 1, 1, 2, 2, 3),
  gpus: fc.constantFrom(0, 0, 1, 1, 2, 2, 4),
  cores: fc.constantFrom(1, 2, 2, 4, 8),
  memoryGib: fc.constantFrom(1, 8, 20),
  priority: fc.nat(2),
  preemptible: fc.constantFrom(true, true, true, false),
  rescheduled: fc.constantFrom(false, false, false, false, false, true),
  gates,
  constraints,
  besides,
})
const weights = {
  want: 30,
  turn: 24,
  gone: 8,
  release: 6,
  priority: 3,
  gates: 2,
  node: 2,
  assign: 1,
  hold: 3,
  remove: 1,
  pauseAll: 1,
  workspace: 1,
  clock: 3,
}
const commands = {
  want,
  turn: fc.record({ do: fc.constant("turn" as const) }),
  gone: fc.record({ do: fc.constant("gone" as const), pick }),
  release: fc.record({ do: fc.constant("release" as const), pick }),
  priority: fc.record({ do: fc.constant("priority" as const), pick, priority: fc.nat(2) }),
  gates: fc.record({ do: fc.constant("gates" as const), pick, gates }),
  node: fc.record({
    do: fc.constant("node" as const),
    pick,
    flag: fc.constantFrom("healthy", "cordoned", "draining", "stuck"),
    // mostly it comes back soon
    isGood: fc.constantFrom(true, true, false),
  }),
  assign: fc.record({
    do: fc.constant("assign" as const),
    pick,
    workspaceId: fc.constantFrom(null, ...workspaceIds),
  }),
  hold: fc.record({
    do: fc.constant("hold" as const),
    pick,
    workspaceId: fc.constantFrom(null, ...workspaceIds),
    state: fc.constantFrom("held" as const, "held" as const, "draining" as const),
  }),
  remove: fc.record({ do: fc.constant("remove" as const), pick, isGood: fc.constantFrom(true, true, false) }),
  pauseAll: fc.record({ do: fc.constant("pauseAll" as const), paused: fc.constantFrom(true, false, false) }),
  workspace: fc.record({
    do: fc.constant("workspace" as const),
    pick,
    queuePaused: fc.constantFrom(false, false, false, true),
    enablePreempt: fc.constantFrom(true, true, false),
    queuePolicy: fc.constantFrom("fifo" as const, "balance" as const),
  }),
  clock: fc.record({ do: fc.constant("clock" as const), by: fc.integer({ min: -20, max: 40 }) }),
}
const command = fc.oneof(
  { weight: weights.want, arbitrary: commands.want },
  { weight: weights.turn, arbitrary: commands.turn },
  { weight: weights.gone, arbitrary: commands.gone },
  { weight: weights.release, arbitrary: commands.release },
  { weight: weights.priority, arbitrary: commands.priority },
  { weight: weights.gates, arbitrary: commands.gates },
  { weight: weights.node, arbitrary: commands.node },
  { weight: weights.assign, arbitrary: commands.assign },
  { weight: weights.hold, arbitrary: commands.hold },
  { weight: weights.remove, arbitrary: commands.remove },
  { weight: weights.pauseAll, arbitrary: commands.pauseAll },
  { weight: weights.workspace, arbitrary: commands.workspace },
  { weight: weights.clock, arbitrary: commands.clock },
)
/** Long ones: most of what can go wrong needs a full cluster. */
const history = fc.array(command, { minLength: 20, maxLength: 60, size: "max" })
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never

interface Run {
  readonly bench: Bench
  readonly gone: Set<ClaimId>
  nowMs: number
  made: number
}

function start(): Run {
  const bench = createBench()
  bench.putWorkspace(
    aWorkspace("default", { clusters: ["c1", "c2"], policy: { enablePreempt: true } }),
    aWorkspace("alpha", { policy: { queuePolicy: "balance", enablePreempt: true } }),
    aWorkspace("beta", { clusters: ["c2", "c1"] }),
  )
  bench.putNode(
    aNode("n0", 0),
    aNode("n1", 4, { labels: { rack: "r1" } }),
    aNode("n2", 2, { gpuModel: "Tesla-T4", labels: { rack: "r1" } }),
    aNode("n3", 4, { workspaceId: "alpha" }),
    aNode("n4", 2, { clusterId: "c2", workspaceId: "beta" }),
    aNode("n5", 4, { clusterId: "c2", taints: [{ key: "k", value: "", effect: "NoSchedule" }] }),
    aNode("n6", 4, { workspaceId: null }),
    aNode("n7", 2, { workspaceId: null, clusterId: "c2" }),
  )
  bench.hold("nod_n6", "alpha")
  return { bench, gone: new Set(), nowMs: 0, made: 0 }
}

function at<T>(items: readonly T[], index: number): T | undefined {
  return items[index % Math.max(1, items.length)]
}

function claimsIn(run: Run, ...states: readonly Claim["state"][]): Claim[] {
  return [...run.bench.claims.values()].filter((claim) => states.includes(claim.state))
}

type Doers = { readonly [Do in Command["do"]]: (run: Run, what: Extract<Command, { do: Do }>) => void }

const doers: Doers = {
  want: (run, what) => run.bench.put(newClaim(run, what)),
  turn: (run) => turn(run),
  gone(run, { pick }) {
    const claim = at([...run.bench.claims.values()], pick)
    if (!claim) return
    run.gone.add(claim.id)
    run.bench.move(claim.id, "gone")
  },
  release(run, { pick }) {
    const claim = at(claimsIn(run, "bound"), pick)
    if (claim) run.bench.move(claim.id, "releasing")
  },
  priority(run, { pick, priority }) {
    const claim = at(claimsIn(run, "wanted", "bound"), pick)
    if (claim) run.bench.change(claim.id, { priority, nominated: [] })
  },
  gates(run, { pick, gates }) {
    const claim = at(claimsIn(run, "wanted"), pick)
    if (claim) run.bench.change(claim.id, { gates })
  },
  clock(run, { by }) {
    run.nowMs += by
  },
  node(run, { pick, flag, isGood }) {
    const node = at([...run.bench.nodes.values()], pick)
    if (node) run.bench.changeNode(node.id, { [flag]: isGood === (flag === "healthy") })
  },
  assign(run, { pick, workspaceId }) {
    const node = at([...run.bench.nodes.values()], pick)
    if (node) run.bench.changeNode(node.id, { workspaceId })
  },
  hold(run, { pick, workspaceId, state }) {
    const node = at([...run.bench.nodes.values()], pick)
    if (!node || node.gpus.length === 0) return
    // a node is handed on when the work with GPUs of its holder has left it
    const isUsed = run.bench.capacity.holders(node.id).some((claim) => claim.size.gpus > 0)
    const before = run.bench.holds.get(node.id)
    if (isUsed && workspaceId !== before?.workspaceId) return
    run.bench.hold(node.id, workspaceId, { state })
  },
  remove(run, { pick, isGood }) {
    const node = at([...run.bench.nodes.values()], pick)
    if (node) run.bench.changeNode(node.id, { removedAtMs: isGood ? null : run.nowMs })
  },
  pauseAll: (run, { paused }) => run.bench.setPaused(paused),
  workspace(run, { pick, queuePaused, enablePreempt, queuePolicy }) {
    const workspace = at([...run.bench.workspaces.values()], pick)
    if (workspace)
      run.bench.changeWorkspace(workspace.id, { queuePaused, policy: { enablePreempt, queuePolicy } })
  },
}

function apply(run: Run, what: Command): void {
  const doer = doers[what.do] as (run: Run, what: Command) => void
  doer(run, what)
}

function newClaim(run: Run, what: Extract<Command, { do: "want" }>): Claim {
  const number = run.made++
  const claim = aClaim(`w${String(number).padStart(3, "0")}`, {
    workspaceId: what.workspaceId,
    pods: what.pods,
    priority: what.priority,
    preemptible: what.preemptible,
    rescheduled: what.rescheduled,
    // some are equally old
    queuedAtMs: Math.floor(number / 2),
    gates: what.gates,
    size: { cpuMilli: what.cores * 1000, memoryBytes: what.memoryGib * gib, gpus: what.gpus },
  })
  const own = { ...claim, constraints: { ...claim.constraints, ...what.constraints } }
  const sets = what.besides.map(({ pods, gpus, cores, constraints }) => ({
    pods,
    size: { ...claim.size, gpus, cpuMilli: cores * 1000, memoryBytes: gib },
    constraints: { ...claim.constraints, ...constraints },
  }))
  const [first = own, ...beside] = orderedSets([...podSetsOf(own), ...sets])
  const { pods, size, constraints } = first
  return { ...own, pods, size, constraints, beside }
}

// ---- what must hold, in the simplest words ---------------------------------------------------------

function turn(run: Run): void {
  const { bench, nowMs } = run
  for (let turns = 0; bench.capacity.isDirty(nowMs); turns++) {
    expect(turns, "the planner comes to rest").toBeLessThan(60)
    const plan = bench.capacity.plan(nowMs)
    expect(bench.capacity.plan(nowMs), "same input, same plan").toEqual(plan)
    const anew = bench.rebuilt().plan(nowMs)
    expect([plan.admissions, plan.preemptions], "what is not dirty needs no look").toEqual([
      anew.admissions,
      anew.preemptions,
    ])
    checkPlan(run, anew)
    bench.commit(plan)
    bench.capacity.settled(plan)
  }
  const anew = bench.rebuilt().plan(nowMs)
  expect(anew.admissions, "at rest nothing is left to place").toEqual([])
  expect(anew.preemptions, "at rest nothing is left to preempt").toEqual([])
  checkRest(run)
}

function isEligibleFor(run: Run, node: Node, claim: Claim, set: PodSet = claim): boolean {
  const workspace = run.bench.workspaces.get(claim.workspaceId)
  if (!workspace?.clusters.includes(node.clusterId) || node.removedAtMs !== null) return false
  if (!node.healthy || node.stuck || node.cordoned || node.draining) return false
  const hold = node.workspaceId === null ? run.bench.holds.get(node.id) : undefined
  const isFree = node.workspaceId === null && !hold && set.size.gpus === 0
  const holder = hold?.state === "held" ? hold.workspaceId : node.workspaceId
  if (!isFree && holder !== claim.workspaceId) return false
  const { labels, nodeNames, gpuModel, tolerateAll } = set.constraints
  if (Object.entries(labels).some(([key, value]) => node.labels[key] !== value)) return false
  if (nodeNames.length > 0 && !nodeNames.includes(node.name)) return false
  if (gpuModel !== null && !isSameGpuModel(node.gpuModel ?? "", gpuModel)) return false
  return tolerateAll || node.taints.length === 0
}

/** One set after the other, as often as it has pods. */
function setOf(claim: Claim, pod: number): PodSet {
  const each = [claim, ...claim.beside].flatMap((set) => Array.from({ length: set.pods }, () => set))
  return each[pod] ?? claim
}

function usedOn(run: Run, nodeId: string, isCounted: (claim: Claim) => boolean): Amounts {
  const used = { cpuMilli: 0, memoryBytes: 0, gpus: 0, ephemeralBytes: 0 }
  for (const claim of claimsIn(run, "bound", "releasing")) {
    if (!isCounted(claim)) continue
    for (const placement of claim.placements) {
      if (placement.nodeId !== nodeId) continue
      const { size } = setOf(claim, placement.pod)
      used.cpuMilli += size.cpuMilli
      used.memoryBytes += size.memoryBytes
      used.gpus += size.gpus
      used.ephemeralBytes += size.ephemeralBytes
    }
  }
  return used
}

/** Whether a gang fits now when only the counted claims are there; `isOpen` says which nodes may be used. */
function fitsNaively(
  run: Run,
  claim: Claim,
  isCounted: (claim: Claim) => boolean,
  isOpen: (node: Node) => boolean,
): boolean {
  const slots = new Map<string, number>()
  for (const node of run.bench.nodes.values()) {
    if (!isEligibleFor(run, node, claim) || !isOpen(node)) continue
    const used = usedOn(run, node.id, isCounted)
    let count = 0
    const isRoomFor = (pods: number) =>
      resourceNames.every((resource) => {
        const needed = amountOf(claim.size, resource)
        return needed === 0 || amountOf(used, resource) + needed * pods <= amountOf(node.capacity, resource)
      })
    while (count < claim.pods && isRoomFor(count + 1)) count++
    slots.set(node.clusterId, (slots.get(node.clusterId) ?? 0) + count)
  }
  return [...slots.values()].some((count) => count >= claim.pods)
}

function checkPlan(run: Run, plan: Plan): void {
  for (const { claimId, placements } of plan.admissions) checkGang(run, claimId, placements)
  for (const preemption of plan.preemptions)
    if (preemption.nominated.length > 0) {
      checkGang(run, preemption.claimId, preemption.nominated)
      if (plan.admissions.length === 0 && plan.preemptions.length === 1) checkVictims(run, plan)
    }
  checkOrder(run, plan)
  checkNominations(run, plan)
}

function checkGang(run: Run, id: ClaimId, placements: readonly Placement[]): void {
  const claim = run.bench.claims.get(id)
  if (!claim) throw new Error("A claim that is not there was placed.")
  expect(claim.state).toBe("wanted")
  expect(isGated(claim, run.nowMs)).toBe(false)
  expect(run.bench.control.paused || run.bench.workspaces.get(claim.workspaceId)?.queuePaused).toBe(false)
  expect(placements.map((placement) => placement.pod)).toEqual(
    Array.from({ length: podsOf(claim) }, (_, pod) => pod),
  )
  const nodes = placements.map((placement) => run.bench.nodes.get(placement.nodeId))
  expect(new Set(nodes.map((node) => node?.clusterId)).size, "one cluster").toBe(1)
  for (const [pod, node] of nodes.entries())
    expect(node && isEligibleFor(run, node, claim, setOf(claim, pod))).toBe(true)
  for (const { pod, gpuIndexes } of placements) {
    expect(gpuIndexes).toHaveLength(setOf(claim, pod).size.gpus)
    expect(gpuIndexes).toEqual([...new Set(gpuIndexes)].toSorted((a, b) => a - b))
  }
}

/** Only for plans with one preemption and nothing else, where the plan's start is what the simulation saw. */
function checkVictims(run: Run, plan: Plan): void {
  const [preemption] = plan.preemptions
  const claim = preemption && run.bench.claims.get(preemption.claimId)
  if (!preemption || !claim) return
  const victims = preemption.victims.map((id) => run.bench.claims.get(id))
  for (const victim of victims) {
    expect(victim?.state).toBe("bound")
    if (victim?.workspaceId !== claim.workspaceId) {
      const nodes = victim?.placements.map(({ nodeId }) => run.bench.holds.get(nodeId)?.workspaceId)
      expect(nodes, "a guest on a node that is held now").toContain(claim.workspaceId)
      expect([victim?.size.gpus, claim.size.gpus > 0]).toEqual([0, true])
      continue
    }
    expect(victim.preemptible).toBe(true)
    expect(victim.priority < claim.priority).toBe(true)
  }
  const isOpen = (node: Node) =>
    claimsIn(run, "wanted").every(
      (other) => other.id === claim.id || other.nominated.every((placement) => placement.nodeId !== node.id),
    )
  // how several sizes go together is not told by counting: that they can be placed is checked when they are
  if (claim.beside.length > 0) return
  const fitsWithout = (leaving: readonly ClaimId[]) =>
    fitsNaively(run, claim, (other) => other.state === "bound" && !leaving.includes(other.id), isOpen)
  expect(fitsWithout(preemption.victims), "the victims suffice").toBe(true)
  for (const victim of preemption.victims)
    expect(fitsWithout(preemption.victims.filter((id) => id !== victim)), "each victim is needed").toBe(false)
}

function checkOrder(run: Run, plan: Plan): void {
  const reasons = new Map(plan.refusals.map((refusal) => [refusal.claimId, refusal.reason]))
  for (const { claimId } of plan.admissions) {
    const claim = run.bench.claims.get(claimId)
    if (!claim || claim.nominated.length > 0) continue
    const isFifo = run.bench.workspaces.get(claim.workspaceId)?.policy.queuePolicy === "fifo"
    for (const [id, reason] of reasons) {
      const other = run.bench.claims.get(id)
      if (!other || other.workspaceId !== claim.workspaceId || compareClaims(other, claim) > 0) continue
      if (!isFifo && other.priority <= claim.priority) continue
      if (reason.code !== "quota_short" && reason.code !== "no_node_fits") continue
      const { resource } = reason
      const isAsked =
        resource !== undefined && podSetsOf(claim).some((set) => amountOf(set.size, resource) > 0)
      expect(isAsked, `${claimId} overtook ${id}`).toBe(false)
    }
  }
}

function checkNominations(run: Run, plan: Plan): void {
  const withdrawn = new Set([...plan.preemptions, ...plan.admissions].map((one) => one.claimId))
  for (const claim of claimsIn(run, "wanted")) {
    if (claim.nominated.length === 0 || withdrawn.has(claim.id)) continue
    const kept = new Set(claim.nominated.map((placement) => placement.nodeId))
    for (const { claimId, placements } of plan.admissions)
      if (claimId !== claim.id) expect(placements.some((placement) => kept.has(placement.nodeId))).toBe(false)
  }
}

/** Nothing is given twice, everybody knows their place, and the structure is what a rebuild would make. */
function checkAlways(run: Run): void {
  const { bench } = run
  expect(bench.capacity.fingerprint()).toBe(bench.rebuilt().fingerprint())
  for (const node of bench.nodes.values()) {
    const indexes = claimsIn(run, "bound", "releasing").flatMap((claim) =>
      claim.placements.filter((placement) => placement.nodeId === node.id).flatMap((one) => one.gpuIndexes),
    )
    expect(new Set(indexes).size, "no GPU twice").toBe(indexes.length)
    for (const index of indexes) expect(index).toBeLessThan(node.gpus.length)
    const used = usedOn(run, node.id, () => true)
    for (const resource of resourceNames)
      expect(amountOf(used, resource)).toBeLessThanOrEqual(amountOf(node.capacity, resource))
  }
  for (const id of workspaceIds) {
    const wanted = claimsIn(run, "wanted").filter((claim) => claim.workspaceId === id)
    const queue = bench.capacity.queue(id)
    expect(queue).toEqual(wanted.toSorted(compareClaims))
    expect(queue.map((claim) => bench.capacity.position(claim.id))).toEqual(
      queue.map((_, index) => index + 1),
    )
  }
  for (const id of run.gone) expect(bench.capacity.claim(id), "gone is gone").toBeUndefined()
}

/** At rest: whoever is first and fits has been placed; whoever waits knows why. */
function checkRest(run: Run): void {
  const { bench, nowMs } = run
  for (const id of workspaceIds) {
    if (bench.control.paused || bench.workspaces.get(id)?.queuePaused) continue
    const first = bench.capacity.queue(id).find((claim) => !isGated(claim, nowMs))
    if (!first || first.beside.length > 0) continue
    const isOpen = (node: Node) =>
      claimsIn(run, "wanted").every(
        (other) => other.id === first.id || other.nominated.every((one) => one.nodeId !== node.id),
      )
    expect(
      fitsNaively(run, first, () => true, isOpen),
      "the first that fits is placed",
    ).toBe(false)
  }
  for (const claim of claimsIn(run, "wanted")) {
    const reasons = bench.capacity.reasons(claim.id, nowMs)
    expect(reasons.length, `a reason for ${claim.id}`).toBeGreaterThan(0)
    expect(bench.rebuilt().reasons(claim.id, nowMs), "reasons of a rebuild").toEqual(reasons)
    checkBlocker(run, claim, reasons[0]?.claimIds?.[0])
  }
}

function checkBlocker(run: Run, claim: Claim, blocker: ClaimId | undefined): void {
  if (!blocker) return
  const { bench, nowMs } = run
  const other = createBench()
  other.putWorkspace(...bench.workspaces.values())
  other.putNode(...bench.nodes.values())
  for (const hold of bench.holds.values()) other.hold(hold.nodeId, hold.workspaceId, hold)
  other.setPaused(bench.control.paused)
  other.put(...[...bench.claims.values()].filter((one) => one.id !== blocker))
  other.settle(nowMs)
  const before = bench.capacity.reasons(claim.id, nowMs)
  expect(other.capacity.reasons(claim.id, nowMs), `without ${blocker}`).not.toEqual(before)
}

function runAll(commands: readonly Command[]): Capacity {
  const run = start()
  for (const what of commands) {
    apply(run, what)
    checkAlways(run)
  }
  turn(run)
  checkAlways(run)
  return run.bench.capacity
}

/** More by the environment variable, for a longer search. */
const { runs, ...seeded } = propertyRuns(120)
const longestMs = 60_000 + runs * 200

it(
  "keeps every promise of the planner under any sequence of commands",
  () => {
    fc.assert(
      fc.property(history, (commands) => {
        expect(runAll(commands).fingerprint()).not.toBe("")
      }),
      { numRuns: runs, ...seeded },
    )
  },
  longestMs,
)

it("places every gang that an empty cluster holds, once everybody else has left", () => {
  fc.assert(
    fc.property(history, want, (commands, what) => {
      const run = start()
      for (const command of commands) apply(run, command)
      const empty = start()
      const claim = newClaim(empty, { ...what, gates: [] })
      empty.bench.put(claim)
      empty.bench.settle(0)
      const fitsEmpty = empty.bench.claims.get(claim.id)?.state === "bound"
      for (const id of run.bench.claims.keys()) run.bench.move(id, "gone")
      run.bench.setPaused(false)
      for (const node of empty.bench.nodes.values()) {
        run.bench.changeNode(node.id, { ...node, version: 0 })
        const hold = empty.bench.holds.get(node.id)
        run.bench.hold(node.id, hold?.workspaceId ?? null, { state: "held" })
      }
      for (const workspace of empty.bench.workspaces.values())
        run.bench.changeWorkspace(workspace.id, { queuePaused: false, policy: workspace.policy })
      run.bench.put({ ...claim, id: "clm_late" as ClaimId })
      run.bench.settle(run.nowMs)
      expect(run.bench.claims.get("clm_late" as ClaimId)?.state === "bound").toBe(fitsEmpty)
    }),
    { numRuns: runs, ...seeded },
  )
})

it("gives the same world for the same commands", () => {
  fc.assert(
    fc.property(history, (commands) => {
      expect(runAll(commands).fingerprint()).toBe(runAll(commands).fingerprint())
    }),
    { numRuns: 20, ...seeded },
  )
})
