import type { Migration } from "./migration.ts"

/** Ray clusters, jobs and services with their pods, submissions and events, and what they are made of. */
export const ray: Migration = {
  version: 11,
  name: "ray",
  statements: ({ text, int, sequence, tableEnd }) => [
    `create table ray_object (
  "key" ${text} not null primary key,
  kind ${text} not null,
  namespace ${text} not null,
  name ${text} not null,
  workspace_id ${text} not null,
  is_listed ${int} not null,
  is_live ${int} not null,
  ended_at_ms ${int},
  body ${text} not null,
  version ${int} not null
)${tableEnd}`,
    `create unique index ray_object_by_name on ray_object (kind, namespace, name) where is_listed = 1`,
    `create index ray_object_live on ray_object (kind, workspace_id, "key") where is_live = 1`,
    `create index ray_object_by_end on ray_object (kind, ended_at_ms, "key") where is_live = 0`,

    `create table ray_pod (
  id ${text} not null primary key,
  cluster_key ${text} not null,
  is_live ${int} not null,
  cluster_id ${text},
  port_block ${int},
  ended_at_ms ${int},
  body ${text} not null,
  version ${int} not null
)${tableEnd}`,
    `create index ray_pod_by_cluster on ray_pod (cluster_key, id)`,
    `create index ray_pod_live on ray_pod (cluster_key, id) where is_live = 1`,
    // Two pods on the same ports would answer each other's callers.
    `create unique index ray_pod_by_port_block on ray_pod (cluster_id, port_block)
  where is_live = 1 and port_block is not null`,
    // Those of a cluster that runs for months go by their own end.
    `create index ray_pod_by_end on ray_pod (ended_at_ms) where is_live = 0`,

    `create table ray_submission (
  cluster_key ${text} not null,
  submission_id ${text} not null,
  created_at_ms ${int} not null,
  body ${text} not null,
  log ${text},
  primary key (cluster_key, submission_id)
)${tableEnd}`,

    `create table ray_event (
  seq ${sequence},
  id ${text} not null,
  object_key ${text} not null,
  type ${text} not null,
  reason ${text} not null,
  message ${text} not null,
  count ${int} not null,
  first_at_ms ${int} not null,
  last_at_ms ${int} not null
)${tableEnd}`,
    `create index ray_event_by_object on ray_event (object_key, seq)`,
    `create index ray_event_by_age on ray_event (last_at_ms, object_key)`,

    `create table ray_template (
  namespace ${text} not null,
  name ${text} not null,
  workspace_id ${text} not null,
  body ${text} not null,
  primary key (namespace, name)
)${tableEnd}`,
    `create table ray_config_entry (
  kind ${text} not null,
  namespace ${text} not null,
  name ${text} not null,
  workspace_id ${text} not null,
  body ${text} not null,
  version ${int} not null,
  primary key (kind, namespace, name)
)${tableEnd}`,
  ],
}
