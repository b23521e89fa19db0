import type { Migration } from "./migration.ts"

/** Applications (their replicas and services) and schedules. */
export const applications: Migration = {
  version: 2,
  name: "applications",
  statements: ({ text, int, toWorkload, tableEnd }) => [
    `alter table workload add column rollout ${text}`,
    `alter table workload add column schedule ${text}`,

    `create table replica (
  id ${text} not null primary key,
  workload_key ${text} not null${toWorkload},
  ordinal ${int} not null,
  pod_id ${text} not null,
  revision ${int} not null,
  size ${text} not null,
  state ${text} not null,
  claim_id ${text} not null,
  place ${text},
  attempt_id ${text},
  starts ${int} not null,
  restarts ${int} not null,
  crashes ${int} not null,
  liveness_failures ${int} not null,
  start_at_ms ${int},
  ready_since_ms ${int},
  pod_ip ${text} not null,
  leaving ${text},
  created_at_ms ${int} not null,
  version ${int} not null
)${tableEnd}`,
    `create unique index replica_by_workload on replica (workload_key, ordinal)`,
    `create unique index replica_by_claim on replica (claim_id)`,

    `create table revision (
  workload_key ${text} not null${toWorkload},
  revision ${int} not null,
  template ${text} not null,
  primary key (workload_key, revision)
)${tableEnd}`,

    `create table endpoint (
  workload_key ${text} not null primary key${toWorkload},
  workload_id ${text} not null,
  workspace_id ${text} not null,
  protocol ${text} not null,
  type ${text} not null,
  cluster_ip ${text} not null,
  port ${int} not null,
  target_port ${int} not null,
  node_port ${int},
  created_at_ms ${int} not null
)${tableEnd}`,
    `create unique index endpoint_by_cluster_ip on endpoint (cluster_ip)`,
    `create unique index endpoint_by_node_port on endpoint (node_port)`,
  ],
}
