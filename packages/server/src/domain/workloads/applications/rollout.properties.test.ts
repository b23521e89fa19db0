import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Amounts } from "../../inventory/index.ts"
import type { ClaimId, EndCause } from "../../queue/index.ts"
import { readShare } from "../probes.ts"
import { aWorkload } from "../test-workload.ts"
import type { Attempt, AttemptId, Workload } from "../types.ts"
import { afterEnd, asRevision, begun, newReplica, requeued, toLeave } from "./replica-life.ts"
import { isGoing, isReady } from "./replica-states.ts"
import { isComplete, isItsTurn, isOutdated, planRollout, type RolloutStep } from "./rollout.ts"
import type { Replica, ReplicaId, ReplicaPlace } from "./types.ts"
import { wishOf } from "./wish.ts"

/** What clients ask for and what happens to pods; `at` chooses among those that it can happen to. */
type Action =
  | { readonly kind: "patch"; readonly replicas: number; readonly gpus: number; readonly isNew: boolean }
  | { readonly kind: "capacity"; readonly gpus: number }
  | {
      readonly kind: "bind" | "start" | "ready" | "unready" | "crash" | "evict" | "gone"
      readonly at: number
    }

interface Cluster {
  workload: Workload
  replicas: Replica[]
  capacity: number
  /** Attempts that were told to end or ended: the cause, and what the pod ran. */
  readonly ending: Map<ReplicaId, EndCause>
  /** The revision that a running pod really has. */
  readonly runs: Map<ReplicaId, number>
  /** Revisions whose pods can get ready. */
  canBeReady: (revision: number) => boolean
  names: number
}

const place: ReplicaPlace = { clusterId: "local", nodeName: "n1", hostIp: "10.0.0.1", gpuIndexes: [] }
const gpusOf = (gpus: number): Amounts => ({ cpuMilli: 1000, memoryBytes: 1024, gpus, ephemeralBytes: 0 })
const stepLimit = 3

function aCluster(kind: "Deployment" | "StatefulSet", replicas: number, share: string): Cluster {
  const base = aWorkload()
  const service = { protocol: "TCP", port: 80, targetPort: 80, serviceType: "ClusterIP" }
  const workload = aWorkload(
    {
      resource: { ...base.spec.resource, replica: replicas },
      size: gpusOf(1),
      service: { ...service, extends: { maxUnavailable: share } },
    },
    { kind, rollout: { generation: 1, observed: 0, revision: 1 }, claimId: null },
  )
  const cluster: Cluster = {
    workload,
    replicas: [],
    capacity: replicas,
    ending: new Map(),
    runs: new Map(),
    canBeReady: () => true,
    names: 0,
  }
  for (let ordinal = 0; ordinal < replicas; ordinal++) cluster.replicas.push(born(cluster, ordinal, place))
  return cluster
}

function born(cluster: Cluster, ordinal: number, at: ReplicaPlace | null): Replica {
  const n = cluster.names++
  const made = { id: `rep_${n}` as ReplicaId, claimId: `clm_${n}` as ClaimId, podId: `pod-${n}` }
  return newReplica(cluster.workload, { ...made, ordinal, place: at, nowMs: n })
}

const replace = (cluster: Cluster, next: Replica) => {
  cluster.replicas = cluster.replicas.map((one) => (one.id === next.id ? next : one))
}

/** As the application's steps do it: again and again until there is nothing to change. */
function plan(cluster: Cluster): void {
  for (let round = 0; ; round++) {
    const { wish } = wishOf(cluster.workload)
    const before = cluster.replicas
    const steps = planRollout(wish, before, stepLimit)
    assertStepsAllowed(cluster, steps)
    for (const step of steps) take(cluster, step)
    assertSetAllowed(cluster, before)
    if (steps.length === 0) return
    expect(round, "rounds of one plan").toBeLessThan(100)
  }
}

function take(cluster: Cluster, step: RolloutStep): void {
  if (step.kind === "create") {
    cluster.replicas.push(born(cluster, step.ordinal, null))
    return
  }
  const { replica } = step
  const revision = cluster.workload.rollout?.revision ?? 1
  const latest = asRevision(replica, {
    revision,
    size: cluster.workload.spec.size,
    podId: `${replica.podId}+`,
  })
  switch (step.kind) {
    case "adopt":
      expect(["queued", "placed"]).toContain(replica.state)
      return replace(cluster, { ...latest, startAtMs: null, crashes: 0 })
    case "renew":
      expect(replica.state).toBe("running")
      if (!cluster.ending.has(replica.id)) cluster.ending.set(replica.id, "stopped")
      return replace(cluster, { ...latest, readySinceMs: null })
    case "resize":
      return leave(cluster, latest, true)
    case "remove":
      return leave(cluster, replica, false)
  }
}

function leave(cluster: Cluster, replica: Replica, returns: boolean): void {
  if (replica.state === "queued" && !returns) {
    cluster.replicas = cluster.replicas.filter((one) => one.id !== replica.id)
    return
  }
  if (replica.state === "running" && !cluster.ending.has(replica.id))
    cluster.ending.set(replica.id, "stopped")
  replace(cluster, toLeave(replica, { cause: "stopped", message: "", graceMs: 0, returns }))
}

// ---- what must hold --------------------------------------------------------------------------------

function assertStepsAllowed({ workload, replicas }: Cluster, steps: readonly RolloutStep[]): void {
  const { wish } = wishOf(workload)
  const taken = steps.filter((step) => step.kind === "renew" || step.kind === "resize")
  const takenReady = taken.filter((step) => isReady(step.replica)).length
  const ready = replicas.filter((one) => isReady(one) && !isGoing(one)).length
  if (takenReady > 0) expect(ready - takenReady).toBeGreaterThanOrEqual(wish.replicas - wish.pace)
  const withPods = taken.filter((step) => step.replica.starts > 0).length
  expect(withPods, "replaced at once").toBeLessThanOrEqual(wish.pace)
  if (wish.isOrdered && !wish.isOver)
    expect(steps.filter((step) => step.kind === "remove").length).toBeLessThanOrEqual(1)
}

function assertSetAllowed({ workload, replicas }: Cluster, before: readonly Replica[]): void {
  const { wish } = wishOf(workload)
  const staying = replicas.filter((one) => !isGoing(one))
  const stayed = before.filter((one) => !isGoing(one)).length
  expect(staying.length, "never more than asked").toBeLessThanOrEqual(Math.max(wish.replicas, stayed))
  expect(staying.length, "never fewer than asked").toBeGreaterThanOrEqual(Math.min(wish.replicas, stayed))
  expect(new Set(replicas.map((one) => one.ordinal)).size).toBe(replicas.length)
  if (!wish.isOrdered) return
  const going = replicas.filter(isGoing)
  const highest = Math.max(-1, ...staying.map((one) => one.ordinal))
  for (const one of going) expect(one.ordinal, "the last goes first").toBeGreaterThan(highest - 1)
}

function assertStartAllowed({ workload, replicas }: Cluster, replica: Replica): void {
  if (workload.kind !== "StatefulSet") return
  const { wish } = wishOf(workload)
  const waitsFor = replicas.filter((one) => one.ordinal < replica.ordinal && !isReady(one))
  if (replica.starts === 0) expect(waitsFor).toEqual([])
  expect(waitsFor.filter((one) => !isOutdated(wish, one))).toEqual([])
}

// ---- what happens ----------------------------------------------------------------------------------

const holds = (one: Replica) => one.state !== "queued"
const free = ({ capacity, replicas }: Cluster) =>
  capacity - replicas.filter(holds).reduce((sum, one) => sum + one.size.gpus, 0)
const isLive = (cluster: Cluster, one: Replica) => one.state === "running" && !cluster.ending.has(one.id)

/** Those that it can happen to. */
function candidates(cluster: Cluster, kind: Action["kind"]): readonly Replica[] {
  const { wish } = wishOf(cluster.workload)
  return cluster.replicas.filter((one) => {
    switch (kind) {
      case "bind":
        return one.state === "queued" && one.size.gpus <= free(cluster)
      case "start":
        return one.state === "placed" && isItsTurn(wish, one, cluster.replicas)
      case "ready":
        return isLive(cluster, one) && !isReady(one) && cluster.canBeReady(cluster.runs.get(one.id) ?? 0)
      case "unready":
        return isLive(cluster, one) && isReady(one)
      case "crash":
        return isLive(cluster, one)
      case "evict":
        return (one.state === "running" || one.state === "placed") && one.leaving === null
      case "gone":
        return cluster.ending.has(one.id) || one.state === "leaving"
      case "patch":
      case "capacity":
        return false
    }
  })
}

function happen(cluster: Cluster, kind: Action["kind"], one: Replica): void {
  switch (kind) {
    case "bind":
      return replace(cluster, { ...one, state: "placed", place })
    case "start": {
      assertStartAllowed(cluster, one)
      const made = { attemptId: `att_${cluster.names++}` as AttemptId, graceMs: 0, nowMs: 0 }
      cluster.runs.set(one.id, one.revision)
      return replace(cluster, begun({ ...one, place }, made).replica)
    }
    case "ready":
      return replace(cluster, { ...one, readySinceMs: 1 })
    case "unready":
      return replace(cluster, { ...one, readySinceMs: null })
    case "crash":
      cluster.ending.set(one.id, "failed")
      return replace(cluster, { ...one, readySinceMs: null })
    case "evict":
      return leave(cluster, one, true)
    case "gone":
      return endOf(cluster, one)
    case "patch":
    case "capacity":
  }
}

/** No process of it is left. */
function endOf(cluster: Cluster, one: Replica): void {
  const cause = cluster.ending.get(one.id) ?? "stopped"
  cluster.ending.delete(one.id)
  const requeue = () => replace(cluster, requeued(one, `clm_${cluster.names++}` as ClaimId, one.podId))
  if (one.leaving?.returns) return requeue()
  if (one.leaving) {
    cluster.replicas = cluster.replicas.filter((other) => other.id !== one.id)
    return
  }
  const next = afterEnd(one, { cause, startedAtMs: 0 } as Attempt, 1000)
  if (next.kind === "restart") replace(cluster, next.replica)
  else requeue()
}

function patch(cluster: Cluster, change: Extract<Action, { kind: "patch" }>): void {
  const { workload } = cluster
  const { generation, observed, revision } = workload.rollout ?? { generation: 1, observed: 1, revision: 1 }
  const isNew = change.isNew || change.gpus !== workload.spec.size.gpus
  cluster.workload = {
    ...workload,
    spec: {
      ...workload.spec,
      size: gpusOf(change.gpus),
      resource: { ...workload.spec.resource, replica: change.replicas },
    },
    rollout: { generation: generation + 1, observed, revision: revision + (isNew ? 1 : 0) },
  }
}

function act(cluster: Cluster, action: Action): void {
  if (action.kind === "patch") patch(cluster, action)
  else if (action.kind === "capacity") cluster.capacity = action.gpus
  else {
    const able = candidates(cluster, action.kind)
    const chosen = able[action.at % Math.max(1, able.length)]
    if (chosen) happen(cluster, action.kind, chosen)
  }
  plan(cluster)
}

/** Whatever can go well does, until nothing can any more. */
function goWell(cluster: Cluster, extra: (turn: number) => void = () => {}): void {
  const kinds = ["gone", "bind", "start", "ready"] as const
  for (let turn = 0; turn < 2_000; turn++) {
    plan(cluster)
    const able = kinds.flatMap((kind) => candidates(cluster, kind).map((one) => ({ kind, one })))
    const next = able[turn % Math.max(1, able.length)]
    if (!next) return
    happen(cluster, next.kind, next.one)
    extra(turn)
  }
  throw new Error("It does not come to rest.")
}

const most = 8
const kinds = fc.constantFrom("Deployment" as const, "StatefulSet" as const)
const shares = fc.constantFrom("25%", "50%", "1", "3", "100%", "0")
const patches = fc.record({
  kind: fc.constant("patch" as const),
  replicas: fc.nat(most),
  gpus: fc.integer({ min: 1, max: 2 }),
  isNew: fc.boolean(),
})
const happenings = fc.record({
  kind: fc.constantFrom("bind", "start", "ready", "unready", "crash", "evict", "gone"),
  at: fc.nat(20),
})
const actions = fc.array(
  fc.oneof(
    { weight: 10, arbitrary: happenings },
    { weight: 2, arbitrary: patches },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("capacity" as const), gpus: fc.nat(2 * most) }) },
  ),
  { maxLength: 80 },
) as fc.Arbitrary<readonly Action[]>

const complete = (cluster: Cluster) => isComplete(wishOf(cluster.workload).wish, cluster.replicas)

describe("a rollout", () => {
  it("ends at what was asked for last, whatever happened before, when pods can get ready and there is room", () => {
    fc.assert(
      fc.property(kinds, fc.integer({ min: 1, max: most }), shares, actions, (kind, count, share, list) => {
        const cluster = aCluster(kind, count, share)
        for (const action of list) act(cluster, action)
        cluster.capacity = 4 * most
        goWell(cluster)
        expect(complete(cluster)).toBe(true)
        const ordinals = cluster.replicas.map((one) => one.ordinal).toSorted((a, b) => a - b)
        if (kind === "StatefulSet") expect(ordinals).toEqual(ordinals.map((_one, at) => at))
      }),
      { numRuns: 400 },
    )
  })

  it("ends at what was asked for last also when only pods of the newest revision can get ready", () => {
    fc.assert(
      fc.property(kinds, fc.integer({ min: 1, max: most }), shares, actions, (kind, count, share, list) => {
        const cluster = aCluster(kind, count, share)
        cluster.canBeReady = (revision) => revision % 2 === 0
        for (const action of list) act(cluster, action)
        const { resource, size } = cluster.workload.spec
        patch(cluster, { kind: "patch", replicas: resource.replica, gpus: size.gpus, isNew: true })
        const newest = cluster.workload.rollout?.revision
        cluster.canBeReady = (revision) => revision === newest
        cluster.capacity = 4 * most
        goWell(cluster)
        expect(complete(cluster)).toBe(true)
      }),
      { numRuns: 400 },
    )
  })

  it("keeps all ready pods but those that it may miss when an update never gets ready", () => {
    fc.assert(
      fc.property(
        kinds,
        fc.integer({ min: 1, max: most }),
        shares,
        fc.array(fc.record({ kind: fc.constantFrom("start", "crash", "gone", "bind"), at: fc.nat(20) }), {
          maxLength: 60,
        }),
        patches,
        (kind, count, share, list, change) => {
          const cluster = aCluster(kind, count, share)
          goWell(cluster)
          expect(complete(cluster)).toBe(true)
          cluster.canBeReady = () => false
          act(cluster, { ...change, replicas: count, isNew: true })
          const { wish } = wishOf(cluster.workload)
          const least = () =>
            expect(cluster.replicas.filter(isReady).length).toBeGreaterThanOrEqual(count - wish.pace)
          least()
          for (const { kind: what, at } of list as readonly { kind: "start"; at: number }[]) {
            // only the new ones crash
            const able = candidates(cluster, what).filter((one) => !isReady(one))
            const chosen = able[at % Math.max(1, able.length)]
            if (chosen) happen(cluster, what, chosen)
            plan(cluster)
            least()
          }
          const tried = cluster.replicas.filter((one) => !isOutdated(wish, one))
          expect(tried.length).toBeLessThanOrEqual(wish.pace)
          // what came before is back by another update
          act(cluster, { ...change, replicas: count, isNew: true })
          cluster.canBeReady = (revision) => revision === cluster.workload.rollout?.revision
          cluster.capacity = 4 * most
          goWell(cluster)
          expect(complete(cluster)).toBe(true)
        },
      ),
      { numRuns: 400 },
    )
  })

  it("never goes below what it may miss while it is rolled out and all goes well", () => {
    fc.assert(
      fc.property(kinds, fc.integer({ min: 1, max: most }), shares, (kind, count, share) => {
        const cluster = aCluster(kind, count, share)
        goWell(cluster)
        patch(cluster, { kind: "patch", replicas: count, gpus: 1, isNew: true })
        const { pace } = wishOf(cluster.workload).wish
        goWell(cluster, () =>
          expect(cluster.replicas.filter(isReady).length).toBeGreaterThanOrEqual(count - pace),
        )
        expect(complete(cluster)).toBe(true)
      }),
    )
  })
})

describe("an update of a StatefulSet", () => {
  it("goes from the last to the first", () => {
    const cluster = aCluster("StatefulSet", 4, "25%")
    goWell(cluster)
    patch(cluster, { kind: "patch", replicas: 4, gpus: 1, isNew: true })
    const order: number[] = []
    goWell(cluster, () => {
      for (const one of cluster.replicas)
        if (one.revision === 2 && !order.includes(one.ordinal)) order.push(one.ordinal)
    })
    expect(order).toEqual([3, 2, 1, 0])
  })

  it("mends one whose first pod never got ready", () => {
    const cluster = aCluster("StatefulSet", 3, "25%")
    cluster.canBeReady = (revision) => revision === 2
    goWell(cluster)
    act(cluster, { kind: "crash", at: 0 })
    act(cluster, { kind: "gone", at: 0 })
    expect(complete(cluster)).toBe(false)
    act(cluster, { kind: "patch", replicas: 3, gpus: 1, isNew: true })
    goWell(cluster)
    expect(complete(cluster)).toBe(true)
  })
})

describe("a share of the replicas", () => {
  it.each([
    ["25%", 4, 1],
    ["25%", 3, 0],
    ["2", 8, 2],
    [" 50% ", 5, 2],
    ["all", 5, null],
    ["-1", 5, null],
    ["1.5", 5, null],
  ])("%s of %d is %s", (text, of, share) => {
    expect(readShare(text, of)).toBe(share)
  })
})
