import type { RayCluster } from "@berth/contract/berth"
import type { RayService } from "@berth/contract/kuberay"
import { collect } from "@berth/sdk"
import { clusterFailed, createLooks } from "./await-ray.ts"
import { patiently } from "./patience.ts"
import type { RaySession } from "./ray-place.ts"
import { createRayProgress } from "./ray-progress.ts"
import { serviceState } from "./ray-facts.ts"
import { applicationFault, createFaultWatch, serviceFault } from "./ray-service-faults.ts"
import { isStatus } from "./ray-templates.ts"
import { harmless, paint } from "./terminal.ts"

/** What a service is to be before the wait is over. */
export interface WantedService {
  readonly name: string
  /** Of its applications. */
  readonly applications: readonly string[]
  /** It served before: what it serves may still be the old. */
  readonly isUpdate: boolean
  /** How often it was given a configuration before (`timesGiven`); null: nothing new is to be given to it. */
  readonly givenBefore: number | null
  /** What was wrong before. */
  readonly faultsBefore: readonly string[]
}

/** What was running before runs on until the change is there: so long it must look well. */
const steadyMs = 3000
/** Of several changes one after the other not every one need be made. */
const ungivenMs = 15_000

/**
 * Waits until all applications of a service run, on the cluster that was asked for, and tells meanwhile what is done
 * for it. Survives restarts of the server.
 * @throws CliError when an application or the cluster has failed; the signal's reason when that aborts; BerthError
 */
export async function awaitService(
  session: RaySession,
  wanted: WantedService,
  signal: AbortSignal,
): Promise<RayService> {
  const { terminal, client, namespace } = session
  const { name, applications } = wanted
  const progress = createRayProgress(session)
  const looks = createLooks(signal)
  const isThere = createSteadiness(session, wanted)
  const throwFor = createFaultWatch(session, name, wanted.faultsBefore)
  let said = ""
  for (;;) {
    const service = await patiently(terminal, signal, () =>
      client.kuberay.getRayService({ namespace, name }, { signal }),
    )
    const newest = await patiently(terminal, signal, () => newestCluster(session, name, signal))
    const isNewest = newest?.name === service.rayServiceStatus?.rayClusterName
    const isGiven = wanted.givenBefore === null || timesGiven(service) > wanted.givenBefore
    if (isThere(isNewest && runsAll(service, applications), isGiven)) return service
    if (newest && newest.state !== "ready") await tellCluster(session, newest.name, progress, signal)
    const now = `${name} is ${serviceState(service)}`
    if (now !== said) terminal.err(`${paint(terminal, "dim", harmless(now))}\n`)
    said = now
    // where another cluster is to take over, this one's applications are of no account
    const own = isNewest ? applicationFault(service, applications) : null
    const told = await patiently(terminal, signal, () => serviceFault(session, name, signal))
    throwFor([own, told].filter((fault) => fault !== null))
    await looks.next()
  }
}

/** Told at each look whether all is well, and has had time to become otherwise; whether it has been so for long enough. */
function createSteadiness(
  { terminal }: RaySession,
  { isUpdate }: WantedService,
): (isWell: boolean, isGiven: boolean) => boolean {
  let sinceMs: number | null = null
  return (isWell, isGiven) => {
    sinceMs = isWell ? (sinceMs ?? terminal.nowMs()) : null
    const enoughMs = isGiven ? steadyMs : ungivenMs
    return sinceMs !== null && (!isUpdate || terminal.nowMs() - sinceMs >= enoughMs)
  }
}

/** How often Ray was given a configuration of the service, as its events tell. */
export function timesGiven({ rayServiceStatus: status }: RayService): number {
  const given = status?.rayServiceEvents.filter(({ reason }) => reason === "UpdatedServeApplications") ?? []
  return given.reduce((sum, { count }) => sum + count, 0)
}

function runsAll({ rayServiceStatus: status }: RayService, names: readonly string[]): boolean {
  const running = new Set(
    status?.serveApplicationStatus.filter((one) => one.status === "RUNNING").map((one) => one.name),
  )
  return running.size > 0 && names.every((name) => running.has(name))
}

/** The one that serves, or is to serve when it is ready: the last that was made for it. */
async function newestCluster(
  { client, namespace }: RaySession,
  service: string,
  signal: AbortSignal,
): Promise<RayCluster | undefined> {
  const clusters = await collect((page) => client.berth.rayClusters({ namespace, ...page }, { signal }))
  return clusters
    .filter(({ parent }) => parent?.kind === "service" && parent.name === service)
    .reduce<RayCluster | undefined>(
      (latest, one) => (latest && latest.createdAt >= one.createdAt ? latest : one),
      undefined,
    )
}

async function tellCluster(
  session: RaySession,
  name: string,
  progress: ReturnType<typeof createRayProgress>,
  signal: AbortSignal,
): Promise<void> {
  try {
    const cluster = await session.client.berth.rayCluster(session.namespace, name, { signal })
    await progress.tell(cluster, signal)
    if (cluster.state === "failed") throw clusterFailed(session, cluster)
  } catch (error) {
    // it has gone meanwhile
    if (!isStatus(error, 404)) throw error
  }
}
