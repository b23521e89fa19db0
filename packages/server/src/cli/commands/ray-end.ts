import { CliError, usageError } from "../cli-error.ts"
import { writeDone } from "../output.ts"
import type { RayFound } from "../ray-find.ts"
import { findRay } from "../ray-find.ts"
import type { RayOptions, RaySession } from "../ray-place.ts"
import { connectRay, whereFlag } from "../ray-place.ts"
import { splitSubmission } from "../ray-submission.ts"
import type { Terminal } from "../terminal.ts"
import type { RayOneOptions } from "./ray-status.ts"

/** `berth ray stop`: ends what a job or a submission runs; both can still be read. */
export async function rayStop(
  terminal: Terminal,
  names: readonly string[],
  options: RayOptions,
): Promise<void> {
  const session = await connectRay(terminal, options)
  for (const name of names) {
    const { cluster: clustername, submissionId: submissionid } =
      splitSubmission(name) ?? (await submissionOfJob(session, name))
    const { namespace } = session
    await session.client.kuberay.stopJobSubmission({ namespace, clustername, submissionid })
    await writeDone(terminal, session.form, `${name} is told to stop.`, { stopped: name })
  }
}

async function submissionOfJob(session: RaySession, name: string) {
  const found = await findRay(session, name, undefined)
  if (found.kind !== "job")
    throw usageError(
      `${name} is a ${found.kind}: only jobs and submissions are stopped.`,
      `End it: berth ray rm ${name}${whereFlag(session)}`,
    )
  const { rayClusterName, jobId, jobStatus } = found.job
  if (jobStatus !== "") return { cluster: rayClusterName, submissionId: jobId }
  throw new CliError(
    `The job ${name} has not begun.`,
    `Take it away: berth ray rm ${name}${whereFlag(session)}`,
  )
}

/** `berth ray rm`: deletes clusters, jobs with theirs, services and submissions; what runs there is ended. */
export async function rayRemove(
  terminal: Terminal,
  names: readonly string[],
  options: RayOneOptions,
): Promise<void> {
  const session = await connectRay(terminal, options)
  // nothing goes unless all of them are there
  const found: (RayFound | Submission)[] = []
  for (const name of names)
    found.push((await findSubmission(session, name)) ?? (await findRay(session, name, options.kind)))
  for (const one of found) {
    await remove(session, one)
    await writeDone(terminal, session.form, `The Ray ${one.kind} ${one.name} is deleted.`, {
      kind: one.kind,
      name: one.name,
    })
  }
}

interface Submission {
  readonly kind: "submission"
  readonly name: string
  readonly at: { readonly namespace: string; readonly clustername: string; readonly submissionid: string }
}

/** undefined for a name without a slash. @throws BerthError for one that is not there */
async function findSubmission(
  { client, namespace }: RaySession,
  name: string,
): Promise<Submission | undefined> {
  const parts = splitSubmission(name)
  if (!parts) return undefined
  const at = { namespace, clustername: parts.cluster, submissionid: parts.submissionId }
  await client.kuberay.getJobDetails(at)
  return { kind: "submission", name, at }
}

async function remove({ client, namespace }: RaySession, one: RayFound | Submission): Promise<void> {
  const { kind, name } = one
  switch (kind) {
    case "submission":
      await client.kuberay.deleteJobSubmission(one.at)
      return
    case "cluster":
      await client.kuberay.deleteCluster({ namespace, name })
      return
    case "job":
      await client.kuberay.deleteRayJob({ namespace, name })
      return
    case "service":
      await client.kuberay.deleteRayService({ namespace, name })
      return
  }
}
