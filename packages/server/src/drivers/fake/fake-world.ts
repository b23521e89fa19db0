import type { NodeFacts } from "../../domain/inventory/index.ts"
import type {
  AttemptId,
  AttemptLaunch,
  AttemptObservation,
  PodLaunch,
  PodObservation,
} from "../../domain/workloads/index.ts"
import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import { createTimers } from "../../kit/timers.ts"
import { createStartLedger } from "./fake-ledger.ts"
import type { FakeLog } from "./fake-log.ts"
import { createFakeLog } from "./fake-log.ts"
import type { FakePod, FakeProgram, StopReason } from "./fake-pod.ts"
import { endPod, isPodGone, nextMoveMono, observePod, startPod, stopPod } from "./fake-pod.ts"

/**
 * What happens to a call of `ensure`: it starts the pods, fails having started none (because the driver is down, or
 * because a port of a pod is taken), or never answers.
 */
type EnsureFate = "start" | "unavailable" | "port_in_use" | "hang"

/** Decides what attempts and pods do. Asked once per pod, and at each call of `ensure` of one not started. */
export interface FakeScript {
  /** Default: a pod that runs until it is stopped. */
  readonly pod?: (launch: AttemptLaunch, pod: PodLaunch) => FakeProgram
  /** Default: `start`. */
  readonly ensure?: (launch: AttemptLaunch) => EnsureFate
}

/**
 * The machines and processes that fake drivers look at: it outlives them, as processes outlive a server.
 * Any number of drivers, also one after the other, may use it.
 */
export interface FakeWorld {
  readonly clock: Clock
  /** Replaces the script for pods that start from now on. */
  use(script: FakeScript): void
  setNode(facts: NodeFacts): void
  /** From the next look on the node is healthy, or is not, with a sentence; no effect on one that is not there. */
  setNodeHealth(name: string, healthy: boolean, message?: string): void
  /** What the next looks read of the node's GPUs, in their order; GPUs beyond the list, and null, tell nothing. */
  setUtilisation(name: string, percents: readonly (number | null)[]): void
  /** The node is no longer there; its pods are lost. */
  removeNode(name: string): void
  /** Its pods are lost with cause `node_lost`, and its boot id changes. */
  reboot(name: string): void
  /** A sentence makes every look and every start fail with it; null ends that. */
  setDown(message: string | null): void
  /** Ends a running pod (all pods of the attempt without `podId`) now; code null is a process that vanishes. */
  end(id: AttemptId, exitCode: number | null, podId?: string): void
  /** Says from now on whether an application's pod is ready, whatever its program says. No effect once it is told to stop. */
  setReady(id: AttemptId, podId: string, ready: boolean): void
  /** Ends a running pod now as its failed liveness probe would: cause `unhealthy`, code 143. No effect once it is told to stop. */
  endUnhealthy(id: AttemptId, podId: string, message?: string): void
  /** Ends what is stuck or lingers: the attempt is gone now. */
  release(id: AttemptId): void
  /** Appends to a pod's log. */
  print(id: AttemptId, podId: string, text: string): void
  /** How often an attempt's pods were started: 0 or 1, or something is wrong. Kept when it is forgotten. */
  starts(id: AttemptId): number
  /** Attempts with a process now, in the order of their start. */
  live(): readonly AttemptId[]
  /** What no control plane may do, as sentences: two starts, a GPU in two live attempts, a node that is not there. */
  readonly violations: readonly string[]
  /** Started since the world began. */
  readonly startedAttempts: number
  /** For drivers. */
  readonly inside: WorldInside
}

/** What a driver needs of the world. */
export interface WorldInside {
  nodes(): readonly NodeFacts[]
  fate(launch: AttemptLaunch): EnsureFate
  has(id: AttemptId): boolean
  start(launch: AttemptLaunch): void
  stop(id: AttemptId, reason: StopReason, graceMs: number): void
  observe(id: AttemptId): AttemptObservation | undefined
  /** Also of an attempt that is forgotten, as long as its logs are kept. */
  log(id: AttemptId, podId: string): WorldLog | undefined
  forget(id: AttemptId, logsToo: boolean): void
  onChange(listener: (id: AttemptId) => void): () => void
}

interface WorldLog {
  readonly log: FakeLog
  readonly wallOffsetMs: number
  pod(): PodObservation
}

interface FakeAttempt {
  readonly id: AttemptId
  readonly pods: readonly FakePod[]
  readonly logs: Map<string, FakeLog>
  readonly wallOffsetMs: number
  isForgotten: boolean
}

export interface FakeWorldOptions {
  readonly clock: Clock
  readonly script?: FakeScript
  readonly nodes?: readonly NodeFacts[]
}

export function createFakeWorld(options: FakeWorldOptions): FakeWorld {
  const { clock } = options
  // Processes live by the time that passes, whatever is done to the wall clock.
  const timers = createTimers({ ...clock, nowMs: () => clock.monotonicMs() })
  const nodes = new Map((options.nodes ?? []).map((facts) => [facts.name, facts]))
  const attempts = new Map<AttemptId, FakeAttempt>()
  const ledger = createStartLedger((id) => {
    const holder = attempts.get(id)
    return holder !== undefined && !isGone(holder, clock.monotonicMs())
  })
  const listeners = new Set<(id: AttemptId) => void>()
  let script = options.script ?? {}
  let down: string | null = null
  let boots = 0
  let addresses = 0

  const isGone = ({ pods }: FakeAttempt, mono: number) => pods.every((pod) => isPodGone(pod, mono))
  const mustBeUp = () => {
    if (down !== null) throw new AppError("unavailable", down, { detail: "driver_down" })
  }

  function tell(attempt: FakeAttempt) {
    for (const listener of listeners) listener(attempt.id)
  }

  /** One timer an attempt, for the next instant at which any pod of it moves. */
  function arm(attempt: FakeAttempt) {
    const mono = clock.monotonicMs()
    let next = Infinity
    for (const pod of attempt.pods) next = Math.min(next, nextMoveMono(pod, mono))
    if (next === Infinity) timers.cancel(attempt.id)
    else timers.at(attempt.id, next, () => moved(attempt))
  }

  function moved(attempt: FakeAttempt) {
    if (isGone(attempt, clock.monotonicMs()))
      ledger.gone(
        attempt.id,
        attempt.pods.map(({ launch }) => launch),
      )
    tell(attempt)
    arm(attempt)
  }

  /** Something was done to it: what changed at once is told soon, never inside the call that did it. */
  function touched(attempt: FakeAttempt) {
    timers.at(attempt.id, clock.monotonicMs(), () => moved(attempt))
  }

  function start(launch: AttemptLaunch) {
    const mono = clock.monotonicMs()
    ledger.started(launch, (name) => nodes.has(name))
    const pods = launch.pods.map((pod) => startPod(pod, script.pod?.(launch, pod) ?? {}, nextAddress(), mono))
    const wallOffsetMs = clock.nowMs() - mono
    const attempt = { id: launch.id, pods, logs: new Map(), wallOffsetMs, isForgotten: false }
    attempts.set(launch.id, attempt)
    touched(attempt)
  }

  function nextAddress(): string {
    addresses = (addresses + 1) % 65_024
    return `127.64.${Math.floor(addresses / 254)}.${(addresses % 254) + 1}`
  }

  function change(name: string, by: (facts: NodeFacts) => Partial<NodeFacts>) {
    const facts = nodes.get(name)
    if (facts) nodes.set(name, { ...facts, ...by(facts) })
  }

  function loseNode(name: string) {
    const mono = clock.monotonicMs()
    for (const attempt of attempts.values())
      for (const pod of attempt.pods)
        if (pod.launch.nodeName === name && !isPodGone(pod, mono)) {
          endPod(pod, {
            atMono: mono,
            exitCode: 137,
            isLost: true,
            cause: "node_lost",
            message: "Its node was lost.",
          })
          pod.goneMono = mono
          touched(attempt)
        }
  }

  function known(id: AttemptId): FakeAttempt {
    const attempt = attempts.get(id)
    if (!attempt)
      throw new AppError("not_found", `No attempt ${id} in the fake world.`, {
        resource: "attempt",
        name: id,
      })
    return attempt
  }

  function podOf(attempt: FakeAttempt, podId: string): FakePod {
    const pod = attempt.pods.find(({ launch }) => launch.podId === podId)
    if (!pod)
      throw new AppError("not_found", `No pod ${podId} in ${attempt.id}.`, { resource: "pod", name: podId })
    return pod
  }

  function logOf(id: AttemptId, podId: string): WorldLog | undefined {
    const attempt = attempts.get(id)
    const pod = attempt?.pods.find(({ launch }) => launch.podId === podId)
    if (!attempt || !pod) return undefined
    const log = attempt.logs.get(podId) ?? createFakeLog(pod)
    attempt.logs.set(podId, log)
    const { wallOffsetMs } = attempt
    return { log, wallOffsetMs, pod: () => observePod(pod, clock.monotonicMs(), wallOffsetMs) }
  }

  function observe(attempt: FakeAttempt, pod: FakePod, mono: number): PodObservation {
    const { podId } = pod.launch
    // most pods of a simulation never print: they need no log
    const log = pod.program.lines ? logOf(attempt.id, podId)?.log : attempt.logs.get(podId)
    return observePod(pod, mono, attempt.wallOffsetMs, log?.lastLineMono(mono))
  }

  const inside: WorldInside = {
    nodes() {
      mustBeUp()
      return [...nodes.values()]
    },
    fate(launch) {
      mustBeUp()
      return script.ensure?.(launch) ?? "start"
    },
    has: (id) => attempts.get(id)?.isForgotten === false,
    start,
    stop(id, reason, graceMs) {
      const attempt = attempts.get(id)
      if (!attempt) return
      const mono = clock.monotonicMs()
      for (const pod of attempt.pods) {
        const isRunning = observePod(pod, mono, 0).state === "running"
        if (isRunning && pod.program.printsReason && !pod.stopReason)
          logOf(id, pod.launch.podId)?.log.print(`${reason.cause}: ${reason.message}`, mono)
        stopPod(pod, reason, mono, graceMs)
      }
      touched(attempt)
    },
    observe(id) {
      const attempt = attempts.get(id)
      if (!attempt || attempt.isForgotten) return undefined
      const mono = clock.monotonicMs()
      return {
        pods: attempt.pods.map((pod) => observe(attempt, pod, mono)),
        isGone: isGone(attempt, mono),
      }
    },
    log: logOf,
    forget(id, logsToo) {
      const attempt = attempts.get(id)
      if (!attempt) return
      if (!isGone(attempt, clock.monotonicMs()))
        ledger.violate(`attempt ${id} was forgotten while it was running`)
      attempt.isForgotten = true
      timers.cancel(id)
      // Logs stay until they are removed too; where there are none there is nothing to keep.
      const hasLog = attempt.logs.size > 0 || attempt.pods.some(({ program }) => program.lines !== undefined)
      if (logsToo || !hasLog) attempts.delete(id)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }

  return {
    clock,
    inside,
    use(next) {
      script = next
    },
    setNode: (facts) => void nodes.set(facts.name, facts),
    setNodeHealth(name, healthy, message = "A GPU is lost.") {
      change(name, () => ({ healthy, healthMessage: healthy ? "" : message }))
    },
    setUtilisation(name, percents) {
      change(name, ({ gpus }) => ({
        gpus: gpus.map((gpu, at) => ({ ...gpu, utilisationPercent: percents[at] ?? null })),
      }))
    },
    removeNode(name) {
      nodes.delete(name)
      loseNode(name)
    },
    reboot(name) {
      change(name, ({ bootId }) => ({ bootId: `${bootId.split("+")[0]}+${++boots}` }))
      loseNode(name)
    },
    setDown(message) {
      down = message
    },
    end(id, exitCode, podId) {
      const attempt = known(id)
      const isLost = exitCode === null
      const end = {
        atMono: clock.monotonicMs(),
        exitCode: exitCode ?? 137,
        isLost,
        cause: isLost ? "lost" : null,
        message: "",
      } as const
      for (const pod of attempt.pods) if (podId === undefined || pod.launch.podId === podId) endPod(pod, end)
      touched(attempt)
    },
    setReady(id, podId, ready) {
      const attempt = known(id)
      podOf(attempt, podId).readyByHand = ready
      touched(attempt)
    },
    endUnhealthy(id, podId, message = "The liveness probe failed 3 times in a row: status 500.") {
      const attempt = known(id)
      const pod = podOf(attempt, podId)
      const atMono = clock.monotonicMs()
      if (pod.stopReason || observePod(pod, atMono, 0).state !== "running") return
      endPod(pod, { atMono, exitCode: 143, isLost: false, cause: "unhealthy", message })
      touched(attempt)
    },
    release(id) {
      const attempt = known(id)
      const mono = clock.monotonicMs()
      for (const pod of attempt.pods) {
        endPod(pod, { atMono: mono, exitCode: 137, isLost: false, cause: null, message: "" })
        pod.goneMono = Math.min(pod.goneMono, mono)
      }
      touched(attempt)
    },
    print(id, podId, text) {
      const attempt = known(id)
      podOf(attempt, podId)
      logOf(id, podId)?.log.print(text, clock.monotonicMs())
      touched(attempt)
    },
    starts: ledger.starts,
    live() {
      const mono = clock.monotonicMs()
      return [...attempts.values()].filter((attempt) => !isGone(attempt, mono)).map(({ id }) => id)
    },
    violations: ledger.violations,
    get startedAttempts() {
      return ledger.attempts
    },
  }
}
