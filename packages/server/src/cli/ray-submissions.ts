import type { JobSubmissionInfo } from "@berth/contract/kuberay"
import { encodeBody, JobSubmissionInfoSchema } from "@berth/contract/kuberay"
import { BerthError } from "@berth/sdk"
import { age } from "./human.ts"
import type { Column } from "./output.ts"
import { renderTable, writeFacts } from "./output.ts"
import { heading, shortMessage } from "./ray-facts.ts"
import type { RaySession } from "./ray-place.ts"
import { harmless } from "./terminal.ts"

/** `berth ray status CLUSTER/SUBMISSION`. @throws BerthError */
export async function showSubmission(
  { terminal, client, namespace, form }: RaySession,
  {
    cluster: clustername,
    submissionId: submissionid,
  }: { readonly cluster: string; readonly submissionId: string },
): Promise<void> {
  const info = await client.kuberay.getJobDetails({ namespace, clustername, submissionid })
  const nowMs = terminal.nowMs()
  await writeFacts(terminal, form, JSON.parse(encodeBody(JobSubmissionInfoSchema, info)), [
    ["submission", info.submissionId],
    ["namespace", namespace],
    ["cluster", clustername],
    ["state", info.status],
    ["message", shortMessage(info.message)],
    ["command", info.entrypoint],
    ["started", since(info.startTime, nowMs)],
    ["ended", since(info.endTime, nowMs)],
  ])
}

/** More than are looked at; `-o json` of the API has all. */
const mostShown = 10

/** What was sent to a cluster that is ready, the newest first; a head that does not answer is said. */
export async function showSubmissions(session: RaySession, clustername: string): Promise<void> {
  const { terminal, client, namespace } = session
  try {
    const { submissions } = await client.kuberay.listJobDetails({ namespace, clustername })
    if (submissions.length === 0) return
    const newest = submissions.toSorted((a, b) => Number(b.startTime - a.startTime)).slice(0, mostShown)
    heading(
      session,
      newest.length < submissions.length ? `submissions, the last ${mostShown}` : "submissions",
    )
    terminal.out(`${await renderTable(terminal, columns(clustername, terminal.nowMs()), newest)}\n`)
  } catch (error) {
    if (!(error instanceof BerthError)) throw error
    heading(session, "submissions")
    terminal.out(`${harmless(error.message)}\n`)
  }
}

function columns(cluster: string, nowMs: number): readonly Column<JobSubmissionInfo>[] {
  return [
    { title: "SUBMISSION", cell: (one) => `${cluster}/${one.submissionId}` },
    { title: "STATE", cell: (one) => one.status },
    { title: "STARTED", cell: (one) => since(one.startTime, nowMs), align: "right" },
    { title: "COMMAND", cell: (one) => shortCommand(one.entrypoint) },
  ]
}

const mostLetters = 60

function shortCommand(text: string): string {
  const line = text.replaceAll(/\s+/g, " ")
  return line.length > mostLetters ? `${line.slice(0, mostLetters - 1)}…` : line
}

function since(atMs: bigint, nowMs: number): string {
  return atMs === 0n ? "-" : `${age(new Date(Number(atMs)).toISOString(), nowMs)} ago`
}
