import type {
  RayHeadAddress,
  RayNodeView,
  RayPodId,
  RayPodLaunch,
  RayPodObservation,
  RayRuntimeWanted,
} from "../../domain/ray/index.ts"
import type { PodLaunch } from "../../domain/workloads/index.ts"
import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import { createTimers } from "../../kit/timers.ts"
import type { FakePod, StopReason } from "./fake-pod.ts"
import { endPod, isPodGone, nextMoveMono, observePod, startPod, stopPod } from "./fake-pod.ts"
import type { DashboardMood, FakeRayHead } from "./fake-ray-head.ts"
import { createFakeRayHead, headAddress } from "./fake-ray-head.ts"
import type { JobOutcome } from "./fake-ray-job.ts"
import type { EnsureFate, FakeInstall, FakeRayScript } from "./fake-ray-script.ts"
import type { ApplicationStatus } from "./fake-ray-serve.ts"

/** The machine that fake Ray backends look at: it outlives them, as processes outlive a server. */
export interface FakeRayWorld {
  readonly clock: Clock
  /** Replaces the script for what starts from now on. */
  use(script: FakeRayScript): void
  /** Ends a running pod now; code null is a process that vanishes. A head takes its jobs and applications with it. */
  end(id: RayPodId, exitCode: number | null): void
  /** Its start was not one, as when a program dies before it has said who it is: it is prepared, and waits to be started. */
  unstart(id: RayPodId): void
  /** Ends what is stuck or lingers: it is gone now. */
  release(id: RayPodId): void
  /** How the dashboard of a head answers from now on. */
  setDashboard(id: RayPodId, mood: DashboardMood): void
  /** Ends a submission now. */
  finishJob(id: RayPodId, submissionId: string, outcome: JobOutcome, message?: string): void
  /** Has an application be so, until its part of the wanted state changes. */
  setApplication(id: RayPodId, name: string, status: ApplicationStatus, message?: string): void
  /** How often the head was given a state of Serve. */
  servesApplied(id: RayPodId): number
  /** How often a pod was started: 0 or 1, or something is wrong. Kept when it is forgotten. */
  starts(id: RayPodId): number
  /** How often a version was really installed. */
  installs(version: string): number
  /** Pods with a process now, in the order of their start. */
  live(): readonly RayPodLaunch[]
  /** What no control plane may do, as sentences. */
  readonly violations: readonly string[]
  /** For backends. */
  readonly inside: RayWorldInside
}

/** What a backend needs of the world. */
export interface RayWorldInside {
  install(want: RayRuntimeWanted): FakeInstall
  isInstalled(version: string): boolean
  installed(version: string): void
  fate(launch: RayPodLaunch): EnsureFate
  has(id: RayPodId): boolean
  /** It is known, and was not started. */
  isPrepared(id: RayPodId): boolean
  start(launch: RayPodLaunch): void
  /** Of a head that was started; null for a worker. */
  address(id: RayPodId): RayHeadAddress | null
  stop(id: RayPodId, reason: StopReason, graceMs: number): void
  observe(id: RayPodId): RayPodObservation | undefined
  forget(id: RayPodId): void
  /** undefined = nothing is kept. */
  log(id: RayPodId): string | undefined
  /** The running head that listens there, or nobody does. */
  headAt(dashboardUrl: string): FakeRayHead | undefined
  onChange(listener: (id: RayPodId) => void): () => void
}

interface Kept {
  readonly launch: RayPodLaunch
  readonly pod: FakePod
  readonly head: FakeRayHead | null
  readonly upMono: number
  readonly wallOffsetMs: number
  workersAreTold: boolean
}

const notStarted: RayPodObservation = {
  state: "waiting",
  startedAtMs: null,
  exitCode: null,
  cause: null,
  message: "",
  isGone: false,
}

/** Ray's workers end this long after their head. */
const headLossMs = 60_000

export function createFakeRayWorld(options: {
  readonly clock: Clock
  readonly script?: FakeRayScript
}): FakeRayWorld {
  const { clock } = options
  let script = options.script ?? {}
  const mono = () => clock.monotonicMs()
  const timers = createTimers({ ...clock, nowMs: mono })
  const pods = new Map<RayPodId, Kept>()
  const starts = new Map<RayPodId, number>()
  const prepared = new Set<RayPodId>()
  const installs = new Map<string, number>()
  const violations: string[] = []
  const listeners = new Set<(id: RayPodId) => void>()
  const isRunning = ({ pod }: Kept) => observePod(pod, mono(), 0).state === "running"
  const liveKept = () => [...pods.values()].filter(({ pod }) => !isPodGone(pod, mono()))

  /** Tells of it, and sets the timer for the next instant at which it moves. */
  function touched(kept: Kept) {
    const { id } = kept.launch
    for (const listener of listeners) listener(id)
    const end = kept.pod.end
    if (kept.head && end && end.atMono <= mono() && !kept.workersAreTold) endWorkers(kept, kept.head)
    const next = nextMoveMono(kept.pod, mono())
    if (next === Infinity) timers.cancel(id)
    else timers.at(id, next, () => touched(kept))
  }

  function endWorkers(lost: Kept, head: FakeRayHead) {
    lost.workersAreTold = true
    for (const worker of pods.values()) {
      if (worker.launch.head?.gcs !== head.address.gcs || worker.pod.startMono > mono()) continue
      endPod(worker.pod, {
        atMono: mono() + headLossMs,
        exitCode: 1,
        isLost: false,
        cause: null,
        message: "Its head is gone.",
      })
      timers.at(worker.launch.id, nextMoveMono(worker.pod, mono()), () => touched(worker))
    }
  }

  function known(id: RayPodId): Kept {
    const kept = pods.get(id)
    if (kept) return kept
    throw new AppError("not_found", `No pod ${id} in the fake world.`, { resource: "pod", name: id })
  }
  function headOf(id: RayPodId): FakeRayHead {
    const { head } = known(id)
    if (head) return head
    throw new AppError("not_found", `The pod ${id} is no head.`, { resource: "pod", name: id })
  }

  function nodesOf(address: RayHeadAddress): readonly RayNodeView[] {
    const belongs = ({ launch, head }: Kept) => (head?.address ?? launch.head)?.gcs === address.gcs
    return [...pods.values()]
      .filter((kept) => belongs(kept) && kept.upMono <= mono() && kept.pod.startMono <= mono())
      .map((kept) => ({
        name: kept.launch.name,
        isHead: kept.head !== null,
        isAlive: isRunning(kept),
        message: isRunning(kept) ? "" : "Unexpected termination: health check failed.",
      }))
  }

  function check(launch: RayPodLaunch) {
    if ((starts.get(launch.id) ?? 0) > 0) violations.push(`pod ${launch.id} was started twice`)
    for (const { launch: other } of liveKept()) {
      if (launch.portBlock !== null && other.portBlock === launch.portBlock)
        violations.push(`pods ${other.id} and ${launch.id} have block ${launch.portBlock} at once`)
      if (other.name === launch.name) violations.push(`two live pods are called ${launch.name}`)
      const shared = launch.gpuIndexes.filter((gpu) => other.gpuIndexes.includes(gpu))
      if (other.nodeName === launch.nodeName && shared.length > 0)
        violations.push(`pods ${other.id} and ${launch.id} have GPU ${shared.join(", ")} at once`)
    }
  }

  function start(launch: RayPodLaunch) {
    check(launch)
    prepared.delete(launch.id)
    starts.set(launch.id, (starts.get(launch.id) ?? 0) + 1)
    const program = script.pod?.(launch) ?? {}
    const pod = startPod(podLaunchOf(launch), program, "127.0.0.1", mono())
    const upMono = pod.startMono + (program.upAfterMs ?? 0)
    const address = headAddress(launch.portBlock ?? starts.size)
    const { job, application } = script
    const head =
      launch.head === null
        ? createFakeRayHead({
            clock,
            launch,
            address,
            upMono,
            job: (submit) => job?.(submit, launch) ?? {},
            application: (name) => application?.(name, launch) ?? {},
            nodes: () => nodesOf(address),
          })
        : null
    const wallOffsetMs = clock.nowMs() - mono()
    const kept = { launch, pod, head, upMono, wallOffsetMs, workersAreTold: false }
    pods.set(launch.id, kept)
    touched(kept)
  }

  const inside: RayWorldInside = {
    install: (want) => script.install?.(want) ?? {},
    isInstalled: (version) => installs.has(version),
    installed: (version) => void installs.set(version, (installs.get(version) ?? 0) + 1),
    fate(launch) {
      const isTaken = liveKept().some((other) => other.launch.portBlock === launch.portBlock)
      if (launch.portBlock !== null && isTaken) return "port_in_use"
      return script.ensure?.(launch) ?? "start"
    },
    has: (id) => pods.has(id),
    isPrepared: (id) => prepared.has(id),
    start,
    address: (id) => pods.get(id)?.head?.address ?? null,
    stop(id, reason, graceMs) {
      prepared.delete(id)
      const kept = pods.get(id)
      if (!kept) return
      stopPod(kept.pod, reason, mono(), graceMs)
      touched(kept)
    },
    observe(id) {
      if (prepared.has(id)) return notStarted
      const kept = pods.get(id)
      if (!kept) return undefined
      const { state, startedAtMs, exitCode, cause, message } = observePod(kept.pod, mono(), kept.wallOffsetMs)
      return { state, startedAtMs, exitCode, cause, message, isGone: isPodGone(kept.pod, mono()) }
    },
    forget(id) {
      prepared.delete(id)
      const kept = pods.get(id)
      if (!kept) return
      if (!isPodGone(kept.pod, mono())) violations.push(`pod ${id} was forgotten while it was running`)
      timers.cancel(id)
      pods.delete(id)
    },
    log(id) {
      const kept = pods.get(id)
      if (!kept) return undefined
      const lines = kept.pod.program.lines ?? []
      const written = lines.filter(({ afterMs }) => kept.pod.startMono + afterMs <= mono())
      return written.map(({ text }) => `${text}\n`).join("")
    },
    headAt(url) {
      const isThere = (kept: Kept) => kept.head?.address.dashboardUrl === url && isRunning(kept)
      const head = [...pods.values()].find(isThere)?.head
      return head && head.upMono <= mono() ? head : undefined
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }

  return {
    clock,
    inside,
    violations,
    use(next) {
      script = next
    },
    end(id, exitCode) {
      const kept = known(id)
      const isLost = exitCode === null
      endPod(kept.pod, {
        atMono: mono(),
        exitCode: exitCode ?? 137,
        isLost,
        cause: isLost ? "lost" : null,
        message: isLost ? "It is gone and left no exit code." : "",
      })
      touched(kept)
    },
    unstart(id) {
      const { launch } = known(id)
      timers.cancel(id)
      pods.delete(id)
      starts.delete(id)
      prepared.add(launch.id)
    },
    release(id) {
      const kept = known(id)
      endPod(kept.pod, { atMono: mono(), exitCode: 137, isLost: false, cause: null, message: "" })
      kept.pod.goneMono = Math.min(kept.pod.goneMono, mono())
      touched(kept)
    },
    setDashboard(id, mood) {
      headOf(id).mood = mood
    },
    finishJob: (id, submissionId, outcome, message = "") => headOf(id).finish(submissionId, outcome, message),
    setApplication: (id, name, status, message = "") => headOf(id).serve.set(name, status, message),
    servesApplied: (id) => headOf(id).serve.applied,
    starts: (id) => starts.get(id) ?? 0,
    installs: (version) => installs.get(version) ?? 0,
    live: () => liveKept().map(({ launch }) => launch),
  }
}

function podLaunchOf({ id, nodeName, gpuIndexes, size }: RayPodLaunch): PodLaunch {
  return { podId: id, index: 0, nodeName, gpuIndexes, size, containerName: "ray", ports: [], probes: null }
}
