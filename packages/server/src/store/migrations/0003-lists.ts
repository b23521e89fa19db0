import type { Migration } from "./migration.ts"

/**
 * What lists of hundreds of thousands of workloads read. Each index ends in the key, so that the keys of a page
 * come out of it alone, and goes on after its first column as every order does: newest first, then by id.
 */
export const lists: Migration = {
  version: 3,
  name: "lists",
  statements: ({ text, int, tableEnd, carriesLongText, counterShard }) => [
    `drop index workload_by_creation`,
    `create index workload_by_creation on workload
  (created_at_ms desc, id, workspace_id, phase, kind, cluster_id, user_id, "key") where hidden = 0`,
    `drop index workload_by_workspace`,
    `create index workload_by_workspace on workload
  (workspace_id, created_at_ms desc, id, phase, kind, cluster_id, user_id, "key") where hidden = 0`,
    // Also what is hidden: retention looks for the longest ended in it.
    `drop index workload_by_end`,
    `create index workload_by_end on workload
  (ended_at_ms desc, created_at_ms desc, id, workspace_id, phase, hidden, "key")`,
    `create index workload_by_start on workload
  (started_at_ms desc, created_at_ms desc, id, workspace_id, phase, hidden, "key")`,
    // By user, and for what no other index serves: a look at all of it is a fraction of one at all rows. Nothing in
    // it moves while a workload runs, so that only submits and patches pay for it.
    `create index workload_by_user on workload
  (user_id, created_at_ms desc, id, workspace_id, kind, cluster_id, user_name, display_name, priority, max_retry,
   timeout_seconds, ttl_seconds, is_supervised, is_tolerate_all${carriesLongText ? ", image, description" : ""}, "key")
  where hidden = 0`,
    // How many there are of each sort that an exact filter tells apart, so that no filter has its matches counted.
    `drop table workload_count`,
    `create table workload_count (
  workspace_id ${text} not null,
  phase ${text} not null,
  kind ${text} not null,
  cluster_id ${text} not null,
  user_id ${text} not null,
  user_name ${text} not null,
  n ${int} not null,${counterShard}
  primary key (workspace_id, phase, kind, cluster_id, user_id, user_name${counterShard && ", shard"})
)${tableEnd}`,
    `insert into workload_count (workspace_id, phase, kind, cluster_id, user_id, user_name, n)
  select workspace_id, phase, kind, cluster_id, user_id, user_name, count(*) from workload where hidden = 0
  group by workspace_id, phase, kind, cluster_id, user_id, user_name`,
    // Counts a workspace's live claims; the state changes thrice in a claim's life, the workspace never.
    `drop index claim_live`,
    `create index claim_live on claim (workspace_id) where state <> 'gone'`,
  ],
}
