/**
 * How good the estimates of GPU requests are: a replayed load of 2,000 requests on 64 nodes in virtual time. They
 * arrive at random (Poisson), want 1 to 8 nodes for heavy-tailed lengths, and ask for 1 to 5 times as long as they
 * need: they are given back early. The first estimate of each is compared with its start,
 * the one that holds at the latest and the likely one.
 *
 *     node bench/gpu-estimates.ts [requests] [nodes] [load, 1 = what the nodes can do]
 */
import {
  aGpuNode,
  aPolicy,
  aRequest,
  aTeam,
  createBoardBench,
} from "../packages/server/src/domain/gpu-requests/board/board-fixtures.ts"
import type { BoardBench } from "../packages/server/src/domain/gpu-requests/board/board-fixtures.ts"
import type { GpuRequest } from "../packages/server/src/domain/gpu-requests/index.ts"
import { bandOf, priorityBands } from "../packages/server/src/domain/gpu-requests/index.ts"
import { percentile } from "./support.ts"

const [requestCount = 2000, nodeCount = 64, load = 0.9] = process.argv.slice(2).map(Number)
const minute = 60_000
const workspaceCount = 20
const bands = { low: 50, medium: 150, high: 250 } as const

interface Arrival {
  readonly request: GpuRequest
  /** How long it really uses its nodes. */
  readonly neededMs: number
}

function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

/** Lengths from 5 minutes on, log-normal with a median of an hour, at most two days. */
function neededMinutes(random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Math.min(2880, Math.max(5, Math.round(60 * Math.exp(1.2 * normal))))
}

function arrivals(random: () => number): Arrival[] {
  const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T
  const made = Array.from({ length: requestCount }, (_, at) => {
    const neededMs = neededMinutes(random) * minute
    const request = aRequest(String(at).padStart(6, "0"), {
      workspaceId: `team-${Math.floor(random() * workspaceCount)}`,
      priority: bands[pick(["low", "medium", "medium", "high"] as const)],
      durationMs: Math.round((neededMs * (1 + 4 * random())) / minute) * minute,
      wish: { nodes: pick([1, 1, 1, 1, 2, 2, 4, 8]) },
    })
    return { request, neededMs }
  })
  const workMs = made.reduce((sum, { request, neededMs }) => sum + request.wish.nodes * neededMs, 0)
  const gapMs = workMs / nodeCount / load / requestCount
  let atMs = 0
  return made.map(({ request, neededMs }) => {
    atMs += Math.round(-Math.log(1 - random()) * gapMs)
    return { neededMs, request: { ...request, createdAtMs: atMs } }
  })
}

function settle(bench: BoardBench, nowMs: number): void {
  while (bench.board.isDirty(nowMs)) bench.commit(bench.board.plan(nowMs), nowMs)
}

/** Plays everything to its end, from event to event. */
function play(bench: BoardBench, coming: readonly Arrival[]): void {
  const neededMs = new Map(coming.map((arrival) => [arrival.request.id, arrival.neededMs]))
  const running = new Map<GpuRequest["id"], number>()
  let next = 0
  let nowMs = 0
  while (next < coming.length || running.size > 0 || bench.board.live().length > 0) {
    const arrivalMs = coming[next]?.request.createdAtMs ?? Infinity
    nowMs = Math.min(arrivalMs, ...running.values(), bench.board.nextMs(nowMs) ?? Infinity)
    if (nowMs === Infinity) throw new Error("Nothing is left to wait for.")
    for (const [id, endMs] of running) {
      if (endMs > nowMs) continue
      running.delete(id)
      const isEarly = endMs < (bench.requests.get(id)?.endsAtMs ?? 0)
      bench.end(id, isEarly ? "released" : "duration", nowMs, null)
    }
    for (
      let arrival = coming[next];
      arrival && arrival.request.createdAtMs <= nowMs;
      arrival = coming[++next]
    )
      bench.put(arrival.request)
    settle(bench, nowMs)
    for (const request of bench.board.live())
      if (request.state === "provisioned" && !running.has(request.id))
        running.set(request.id, nowMs + (neededMs.get(request.id) ?? 0))
  }
}

type Said = NonNullable<GpuRequest["promised"]>

function figuresOf(requests: readonly GpuRequest[], saidMs: (said: Said) => number | null | undefined) {
  const errors = requests.flatMap(({ promised, startedAtMs, createdAtMs }) => {
    const startMs = promised && saidMs(promised)
    if (startMs == null || startedAtMs === null) return []
    return { errorMs: startedAtMs - startMs, waitMs: startedAtMs - createdAtMs }
  })
  const waited = errors.filter((one) => one.waitMs >= minute)
  const relative = waited.map((one) => Math.abs(one.errorMs) / one.waitMs)
  const inMinutes = (values: readonly number[], share: number) =>
    Number((percentile(values, share) / minute).toFixed(1))
  return {
    started: errors.length,
    waited: waited.length,
    medianWaitMinutes: inMinutes(
      waited.map((one) => one.waitMs),
      0.5,
    ),
    medianErrorMinutes: inMinutes(
      waited.map((one) => one.errorMs),
      0.5,
    ),
    p90AbsoluteErrorMinutes: inMinutes(
      waited.map((one) => Math.abs(one.errorMs)),
      0.9,
    ),
    later: waited.filter((one) => one.errorMs > 0).length,
    medianRelativeError: Number(percentile(relative, 0.5).toFixed(2)),
    p90RelativeError: Number(percentile(relative, 0.9).toFixed(2)),
  }
}

const bench = createBoardBench({ withLikely: true })
for (let at = 0; at < workspaceCount; at++) bench.putTeam(aTeam(`team-${at}`, { policy: aPolicy(null) }))
for (let at = 0; at < nodeCount; at++) bench.putNode(aGpuNode(`node-${String(at).padStart(4, "0")}`, 8))
const startedMs = performance.now()
play(bench, arrivals(seeded(7)))
const all = [...bench.requests.values()]
const bothOf = (requests: readonly GpuRequest[]) => ({
  atTheLatest: figuresOf(requests, (said) => said.startMs),
  likely: figuresOf(requests, (said) => said.likelyMs),
})
const byBand = Object.fromEntries(
  priorityBands.map((band) => [band, bothOf(all.filter((request) => bandOf(request.priority) === band))]),
)
const seconds = Number(((performance.now() - startedMs) / 1000).toFixed(1))
process.stdout.write(
  `${JSON.stringify({ requests: requestCount, nodes: nodeCount, load, seconds, all: bothOf(all), ...byBand }, null, 2)}\n`,
)
