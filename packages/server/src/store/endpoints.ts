import type { Selectable } from "kysely"
import { AppError } from "../kit/errors.ts"
import type { Reads } from "../domain/journal/index.ts"
import type { Endpoint, EndpointStore, WorkloadKey } from "../domain/workloads/index.ts"
import { endpointChanged } from "../domain/workloads/index.ts"
import { assertInserted } from "./codec.ts"
import type { Database } from "./schema.ts"
import { slotsOf, statement } from "./statement.ts"

type Row = Selectable<Database["endpoint"]>

const columns = [
  "workload_key",
  "workload_id",
  "workspace_id",
  "protocol",
  "type",
  "cluster_ip",
  "port",
  "target_port",
  "node_port",
  "created_at_ms",
] as const

const selectOfWorkload = statement<{ key: string }>("primary")((db, p) =>
  db.selectFrom("endpoint").select(columns).where("workload_key", "=", p("key")),
)
const selectAll = statement<object>("scan")((db) => db.selectFrom("endpoint").select(columns))
const selectByClusterIp = statement<{ ip: string }>("endpoint_by_cluster_ip")((db, p) =>
  db.selectFrom("endpoint").select("workload_key").where("cluster_ip", "=", p("ip")),
)
const selectByNodePort = statement<{ port: number }>("endpoint_by_node_port")((db, p) =>
  db.selectFrom("endpoint").select("workload_key").where("node_port", "=", p("port")),
)
const insertRow = statement<Row>("write")((db, p) =>
  db
    .insertInto("endpoint")
    .values(slotsOf(p, columns))
    .onConflict((conflict) => conflict.doNothing()),
)
const updateRow = statement<{ key: string; port: number | null }>("primary")((db, p) =>
  db
    .updateTable("endpoint")
    .set({ node_port: p("port") })
    .where("workload_key", "=", p("key")),
)
const deleteRow = statement<{ key: string }>("primary")((db, p) =>
  db.deleteFrom("endpoint").where("workload_key", "=", p("key")),
)

function toEndpoint(row: Row): Endpoint {
  return {
    workloadKey: row.workload_key as WorkloadKey,
    workloadId: row.workload_id,
    workspaceId: row.workspace_id,
    protocol: row.protocol as Endpoint["protocol"],
    type: row.type as Endpoint["type"],
    clusterIp: row.cluster_ip,
    port: row.port,
    targetPort: row.target_port,
    nodePort: row.node_port,
    createdAtMs: row.created_at_ms,
  }
}

function taken(resource: "clusterIp" | "nodePort", name: string): AppError {
  return new AppError("already_exists", `The ${resource} ${name} is already used.`, { resource, name })
}

async function ofWorkload(from: Reads, key: WorkloadKey): Promise<Endpoint | undefined> {
  const row = await selectOfWorkload.get(from, { key })
  return row && toEndpoint(row)
}

/** Addresses of services. */
export const endpointStore: EndpointStore = {
  ofWorkload,
  async all(from) {
    return (await selectAll.all(from, {})).map(toEndpoint)
  },
  async insert(tx, endpoint) {
    const { clusterIp, nodePort } = endpoint
    if (await selectByClusterIp.get(tx, { ip: clusterIp })) throw taken("clusterIp", clusterIp)
    if (nodePort !== null && (await selectByNodePort.get(tx, { port: nodePort })))
      throw taken("nodePort", String(nodePort))
    const inserted = await insertRow.run(tx, {
      workload_key: endpoint.workloadKey,
      workload_id: endpoint.workloadId,
      workspace_id: endpoint.workspaceId,
      protocol: endpoint.protocol,
      type: endpoint.type,
      cluster_ip: clusterIp,
      port: endpoint.port,
      target_port: endpoint.targetPort,
      node_port: nodePort,
      created_at_ms: endpoint.createdAtMs,
    })
    assertInserted(inserted, "endpoint", endpoint.workloadId)
    tx.publish(endpointChanged, { endpoint, gone: false })
  },
  async update(tx, endpoint) {
    const { workloadKey: key, nodePort: port } = endpoint
    const holder = port === null ? undefined : await selectByNodePort.get(tx, { port })
    if (holder && holder.workload_key !== key) throw taken("nodePort", String(port))
    if ((await updateRow.run(tx, { key, port })) > 0) tx.publish(endpointChanged, { endpoint, gone: false })
  },
  async remove(tx, key) {
    const endpoint = await ofWorkload(tx, key)
    if (!endpoint) return
    await deleteRow.run(tx, { key })
    tx.publish(endpointChanged, { endpoint, gone: true })
  },
}
