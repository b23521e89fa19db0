import type { RayCluster } from "@berth/contract/berth"
import type { RayJob, RayService } from "@berth/contract/kuberay"
import { collect } from "@berth/sdk"
import { age } from "../human.ts"
import type { Column } from "../output.ts"
import { writeList, writeValue } from "../output.ts"
import { clusterState, jobState, serviceState, serviceTrouble, shortMessage } from "../ray-facts.ts"
import type { RayOptions, RaySession } from "../ray-place.ts"
import { connectRay, instantOf, jobValue, queueName, serviceValue } from "../ray-place.ts"
import type { Terminal } from "../terminal.ts"
import { reasonText } from "./queue.ts"

export interface RayListOptions extends RayOptions {
  readonly all?: boolean
}

/** `berth ray ls`: clusters, jobs and services of a namespace, or of all that the caller may see. */
export async function rayList(terminal: Terminal, options: RayListOptions): Promise<void> {
  const session = await connectRay(terminal, options)
  const namespace = options.all ? null : session.namespace
  const [clusters, jobs, services] = await Promise.all([
    listClusters(session, namespace),
    listJobs(session, namespace),
    listServices(session, namespace),
  ])
  if (session.form !== "table") {
    const value = { clusters, jobs: jobs.map(jobValue), services: services.map(serviceValue) }
    return writeValue(terminal, session.form, value)
  }
  const reasons = await waitingReasons(session, clusters)
  await writeList(terminal, session.form, {
    rows: [
      ...clusters.map((one) => clusterRow(one, reasons)),
      ...jobs.map(jobRow),
      ...services.map(serviceRow),
    ],
    columns: columns(terminal.nowMs()),
    empty: options.all
      ? "There is nothing of Ray. `berth ray up NAME` makes a cluster."
      : `There is nothing of Ray in ${session.namespace}. \`berth ray up NAME\` makes a cluster; -A looks everywhere.`,
  })
}

/** Why those wait that say nothing themselves, by namespace and name as the queue shows them. */
async function waitingReasons(
  session: RaySession,
  clusters: readonly RayCluster[],
): Promise<ReadonlyMap<string, string>> {
  if (!clusters.some(({ state, message }) => state === "waiting" && message === "")) return new Map()
  const entries = await collect((page) => session.client.berth.queue(page))
  const nameOf = (id: string) => queueName(session, id)
  return new Map(entries.map((one) => [one.workloadId, reasonText(one, nameOf)]))
}

const pageSize = 500

function listClusters({ client }: RaySession, namespace: string | null): Promise<readonly RayCluster[]> {
  const query = namespace === null ? {} : { namespace }
  return collect((page) => client.berth.rayClusters({ ...query, ...page }))
}

function listJobs({ client }: RaySession, namespace: string | null): Promise<readonly RayJob[]> {
  return allPages(async (token) => {
    const page = { limit: BigInt(pageSize), continue: token }
    const answer =
      namespace === null
        ? await client.kuberay.listAllRayJobs(page)
        : await client.kuberay.listRayJobs({ namespace, ...page })
    return { items: answer.jobs, next: answer.continue }
  })
}

function listServices({ client }: RaySession, namespace: string | null): Promise<readonly RayService[]> {
  return allPages(async (pageToken) => {
    const page = { pageSize, pageToken }
    const answer =
      namespace === null
        ? await client.kuberay.listAllRayServices(page)
        : await client.kuberay.listRayServices({ namespace, ...page })
    return { items: answer.services, next: answer.nextPageToken }
  })
}

/** More than a table can be read of; what is beyond is for programs that ask the API. */
const mostPages = 20

async function allPages<T>(
  fetchPage: (token: string) => Promise<{ readonly items: readonly T[]; readonly next: string }>,
): Promise<readonly T[]> {
  const items: T[] = []
  let token = ""
  for (let page = 0; page < mostPages; page++) {
    const { items: more, next } = await fetchPage(token)
    items.push(...more)
    if (next === "") break
    token = next
  }
  return items
}

interface Row {
  readonly kind: string
  readonly name: string
  readonly namespace: string
  readonly state: string
  readonly ray: string
  readonly user: string
  readonly createdAt: string | null
  readonly why: string
}

function clusterRow(one: RayCluster, reasons: ReadonlyMap<string, string>): Row {
  const { name, namespace, rayVersion: ray, user, createdAt, parent, message } = one
  const made = parent === null ? "" : `of ${parent.kind} ${parent.name}`
  const reason = one.state === "waiting" ? (reasons.get(`${namespace}/${name}`) ?? "") : ""
  const why = [made, message || reason].filter((part) => part !== "").join(": ")
  return { kind: "cluster", name, namespace, state: clusterState(one), ray, user, createdAt, why }
}

function jobRow(one: RayJob): Row {
  const { name, namespace, version: ray, user, message, createdAt } = one
  const why = shortMessage(message)
  return {
    kind: "job",
    name,
    namespace,
    state: jobState(one),
    ray,
    user,
    createdAt: instantOf(createdAt),
    why,
  }
}

function serviceRow(one: RayService): Row {
  const { name, namespace, version: ray, user } = one
  const createdAt = instantOf(one.createdAt)
  const why = serviceTrouble(one)
  return { kind: "service", name, namespace, state: serviceState(one), ray, user, createdAt, why }
}

function columns(nowMs: number): readonly Column<Row>[] {
  return [
    { title: "KIND", cell: (row) => row.kind },
    { title: "NAME", cell: (row) => row.name },
    { title: "NAMESPACE", cell: (row) => row.namespace },
    { title: "STATE", cell: (row) => row.state },
    { title: "RAY", cell: (row) => row.ray || "-" },
    { title: "USER", cell: (row) => row.user },
    { title: "AGE", cell: (row) => age(row.createdAt, nowMs), align: "right" },
    { title: "WHY", cell: (row) => row.why },
  ]
}
