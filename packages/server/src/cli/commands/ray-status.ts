import type { RayClusterDetail } from "@berth/contract/berth"
import type { RayJob, RayService } from "@berth/contract/kuberay"
import { usageError } from "../cli-error.ts"
import { age } from "../human.ts"
import { renderTable, writeFacts, writeValue } from "../output.ts"
import { directUrl } from "../ray-addresses.ts"
import { serviceFault } from "../ray-service-faults.ts"
import { showServiceStatus } from "../ray-service-status.ts"
import {
  clusterState,
  eventColumns,
  explainLines,
  heading,
  jobState,
  podColumns,
  serviceState,
  serviceTrouble,
  whyLines,
} from "../ray-facts.ts"
import { findRay } from "../ray-find.ts"
import type { RayOptions, RaySession } from "../ray-place.ts"
import { connectRay, instantOf, jobValue, serviceValue, whereFlag } from "../ray-place.ts"
import { splitSubmission } from "../ray-submission.ts"
import { showSubmission, showSubmissions } from "../ray-submissions.ts"
import type { Terminal } from "../terminal.ts"
import { harmless } from "../terminal.ts"

export interface RayOneOptions extends RayOptions {
  readonly kind?: string
}

type Fact = readonly [name: string, value: string]

/** `berth ray status`: one cluster with its pods, submissions and events, a job, a service or a submission. */
export async function rayStatus(terminal: Terminal, name: string, options: RayOneOptions): Promise<void> {
  const session = await connectRay(terminal, options)
  const submission = splitSubmission(name)
  if (submission) return showSubmission(session, submission)
  const found = await findRay(session, name, options.kind)
  switch (found.kind) {
    case "cluster":
      return showCluster(session, found.cluster)
    case "job":
      return showJob(session, found.job)
    case "service":
      return showService(session, found.service)
  }
}

/** `berth ray why`: why it waits, and what happened to it. */
export async function rayWhy(terminal: Terminal, name: string, options: RayOneOptions): Promise<void> {
  const session = await connectRay(terminal, options)
  if (splitSubmission(name))
    throw usageError(
      `${name} is a submission: it waits for nothing but Ray.`,
      `How it is: berth ray status ${name}${whereFlag(session)}`,
    )
  const found = await findRay(session, name, options.kind)
  const { kind } = found
  const why = await session.client.berth.explainRay(`ray-${kind}`, session.namespace, name)
  if (session.form !== "table") return writeValue(terminal, session.form, why)
  const trouble = found.kind === "service" && why.message === "" ? serviceTrouble(found.service) : ""
  for (const line of explainLines(terminal, { ...why, message: why.message || trouble }))
    terminal.out(`${line}\n`)
}

async function showCluster(session: RaySession, cluster: RayClusterDetail): Promise<void> {
  const { terminal, client, namespace, form } = session
  if (form !== "table") return writeValue(terminal, form, cluster)
  const nowMs = terminal.nowMs()
  await writeFacts(terminal, form, cluster, clusterFactsOf(session, cluster))
  if (cluster.state !== "ready" && cluster.state !== "failed") {
    const why = await client.berth.explainRay("ray-cluster", namespace, cluster.name)
    for (const line of whyLines(why)) terminal.out(`${harmless(line)}\n`)
  }
  if (cluster.pods.length > 0) {
    heading(session, "pods")
    terminal.out(`${await renderTable(terminal, podColumns(nowMs), cluster.pods)}\n`)
  }
  if (cluster.state === "ready") await showSubmissions(session, cluster.name)
  if (cluster.events.length > 0) {
    heading(session, "events")
    terminal.out(`${await renderTable(terminal, eventColumns(nowMs), cluster.events)}\n`)
  }
}

function clusterFactsOf(session: RaySession, cluster: RayClusterDetail): readonly Fact[] {
  const { client, terminal } = session
  const { parent, endpoints, namespace, name } = cluster
  const ports = Object.entries(endpoints).map(([port, number]) => `${port} ${number}`)
  return [
    ["cluster", name],
    ["namespace", namespace],
    ["state", clusterState(cluster)],
    ...said("message", cluster.message),
    ["Ray", cluster.rayVersion || "by its image"],
    ["user", cluster.user],
    ...(parent === null ? [] : [["made for", `${parent.kind} ${parent.name}`] as const]),
    ["age", age(cluster.createdAt, terminal.nowMs())],
    ...(cluster.readyAt === null ? [] : [["ready for", age(cluster.readyAt, terminal.nowMs())] as const]),
    ...(cluster.headFailures === 0 ? [] : [["heads lost", String(cluster.headFailures)] as const]),
    ...(cluster.state === "ready"
      ? [["dashboard", `${client.berth.rayDashboardUrl(namespace, name)}/`] as const]
      : []),
    ...said("ports", ports.join(", ")),
  ]
}

const said = (name: string, value: string): readonly Fact[] => (value === "" ? [] : [[name, value]])

async function showJob({ terminal, form }: RaySession, job: RayJob): Promise<void> {
  const nowMs = terminal.nowMs()
  await writeFacts(terminal, form, jobValue(job), [
    ["job", job.name],
    ["namespace", job.namespace],
    ["state", jobState(job)],
    ...said("message", job.message),
    ["command", job.entrypoint],
    ["cluster", job.rayClusterName || "-"],
    ...said("submission", job.jobId),
    ["user", job.user],
    ["age", age(instantOf(job.createdAt), nowMs)],
    ["started", sinceText(job.startTime, nowMs)],
    ["ended", sinceText(job.endTime, nowMs)],
  ])
}

function sinceText(time: Parameters<typeof instantOf>[0], nowMs: number): string {
  const instant = instantOf(time)
  return instant === null ? "-" : `${age(instant, nowMs)} ago`
}

async function showService(session: RaySession, service: RayService): Promise<void> {
  const { terminal, form } = session
  const { rayServiceStatus: status } = service
  const port = status?.serviceEndpoint["serve"] ?? ""
  const fault = form === "table" ? await serviceFault(session, service.name) : null
  await writeFacts(terminal, form, serviceValue(service), [
    ["service", service.name],
    ["namespace", service.namespace],
    ["state", serviceState(service)],
    ...said("message", fault ?? ""),
    ["cluster", status?.rayClusterName || "-"],
    ...said("address", directUrl(session, port) ?? port),
    ["Ray", service.version || "by its image"],
    ["user", service.user],
    ["age", age(instantOf(service.createdAt), terminal.nowMs())],
  ])
  if (form === "table" && status) await showServiceStatus(session, status)
}
