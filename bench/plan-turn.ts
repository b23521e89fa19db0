/**
 * Pure planning: 15,000 claims in 30 workspaces on 64 simulated nodes of 8 GPUs. Each turn admits up to 256;
 * between turns as many claims end as were admitted, so that the cluster stays full and the queues drain.
 *
 *     node bench/plan-turn.ts [claims] [workspaces] [nodes]
 */
import { aClaim, aNode, aWorkspace, createBench } from "../packages/server/src/domain/queue/fixtures.ts"

const [claimCount = 15_000, workspaceCount = 30, nodeCount = 64] = process.argv.slice(2).map(Number)
const gib = 1024 ** 3

function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

function build(random: () => number) {
  const bench = createBench()
  const ids = ["default", ...Array.from({ length: workspaceCount - 1 }, (_, at) => `team-${at}`)]
  bench.putWorkspace(
    ...ids.map((id, at) =>
      aWorkspace(id, {
        policy: { queuePolicy: at % 2 === 0 ? "fifo" : "balance", enablePreempt: at % 5 === 0 },
      }),
    ),
  )
  for (let at = 0; at < nodeCount; at++) {
    const capacity = { cpuMilli: 192_000, memoryBytes: 2048 * gib, gpus: 8, ephemeralBytes: 1000 * gib }
    const owner = at % (workspaceCount + 2)
    bench.putNode(
      aNode(`node-${String(at).padStart(4, "0")}`, 8, {
        capacity,
        workspaceId: owner < workspaceCount ? (ids[owner] ?? null) : null,
      }),
    )
  }
  const startedMs = performance.now()
  for (let at = 0; at < claimCount; at++) {
    const gpus = [0, 1, 1, 2, 4, 8][Math.floor(random() * 6)] ?? 0
    bench.put(
      aClaim(`w${String(at).padStart(6, "0")}`, {
        workspaceId: ids[Math.floor(random() * ids.length)] ?? "default",
        pods: gpus === 8 && random() < 0.2 ? 2 : 1,
        priority: Math.floor(random() * 3),
        queuedAtMs: at,
        size: { gpus, cpuMilli: 1000 * (1 + Math.floor(random() * 4)), memoryBytes: 8 * gib },
      }),
    )
  }
  const perChangeUs = ((performance.now() - startedMs) * 1000) / claimCount
  return { bench, perChangeUs }
}

function drain({ bench }: ReturnType<typeof build>) {
  const turnsMs: number[] = []
  let admissions = 0
  let idle = 0
  const running: string[] = []
  while (idle < 3 && turnsMs.length < 20_000) {
    const startedMs = performance.now()
    const plan = bench.capacity.plan(0)
    turnsMs.push(performance.now() - startedMs)
    bench.commit(plan)
    bench.capacity.settled(plan)
    admissions += plan.admissions.length
    running.push(...plan.admissions.map((admission) => admission.claimId))
    const leaving = [...bench.claims.values()].filter((claim) => claim.state === "releasing")
    for (const claim of leaving) bench.move(claim.id, "gone")
    // a quarter of what runs ends, oldest first
    const ended = running.splice(0, Math.ceil(running.length / 4))
    for (const id of ended) {
      const claim = [bench.capacity.claim(id as never)].find((one) => one?.state === "bound")
      if (claim) bench.move(claim.id, "gone")
    }
    idle = plan.admissions.length + ended.length + leaving.length === 0 ? idle + 1 : 0
  }
  return { turnsMs, admissions }
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

for (let run = 0; run < 3; run++) {
  const built = build(seeded(run + 1))
  const { turnsMs, admissions } = drain(built)
  const totalMs = turnsMs.reduce((sum, ms) => sum + ms, 0)
  const sorted = turnsMs.toSorted((a, b) => a - b)
  const figures = {
    claims: claimCount,
    workspaces: workspaceCount,
    nodes: nodeCount,
    turns: turnsMs.length,
    admissions,
    turnsPerSecond: Math.round((turnsMs.length / totalMs) * 1000),
    admissionsPerSecond: Math.round((admissions / totalMs) * 1000),
    turnMedianMs: Number(quantile(sorted, 0.5).toFixed(2)),
    turnP99Ms: Number(quantile(sorted, 0.99).toFixed(2)),
    turnMaxMs: Number(quantile(sorted, 1).toFixed(2)),
    claimChangedUs: Number(built.perChangeUs.toFixed(1)),
    heapMiB: Math.round(process.memoryUsage().heapUsed / 1024 ** 2),
  }
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}
