import type { GpuRequestId, NodeHold } from "../gpu-requests/index.ts"
import type { Gpu, Node, NodeId } from "../inventory/index.ts"
import { noReadings, unconstrained } from "../inventory/index.ts"
import type { Workspace } from "../workspaces/index.ts"
import type { Capacity } from "./commands.ts"
import { createCapacity, rebuild } from "./capacity.ts"
import type { Claim, ClaimId, ClaimState, Plan, QueueControl } from "./types.ts"

const gib = 1024 ** 3

/** A healthy node with `gpus` GPUs, 8 cores, 64 GiB and 100 GiB of storage in cluster `c1`. For tests. */
export function aNode(name: string, gpus: number, change: Partial<Node> = {}): Node {
  const amounts = { cpuMilli: 8000, memoryBytes: 64 * gib, gpus, ephemeralBytes: 100 * gib }
  return {
    id: `nod_${name}` as NodeId,
    name,
    clusterId: "c1",
    hostIp: "127.0.0.1",
    instanceType: "test",
    gpuModel: gpus > 0 ? "NVIDIA-H100-80GB-HBM3" : null,
    gpus: Array.from({ length: gpus }, (_, index) => aGpu(index)),
    physical: amounts,
    capacity: amounts,
    labels: {},
    taints: [],
    simulated: true,
    bootId: "boot",
    healthy: true,
    healthMessage: "",
    cordoned: false,
    draining: false,
    // nobody lends in most tests: what has GPUs is the workspace's that most claims are of
    workspaceId: gpus > 0 ? "default" : null,
    stuck: false,
    firstSeenAtMs: 0,
    lastSeenAtMs: 0,
    removedAtMs: null,
    version: 1,
    ...change,
  }
}

/** A node that a GPU request of the workspace holds until the instant 1,000,000. For tests. */
export function aHold(nodeId: NodeId, workspaceId: string): NodeHold {
  return {
    nodeId,
    requestId: `gpr_${workspaceId}` as GpuRequestId,
    workspaceId,
    state: "held",
    sinceMs: 0,
    drainDeadlineMs: null,
    untilMs: 1_000_000,
    automatic: false,
    version: 1,
  }
}

/** A GPU that nobody outside uses. For tests. */
export function aGpu(index: number, usedOutside = false): Gpu {
  return {
    index,
    uuid: `GPU-${index}`,
    memoryBytes: 80 * gib,
    usedOutside,
    ...noReadings,
  }
}

/** An active workspace, fifo, without preemption, in cluster `c1`. For tests. */
export function aWorkspace(
  id: string,
  change: Partial<Omit<Workspace, "policy">> & { readonly policy?: Partial<Workspace["policy"]> } = {},
): Workspace {
  return {
    id,
    key: id,
    description: "",
    clusters: ["c1"],
    namespaces: [],
    contact: { name: "", email: "" },
    queuePaused: false,
    state: "active",
    createdAtMs: 0,
    version: 1,
    ...change,
    policy: {
      queuePolicy: "fifo",
      enablePreempt: false,
      stopGraceSeconds: 30,
      openToAll: false,
      scopes: [],
      publishServices: false,
      mostGpuRequests: 1,
      autoGpuRequest: false,
      joinGpuRequests: true,
      ...change.policy,
    },
  }
}

/** A wanted claim of one pod with 1 core and 1 GiB in `default`. For tests. */
export function aClaim(
  name: string,
  change: Partial<Omit<Claim, "size">> & { readonly size?: Partial<Claim["size"]> } = {},
): Claim {
  return {
    id: `clm_${name}` as ClaimId,
    owner: { kind: "workload", id: `wl_${name}`, shownId: name, userId: "usr_1" },
    workspaceId: "default",
    state: "wanted",
    pods: 1,
    constraints: unconstrained,
    beside: [],
    preemptible: true,
    runsForMs: null,
    priority: 0,
    rescheduled: false,
    queuedAtMs: 0,
    gates: [],
    placements: [],
    nominated: [],
    reason: null,
    reasonSinceMs: null,
    boundAtMs: null,
    releasingAtMs: null,
    releaseDeadlineMs: null,
    version: 1,
    ...change,
    size: { cpuMilli: 1000, memoryBytes: gib, gpus: 0, ephemeralBytes: 0, ...change.size },
  }
}

/** Rows in memory with a capacity that follows them, and the least that writes plans. For tests and benches. */
export interface Bench {
  readonly capacity: Capacity
  readonly claims: Map<ClaimId, Claim>
  readonly nodes: Map<string, Node>
  readonly workspaces: Map<string, Workspace>
  readonly holds: Map<string, NodeHold>
  control: QueueControl
  put(...claims: readonly Claim[]): void
  putNode(...nodes: readonly Node[]): void
  putWorkspace(...workspaces: readonly Workspace[]): void
  /** Gives a node to a workspace, lets it drain, or (null) frees it. */
  hold(nodeId: string, workspaceId: string | null, change?: Partial<NodeHold>): void
  setPaused(paused: boolean): void
  change(id: ClaimId, change: Partial<Claim>): void
  changeNode(id: string, change: Partial<Node>): void
  changeWorkspace(id: string, change: Parameters<typeof aWorkspace>[1]): void
  move(id: ClaimId, state: ClaimState): void
  /** Writes the plan as the service would. */
  commit(plan: Plan): void
  /** Plans, commits and settles until nothing is to be done; the plans that did something. */
  settle(nowMs: number): Plan[]
  rebuilt(): Capacity
}

export function createBench(): Bench {
  const capacity = createCapacity()
  const bench: Bench = {
    capacity,
    claims: new Map(),
    nodes: new Map(),
    workspaces: new Map(),
    holds: new Map(),
    control: { paused: false, pausedBy: null, sinceMs: null, restoredFromMs: null },
    put: (...claims) => claims.forEach((claim) => putClaim(bench, claim)),
    putNode(...nodes) {
      for (const node of nodes) {
        bench.nodes.set(node.id, node)
        capacity.nodeChanged(node)
      }
    },
    putWorkspace(...workspaces) {
      for (const workspace of workspaces) {
        bench.workspaces.set(workspace.id, workspace)
        capacity.workspaceChanged(workspace, false)
      }
    },
    hold(nodeId, workspaceId, change = {}) {
      const before = bench.holds.get(nodeId)
      if (before) {
        bench.holds.delete(nodeId)
        capacity.holdChanged(before, true)
      }
      if (workspaceId === null) return
      const made = { ...aHold(nodeId as NodeId, workspaceId), ...change, version: (before?.version ?? 0) + 1 }
      bench.holds.set(nodeId, made)
      capacity.holdChanged(made, false)
    },
    setPaused(paused) {
      bench.control = { paused, pausedBy: null, sinceMs: null, restoredFromMs: null }
      capacity.controlChanged(bench.control)
    },
    change(id, change) {
      const claim = bench.claims.get(id)
      if (claim) putClaim(bench, { ...claim, ...change, version: claim.version + 1 })
    },
    changeNode(id, change) {
      const node = bench.nodes.get(id)
      if (node) bench.putNode({ ...node, ...change, version: node.version + 1 })
    },
    changeWorkspace(id, change = {}) {
      const workspace = bench.workspaces.get(id)
      if (!workspace) return
      const policy = { ...workspace.policy, ...change.policy }
      bench.putWorkspace({ ...workspace, ...change, policy, version: workspace.version + 1 })
    },
    move: (id, state) => bench.change(id, { state, ...(state === "gone" ? {} : { nominated: [] }) }),
    commit: (plan) => commit(bench, plan),
    settle: (nowMs) => settle(bench, nowMs),
    rebuilt: () =>
      rebuild(
        [...bench.claims.values()],
        [...bench.nodes.values()],
        [...bench.workspaces.values()],
        bench.control,
        [...bench.holds.values()],
      ),
  }
  return bench
}

function putClaim(bench: Bench, claim: Claim): void {
  if (claim.state === "gone") bench.claims.delete(claim.id)
  else bench.claims.set(claim.id, claim)
  bench.capacity.claimChanged(claim)
}

function commit(bench: Bench, plan: Plan): void {
  for (const { claimId, placements } of plan.admissions)
    bench.change(claimId, { state: "bound", placements, nominated: [] })
  for (const { claimId, nominated, victims } of plan.preemptions) {
    bench.change(claimId, { nominated })
    for (const victim of victims) bench.move(victim, "releasing")
  }
}

/** More turns than any test needs: a planner that never comes to rest is a fault. */
const mostTurns = 1000

function settle(bench: Bench, nowMs: number): Plan[] {
  const plans: Plan[] = []
  for (let turn = 0; turn < mostTurns; turn++) {
    if (!bench.capacity.isDirty(nowMs)) return plans
    const plan = bench.capacity.plan(nowMs)
    commit(bench, plan)
    bench.capacity.settled(plan)
    if (plan.admissions.length + plan.preemptions.length > 0) plans.push(plan)
  }
  throw new Error("The planner does not come to rest.")
}
