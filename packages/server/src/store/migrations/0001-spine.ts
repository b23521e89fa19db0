import type { Migration } from "./migration.ts"

/** Journal, identity, inventory, workspaces, queue, workloads. */
export const spine: Migration = {
  version: 1,
  name: "spine",
  statements: ({ text, int, sequence, eventPosition, eventOrder, counterShard, toWorkload, tableEnd }) => [
    `create table event (
  ${eventPosition},
  type ${text} not null,
  subject_kind ${text} not null,
  subject_id ${text} not null,
  workspace_id ${text},
  actor ${text} not null,
  at_ms ${int} not null,
  data ${text} not null
)${tableEnd}`,
    `create index event_by_subject on event (subject_kind, subject_id, ${eventOrder})`,

    `create table audit (
  seq ${sequence},
  operation ${text} not null,
  subject_kind ${text} not null,
  subject_id ${text} not null,
  workspace_id ${text},
  actor_id ${text} not null,
  actor ${text} not null,
  outcome ${text} not null,
  at_ms ${int} not null,
  data ${text} not null
)${tableEnd}`,
    `create index audit_by_actor on audit (actor_id, seq)`,

    `create table journal_mark (
  name ${text} not null primary key,
  value ${int} not null
)${tableEnd}`,

    `create table "user" (
  id ${text} not null primary key,
  name ${text} not null unique,
  email ${text},
  server_role ${text},
  frozen ${int} not null,
  created_at_ms ${int} not null,
  version ${int} not null
)${tableEnd}`,

    `create table api_key (
  id ${text} not null primary key,
  name ${text} not null,
  user_id ${text} not null references "user" (id),
  prefix ${text} not null,
  hash ${text} not null unique,
  role ${text},
  workspace_id ${text},
  expires_at_ms ${int},
  revoked_at_ms ${int},
  created_at_ms ${int} not null,
  last_used_at_ms ${int}
)${tableEnd}`,
    `create index api_key_by_user on api_key (user_id)`,

    `create table membership (
  workspace_id ${text} not null,
  user_id ${text} not null references "user" (id),
  role ${text} not null,
  primary key (workspace_id, user_id)
)${tableEnd}`,

    `create table node (
  id ${text} not null primary key,
  cluster_id ${text} not null,
  name ${text} not null,
  workspace_id ${text},
  cordoned ${int} not null,
  draining ${int} not null,
  stuck ${int} not null,
  first_seen_at_ms ${int} not null,
  last_seen_at_ms ${int} not null,
  removed_at_ms ${int},
  facts ${text} not null,
  version ${int} not null
)${tableEnd}`,
    // A machine that was removed may come back under its name as another node.
    `create unique index node_by_name on node (cluster_id, name) where removed_at_ms is null`,

    `create table workspace (
  id ${text} not null primary key,
  "key" ${text} not null unique,
  description ${text} not null,
  clusters ${text} not null,
  policy ${text} not null,
  queue_paused ${int} not null,
  state ${text} not null,
  created_at_ms ${int} not null,
  version ${int} not null
)${tableEnd}`,

    `create table claim (
  id ${text} not null primary key,
  owner_kind ${text} not null,
  owner_id ${text} not null,
  owner_shown_id ${text} not null,
  owner_user_id ${text} not null,
  workspace_id ${text} not null,
  state ${text} not null,
  pods ${int} not null,
  size ${text} not null,
  constraints ${text} not null,
  preemptible ${int} not null,
  priority ${int} not null,
  rescheduled ${int} not null,
  queued_at_ms ${int} not null,
  gates ${text} not null,
  placements ${text} not null,
  nominated ${text} not null,
  reason ${text},
  reason_since_ms ${int},
  bound_at_ms ${int},
  releasing_at_ms ${int},
  release_deadline_ms ${int},
  version ${int} not null
)${tableEnd}`,
    `create index claim_live on claim (state) where state <> 'gone'`,
    `create index claim_by_owner on claim (owner_kind, owner_id, state)`,

    `create table queue_control (
  name ${text} not null primary key,
  paused ${int} not null,
  paused_by ${text},
  since_ms ${int}
)${tableEnd}`,

    `create table workload (
  "key" ${text} not null primary key,
  id ${text} not null,
  uid ${text} not null,
  workspace_id ${text} not null,
  cluster_id ${text} not null,
  kind ${text} not null,
  display_name ${text} not null,
  description ${text} not null,
  user_id ${text} not null,
  user_name ${text} not null,
  as_server_owner ${int} not null,
  priority ${int} not null,
  phase ${text} not null,
  cause ${text},
  dispatch_count ${int} not null,
  failures ${int} not null,
  preemptions ${int} not null,
  node_losses ${int} not null,
  start_deadlines ${int} not null,
  claim_id ${text},
  attempt_id ${text},
  created_at_ms ${int} not null,
  started_at_ms ${int},
  ended_at_ms ${int},
  deleted_at_ms ${int},
  hidden ${int} not null,
  version ${int} not null,
  max_retry ${int} not null,
  timeout_seconds ${int},
  ttl_seconds ${int} not null,
  image ${text} not null,
  is_supervised ${int} not null,
  is_tolerate_all ${int} not null,
  conditions ${text} not null
)${tableEnd}`,
    `create unique index workload_by_id on workload (id)`,
    // The two list indexes cover every exact filter, so that deep pages and counts read no rows.
    `create index workload_by_creation on workload
  (created_at_ms desc, id, workspace_id, phase, kind, cluster_id, user_id) where hidden = 0`,
    `create index workload_by_workspace on workload
  (workspace_id, created_at_ms desc, id, phase, kind, cluster_id, user_id) where hidden = 0`,
    `create index workload_by_phase on workload (phase, created_at_ms desc, id)`,
    `create index workload_awaiting_ttl on workload (deleted_at_ms, ended_at_ms)
  where deleted_at_ms is null and ended_at_ms is not null`,
    `create index workload_by_end on workload (ended_at_ms) where ended_at_ms is not null`,

    `create table workload_spec (
  workload_key ${text} not null primary key${toWorkload},
  entry_point ${text} not null,
  spec ${text} not null
)${tableEnd}`,

    `create table workload_dependency (
  workload_key ${text} not null${toWorkload},
  depends_on_id ${text} not null,
  primary key (workload_key, depends_on_id)
)${tableEnd}`,
    `create index workload_dependency_by_target on workload_dependency (depends_on_id, workload_key)`,

    `create table workload_count (
  workspace_id ${text} not null,
  phase ${text} not null,
  n ${int} not null,${counterShard}
  primary key (workspace_id, phase${counterShard && ", shard"})
)${tableEnd}`,

    `create table attempt (
  id ${text} not null primary key,
  workload_key ${text} not null${toWorkload},
  claim_id ${text} not null,
  cluster_id ${text} not null,
  run ${int} not null,
  state ${text} not null,
  pods ${text} not null,
  handle ${text},
  cause ${text},
  stop_message ${text} not null,
  grace_ms ${int} not null,
  assigned_at_ms ${int} not null,
  started_at_ms ${int},
  ending_at_ms ${int},
  gone_at_ms ${int},
  version ${int} not null
)${tableEnd}`,
    `create index attempt_by_workload on attempt (workload_key, run)`,
    `create index attempt_live on attempt (state) where state <> 'gone'`,
  ],
}
