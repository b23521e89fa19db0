import type { NodeSource } from "../../domain/inventory/index.ts"
import type {
  AttemptHandle,
  AttemptId,
  LogFollowItem,
  LogQuery,
  PodDriver,
} from "../../domain/workloads/index.ts"
import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { FakeScript, FakeWorld, WorldInside } from "./fake-world.ts"
import { createFakeWorld } from "./fake-world.ts"

export interface FakeDriverOptions {
  readonly clusterId: string
  readonly clock: Clock
  readonly script?: FakeScript
  /** Where its processes are; default one of its own. Given, `script` is not used. */
  readonly world?: FakeWorld
}

export interface FakeDriver extends PodDriver, NodeSource {
  readonly clusterId: string
  readonly world: FakeWorld
}

/** A driver whose processes are numbers on a clock: for tests and simulations of the control plane. */
export function createFakeDriver(options: FakeDriverOptions): FakeDriver {
  const { clusterId, clock } = options
  const world = options.world ?? createFakeWorld(options)
  const { inside } = world
  const stopListening = new Set<() => void>()
  const closing = new AbortController()

  return {
    clusterId,
    world,
    async fingerprint() {
      return inside.nodes()
    },
    async ensure(launch, signal) {
      signal.throwIfAborted()
      if (inside.has(launch.id)) return handleOf(launch.id)
      const fate = inside.fate(launch)
      if (fate === "hang") await hang(AbortSignal.any([signal, closing.signal]))
      if (fate === "unavailable")
        throw new AppError("unavailable", "The fake driver cannot start anything now.", {
          detail: "driver_down",
        })
      if (fate === "port_in_use") throw portInUse(launch.pods.flatMap((pod) => pod.ports)[0] ?? 0)
      inside.start(launch)
      return handleOf(launch.id)
    },
    async inspect(handle) {
      return inside.observe(idOf(handle)) ?? { pods: [], isGone: true }
    },
    async recover(id) {
      return inside.has(id) ? handleOf(id) : null
    },
    async stop(handle, reason, graceMs) {
      inside.stop(idOf(handle), reason, graceMs)
    },
    onChange(listener) {
      const stop = inside.onChange(listener)
      stopListening.add(stop)
      return () => {
        stopListening.delete(stop)
        stop()
      }
    },
    async readLog(handle, podId, query) {
      const { log, wallOffsetMs } = logOf(inside, handle, podId)
      return log.read(query, clock.monotonicMs(), wallOffsetMs)
    },
    followLog(handle, podId, query, signal) {
      const either = AbortSignal.any([signal, closing.signal])
      return follow({ inside, clock, handle, podId, signal: either }, query)
    },
    async forget(id, _handle, logsToo) {
      inside.forget(id, logsToo)
    },
    async close() {
      closing.abort(new Error("the driver is closed"))
      for (const stop of stopListening) stop()
      stopListening.clear()
    },
  }
}

const handleOf = (id: AttemptId): AttemptHandle => ({ attempt: id })
const idOf = (handle: AttemptHandle) =>
  (typeof handle["attempt"] === "string" ? handle["attempt"] : "") as AttemptId

function portInUse(port: number): AppError {
  return new AppError("unavailable", `Port ${port} is in use on this machine by another program.`, {
    detail: "port_in_use",
    facts: { port },
  })
}

function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true })
  })
}

function logOf(inside: WorldInside, handle: AttemptHandle, podId: string) {
  const found = inside.log(idOf(handle), podId)
  if (!found)
    throw new AppError("not_found", "Nothing is kept of this pod.", { resource: "pod", name: podId })
  return found
}

interface FollowContext {
  readonly inside: WorldInside
  readonly clock: Clock
  readonly handle: AttemptHandle
  readonly podId: string
  readonly signal: AbortSignal
}

async function* follow(context: FollowContext, first: LogQuery): AsyncGenerator<LogFollowItem, void> {
  const { inside, clock, handle, podId, signal } = context
  let query = first
  while (!signal.aborted) {
    const { log, wallOffsetMs, pod } = logOf(inside, handle, podId)
    const { state, exitCode, cause } = pod()
    const chunk = log.read(query, clock.monotonicMs(), wallOffsetMs)
    query = { ...query, fromOffset: chunk.nextOffset }
    if (chunk.lines.length > 0) {
      yield { kind: "lines", chunk }
      continue
    }
    if (state === "exited" || state === "lost") {
      yield { kind: "end", exitCode, cause }
      return
    }
    await news(context, log.nextLineMono(clock.monotonicMs()))
  }
}

/** Resolves when the attempt changes, when the instant comes, or with the signal. */
function news({ inside, clock, handle, signal }: FollowContext, atMono: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stop()
      cancel?.()
      signal.removeEventListener("abort", done)
      resolve()
    }
    const stop = inside.onChange((id) => {
      if (id === idOf(handle)) done()
    })
    const delayMs = Math.ceil(atMono - clock.monotonicMs())
    const cancel = atMono === Infinity ? undefined : clock.alarm(Math.max(0, delayMs), done, true)
    signal.addEventListener("abort", done, { once: true })
    if (signal.aborted) done()
  })
}
