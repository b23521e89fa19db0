import type { Migration } from "./migration.ts"

/** GPU requests, what they hold, and what is set for them; the rest of what workspaces are called by. */
export const gpuRequests: Migration = {
  version: 7,
  name: "gpu requests",
  statements: ({ text, int, isWrittenByMany, tableEnd }) => [
    `create table gpu_request (
  id ${text} not null primary key,
  shown_id ${text} not null,
  workspace_id ${text} not null,
  user_id ${text} not null,
  name ${text} not null,
  wish ${text} not null,
  priority ${int} not null,
  duration_ms ${int} not null,
  idle_timeout_ms ${int},
  requeue_on_failure ${int} not null,
  enable_eviction ${int} not null,
  multi_node ${int} not null,
  automatic ${text},
  state ${text} not null,
  created_at_ms ${int} not null,
  started_at_ms ${int},
  ends_at_ms ${int},
  ended_at_ms ${int},
  nodes ${text} not null,
  place ${int},
  remaining_ms ${int},
  held_before_ms ${int} not null,
  retries ${int} not null,
  cause ${text},
  failure_reason ${text} not null,
  promised_start_ms ${int},
  promised_at_ms ${int},
  estimate_start_ms ${int},
  estimate_at_ms ${int},
  idle_since_ms ${int},
  idle_ms ${int} not null,
  version ${int} not null
)${tableEnd}`,
    `create unique index gpu_request_by_shown_id on gpu_request (shown_id)`,
    // At most as many of a workspace hold nodes as its policy has places.
    `create unique index gpu_request_by_place on gpu_request (workspace_id, place) where place is not null`,
    `create index gpu_request_live on gpu_request (workspace_id, state, created_at_ms, id)
  where state in ('queued', 'provisioned')`,
    `create index gpu_request_by_workspace on gpu_request (workspace_id, shown_id) where state <> 'cancelled'`,
    `create index gpu_request_by_creation on gpu_request (created_at_ms, id, workspace_id, state)`,
    `create index gpu_request_by_workspace_creation on gpu_request (workspace_id, created_at_ms, id, state)`,
    `create index gpu_request_by_start on gpu_request (started_at_ms) where started_at_ms is not null`,
    `create index gpu_request_by_end on gpu_request (ended_at_ms, started_at_ms, workspace_id, id)
  where ended_at_ms is not null`,
    ...(isWrittenByMany
      ? [
          // As of workloads: found by key without reading the page that every new one goes to (0006).
          `create index gpu_request_by_key on gpu_request using hash (id) with (fillfactor = 10)`,
          `alter table gpu_request set (fillfactor = 60)`,
        ]
      : []),

    `create table node_hold (
  node_id ${text} not null primary key,
  request_id ${text} not null,
  workspace_id ${text} not null,
  state ${text} not null,
  since_ms ${int} not null,
  drain_deadline_ms ${int},
  until_ms ${int} not null,
  automatic ${int} not null,
  version ${int} not null
)${tableEnd}`,
    `create index node_hold_by_request on node_hold (request_id)`,
    `create index node_hold_by_workspace on node_hold (workspace_id)`,

    `create table gpu_template (
  name ${text} not null primary key,
  workspace_id ${text},
  cluster_name ${text} not null,
  gpus_per_node ${int} not null,
  nodes ${int} not null,
  memory_gib_per_gpu ${int},
  gpu_model ${text} not null,
  instance_type ${text} not null,
  duration_ms ${int} not null,
  priority ${int} not null,
  enforce_idle_timeout ${int} not null,
  idle_timeout_ms ${int},
  enable_eviction ${int} not null,
  requeue_on_failure ${int} not null,
  created_at_ms ${int} not null,
  version ${int} not null
)${tableEnd}`,
    `create table gpu_binding (
  workspace_id ${text} not null primary key,
  clusters ${text} not null,
  enable_automatic ${int} not null,
  created_at_ms ${int} not null,
  version ${int} not null
)${tableEnd}`,
    `create table gpu_price (
  gpu_model ${text} not null,
  instance_type ${text} not null,
  micros_per_gpu_hour ${int} not null,
  currency ${text} not null,
  primary key (gpu_model, instance_type)
)${tableEnd}`,

    `alter table workspace add column namespaces ${text} not null default '[]'`,
    `alter table workspace add column contact ${text} not null default '{"name":"","email":""}'`,

    `alter table claim add column runs_for_ms ${int}`,
    // As a claim made today would say it: what may run beside a reservation's end is decided by it.
    `update claim set runs_for_ms =
  (select workload.timeout_seconds * 1000 from workload where workload."key" = claim.owner_id)
  where owner_kind = 'workload' and state <> 'gone'`,
  ],
}
