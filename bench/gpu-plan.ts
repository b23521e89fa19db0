/**
 * Planning of GPU requests: 10,000 queued ones of 200 workspaces over 1,000 nodes. How long a full plan takes (and
 * its longest step), one more request at the tail, one in the middle, and a plan after an early end.
 *
 *     node bench/gpu-plan.ts [requests] [workspaces] [nodes] [most provisioned per workspace, 0 = any]
 */
import {
  aGpuNode,
  aPolicy,
  aRequest,
  aTeam,
  createBoardBench,
} from "../packages/server/src/domain/gpu-requests/board/board-fixtures.ts"
import type { GpuRequest } from "../packages/server/src/domain/gpu-requests/index.ts"
import { percentile } from "./support.ts"

const [requestCount = 10_000, workspaceCount = 200, nodeCount = 1000, most = 0] = process.argv
  .slice(2)
  .map(Number)
const minute = 60_000
const models = ["NVIDIA-H100-80GB-HBM3", "NVIDIA-A100-SXM4-80GB", "NVIDIA-L4", "Tesla-T4"]

function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

function build(random: () => number) {
  const bench = createBoardBench()
  for (let at = 0; at < workspaceCount; at++)
    bench.putTeam(aTeam(`team-${at}`, { policy: aPolicy(most === 0 ? null : most) }))
  for (let at = 0; at < nodeCount; at++) {
    const gpus = at % 3 === 0 ? 4 : 8
    const gpuModel = models[at % models.length] ?? null
    bench.putNode(
      aGpuNode(`node-${String(at).padStart(4, "0")}`, gpus, { gpuModel, instanceType: `t${gpus}` }),
    )
  }
  return { bench, make: (at: number) => wanted(random, at) }
}

function wanted(random: () => number, at: number): GpuRequest {
  const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T
  return aRequest(String(at).padStart(6, "0"), {
    workspaceId: `team-${Math.floor(random() * workspaceCount)}`,
    priority: Math.floor(random() * 301),
    createdAtMs: at,
    durationMs: Math.max(10, Math.round(10 * Math.exp(random() * 5))) * minute,
    wish: {
      nodes: pick([1, 1, 1, 1, 2, 2, 4, 8]),
      gpusPerNode: pick([1, 4, 8]),
      gpuModel: pick([...models, null]),
    },
  })
}

function timed(act: () => void): number {
  const startedMs = performance.now()
  act()
  return performance.now() - startedMs
}

function longestStep(steps: Generator<void, unknown>): {
  readonly totalMs: number
  readonly longestMs: number
} {
  let totalMs = 0
  let longestMs = 0
  const step = () => {
    const startedMs = performance.now()
    const isOver = steps.next().done === true
    const stepMs = performance.now() - startedMs
    totalMs += stepMs
    longestMs = Math.max(longestMs, stepMs)
    return isOver
  }
  while (!step());
  return { totalMs, longestMs }
}

const figures = { full: [] as number[], step: [] as number[], tail: [] as number[], middle: [] as number[] }
const early: ReturnType<typeof longestStep>[] = []
for (let run = 0; run < 5; run++) {
  const { bench, make } = build(seeded(run + 1))
  bench.board.plan(0)
  for (let at = 0; at < requestCount; at++) bench.put(make(at))
  const { totalMs, longestMs } = longestStep(bench.board.planSteps(0))
  figures.full.push(totalMs)
  figures.step.push(longestMs)
  for (let at = 0; at < 200; at++) {
    const request = { ...make(requestCount + at), priority: 0 }
    bench.put(request)
    figures.tail.push(timed(() => bench.board.slot(request.id, 0)))
  }
  bench.put({ ...make(requestCount + 500), priority: 150 })
  figures.middle.push(timed(() => bench.board.slot(make(0).id, 0)))
  while (bench.board.isDirty(0)) bench.commit(bench.board.plan(0), 0)
  const first = [...bench.requests.values()].find((request) => request.state === "provisioned")
  if (first) bench.end(first.id, "released", minute, null)
  early.push(longestStep(bench.board.planSteps(minute)))
}
const median = (values: readonly number[]) => Number(percentile(values, 0.5).toFixed(3))
process.stdout.write(
  `${JSON.stringify({
    requests: requestCount,
    workspaces: workspaceCount,
    nodes: nodeCount,
    mostPerWorkspace: most === 0 ? null : most,
    fullPlanMs: median(figures.full),
    longestStepMs: median(figures.step),
    tailMs: median(figures.tail),
    tailP99Ms: Number(percentile(figures.tail, 0.99).toFixed(3)),
    middleMs: median(figures.middle),
    afterEarlyEndMs: median(early.map((one) => one.totalMs)),
    afterEarlyEndLongestStepMs: median(early.map((one) => one.longestMs)),
    heapMiB: Math.round(process.memoryUsage().heapUsed / 1024 ** 2),
  })}\n`,
)
