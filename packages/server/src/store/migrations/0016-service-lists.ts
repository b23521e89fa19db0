import type { Migration } from "./migration.ts"

const columns = `id, workspace_id, user_id, name, type, flavor, pipeline_name, pipeline_step_name, state, model_version_id,
  pipeline_run_id, joined, created_at_us, updated_at_us, version, body, config_hash, config`

/**
 * What lists of hundreds of thousands of service records read. What may be long stands last in a row, so that lists,
 * which show none of it, do not read it either.
 */
export const serviceLists: Migration = {
  version: 16,
  name: "service lists",
  statements: ({ text, int, tableEnd, carriesLongText, counterShard }) => [
    `create table service_record_in_order (
  id ${text} not null primary key,
  workspace_id ${text} not null,
  user_id ${text},
  name ${text} not null,
  type ${text} not null,
  flavor ${text} not null,
  pipeline_name ${text},
  pipeline_step_name ${text},
  state ${text},
  model_version_id ${text},
  pipeline_run_id ${text},
  joined ${text},
  created_at_us ${int} not null,
  updated_at_us ${int} not null,
  version ${int} not null,
  body ${text} not null,
  config_hash ${text} not null,
  details ${text},
  config ${text} not null
)${tableEnd}`,
    `insert into service_record_in_order (${columns}) select ${columns} from service_record`,
    `drop table service_record`,
    `alter table service_record_in_order rename to service_record`,
    // Of records that are made at once with the same config one is made.
    `create unique index service_record_by_config on service_record (config_hash)`,
    // In the usual order; for what no other index serves, a look at all of it is a fraction of one at all rows.
    `create index service_record_by_workspace on service_record
  (workspace_id, created_at_us, id, name, user_id, model_version_id, pipeline_run_id${
    carriesLongText ? ", type, flavor, pipeline_name, pipeline_step_name" : ""
  })`,
    // Of all workspaces.
    `create index service_record_by_age on service_record (created_at_us, id)`,
    `create index service_record_by_name on service_record (lower(name), workspace_id, created_at_us, id)`,
    `create index service_record_by_update on service_record (workspace_id, updated_at_us, id)`,
    // Of any length: where an entry is bounded, its beginning.
    `create index service_record_by_pipeline on service_record
  (workspace_id, substr(pipeline_name, 1, 200), created_at_us, id${
    carriesLongText ? ", pipeline_name, pipeline_step_name, type, flavor" : ""
  }) where pipeline_name is not null`,
    `create index service_record_by_model_version on service_record (model_version_id)
  where model_version_id is not null`,
    `create index service_record_by_run on service_record (pipeline_run_id) where pipeline_run_id is not null`,
    `create index service_record_by_joined on service_record (joined) where joined is not null`,
    // How many there are of each sort that is often asked for, so that they need not be counted; user_id '' = nobody.
    `create table service_count (
  workspace_id ${text} not null,
  user_id ${text} not null,
  sort ${text} not null,
  type ${text} not null,
  flavor ${text} not null,
  n ${int} not null,${counterShard}
  primary key (workspace_id, user_id, sort${counterShard && ", shard"})
)${tableEnd}`,
    `insert into service_count (workspace_id, user_id, sort, type, flavor, n)
  select workspace_id, coalesce(user_id, ''), min(id), type, flavor, count(*) from service_record
  group by workspace_id, coalesce(user_id, ''), type, flavor`,
  ],
}
