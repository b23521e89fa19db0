import { AppError } from "../../kit/errors.ts"
import type { Operation, Principal } from "../identity/index.ts"
import type { Store } from "../journal/index.ts"
import type { WorkloadService } from "./commands.ts"
import { isApplication } from "./states.ts"
import { mainContainerOf } from "./naming.ts"
import type { LogFollowItem, LogQuery, PodDriver } from "./driver.ts"
import type { Attempt, Workload, WorkloadStore } from "./types.ts"
import { attemptChanged } from "./types.ts"

type PodLogs = Pick<WorkloadService, "readLog" | "followLog" | "containers">

/**
 * What pods wrote, of this attempt or an earlier one (reference/workloads.md 7).
 * @param visible the workload of a shown id, for a principal with the right to it
 */
export function createPodLogs(
  options: {
    readonly store: Store
    readonly rows: WorkloadStore
    readonly drivers: ReadonlyMap<string, PodDriver>
  },
  visible: (principal: Principal, id: string, operation: Operation) => Promise<Workload>,
): PodLogs {
  const { store, rows } = options

  async function podOf(
    principal: Principal,
    id: string,
    podId: string,
    run: number | undefined,
    operation: Operation,
  ): Promise<{ readonly workload: Workload; readonly attempt: Attempt }> {
    const workload = await visible(principal, id, operation)
    const attempts = await rows.attempts(store.committed, workload.key)
    const attempt = attemptOf(workload, attempts, podId, run)
    if (!attempt || !hasPod(attempt, podId))
      throw new AppError("not_found", `pods "${podId}" not found`, { resource: "pod", name: podId })
    return { workload, attempt }
  }

  async function logSource(
    principal: Principal,
    id: string,
    podId: string,
    given: { readonly container: string; readonly run?: number },
  ) {
    const { workload, attempt } = await podOf(principal, id, podId, given.run, "workload.logs")
    const container = mainContainerOf(workload.kind)
    if (given.container !== "" && given.container !== container)
      throw invalidContainer(`container ${given.container} is not valid for pod ${podId}`)
    const driver = options.drivers.get(attempt.clusterId)
    if (driver) return { driver, attempt, container }
    throw new AppError("unavailable", `There is no driver for the cluster ${attempt.clusterId}.`)
  }

  /** The attempt once the driver has it, or once it is over without that; event-driven, ends with the signal. */
  function handed(attempt: Attempt, signal: AbortSignal): Promise<Attempt> {
    return new Promise((resolve, reject) => {
      const settle = (row: Attempt | undefined) => {
        if (row && row.handle === null && row.state !== "gone") return
        off()
        signal.removeEventListener("abort", onAbort)
        if (row) resolve(row)
        else reject(signal.reason as Error)
      }
      const onAbort = () => settle(undefined)
      const off = store.subscribe(attemptChanged, (row) => {
        if (row.id === attempt.id) settle(row)
      })
      signal.addEventListener("abort", onAbort, { once: true })
      // what changed between the caller's look and the subscription
      rows.attempt(store.committed, attempt.id).then(settle, reject)
      if (signal.aborted) onAbort()
    })
  }

  async function* followPod(
    source: { readonly driver: PodDriver; readonly attempt: Attempt },
    podId: string,
    query: LogQuery,
    signal: AbortSignal,
  ): AsyncIterable<LogFollowItem> {
    const attempt = source.attempt.handle === null ? await handed(source.attempt, signal) : source.attempt
    if (attempt.handle === null) yield { kind: "end", exitCode: null, cause: attempt.cause }
    else yield* source.driver.followLog(attempt.handle, podId, query, signal)
  }

  return {
    async readLog(principal, id, podId, given) {
      const { driver, attempt, container } = await logSource(principal, id, podId, given)
      if (attempt.handle === null)
        throw invalidContainer(
          `container "${container}" in pod "${podId}" is waiting to start: ContainerCreating`,
        )
      return driver.readLog(attempt.handle, podId, given.query)
    },
    async followLog(principal, id, podId, given, signal) {
      return followPod(await logSource(principal, id, podId, given), podId, given.query, signal)
    },
    async containers(principal, id, podId) {
      const { workload } = await podOf(principal, id, podId, undefined, "workload.get")
      return [mainContainerOf(workload.kind)]
    },
  }
}

/** The run that was asked for, else the latest; each pod of an application counts its own. */
function attemptOf(
  workload: Workload,
  attempts: readonly Attempt[],
  podId: string,
  run: number | undefined,
): Attempt | undefined {
  if (isApplication(workload.kind))
    return attempts.findLast((one) => hasPod(one, podId) && (run === undefined || one.run === run))
  return run === undefined ? attempts.at(-1) : attempts.find((one) => one.run === run)
}

function hasPod(attempt: Attempt, podId: string): boolean {
  return attempt.pods.some((pod) => pod.podId === podId)
}

function invalidContainer(message: string): AppError {
  return new AppError("invalid", message, { detail: "container", issues: [{ path: ["container"], message }] })
}
