import { CliError, usageError } from "../cli-error.ts"
import { exitCodes } from "../exit-codes.ts"
import { untilDetached } from "../follow-workload.ts"
import { logText } from "../log-text.ts"
import { findRay } from "../ray-find.ts"
import type { RayJobSource } from "../ray-follow.ts"
import { followRayJob, rayJobSource, submissionSource } from "../ray-follow.ts"
import type { RaySession } from "../ray-place.ts"
import { connectRay, whereFlag } from "../ray-place.ts"
import type { Terminal } from "../terminal.ts"
import { splitSubmission } from "../ray-submission.ts"
import type { RayOneOptions } from "./ray-status.ts"

export interface RayLogsOptions extends RayOneOptions {
  readonly follow?: boolean
  readonly pod?: string
}

/** `berth ray logs`: of a job, of a submission as CLUSTER/SUBMISSION, or of a cluster's head or other pod. */
export async function rayLogs(terminal: Terminal, name: string, options: RayLogsOptions): Promise<number> {
  const session = await connectRay(terminal, options)
  const submission = splitSubmission(name)
  if (submission) {
    const { cluster, submissionId } = submission
    return showJob(session, submissionSource(session, cluster, submissionId), options)
  }
  const kind = options.pod === undefined ? options.kind : "cluster"
  const found = await findRay(session, name, kind)
  if (found.kind === "job") return showJob(session, rayJobSource(session, name), options)
  if (options.follow) throw usageError("-f follows a job or a submission, not a pod.")
  const cluster = found.kind === "cluster" ? found.name : servedBy(found.service)
  return showPod(session, cluster, options.pod)
}

function servedBy({
  name,
  rayServiceStatus: status,
}: {
  readonly name: string
  readonly rayServiceStatus?: { readonly rayClusterName: string } | undefined
}): string {
  if (status && status.rayClusterName !== "") return status.rayClusterName
  throw new CliError(`No Ray cluster serves ${name} yet.`, `\`berth ray why ${name}\` says why.`)
}

async function showJob(
  session: RaySession,
  source: RayJobSource,
  { follow }: RayLogsOptions,
): Promise<number> {
  const { shownId } = source
  const where = whereFlag(session)
  if (follow)
    return untilDetached(session, shownId, (signal) => followRayJob(session, source, signal), [
      ["come back", `berth ray logs -f ${shownId}${where}`],
      ["stop it", `berth ray stop ${shownId}${where}`],
    ])
  const { terminal } = session
  terminal.out(logText(terminal, await source.log(new AbortController().signal)))
  await terminal.drained()
  return exitCodes.ok
}

/** The head's where none is named. */
async function showPod(session: RaySession, name: string, said: string | undefined): Promise<number> {
  const { terminal, client, namespace } = session
  const { pods } = await client.berth.rayCluster(namespace, name)
  const pod = said ?? pods.find(({ group }) => group === "head")?.name
  if (pod === undefined) throw new CliError(`${name} has no head now.`, `\`berth ray why ${name}\` says why.`)
  terminal.out(logText(terminal, await client.berth.rayPodLog(namespace, name, pod)))
  await terminal.drained()
  return exitCodes.ok
}
