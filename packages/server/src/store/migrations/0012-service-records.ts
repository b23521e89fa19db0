import type { Migration } from "./migration.ts"

/** Records of model servers, and the runs and model versions that they link to. */
export const serviceRecords: Migration = {
  version: 12,
  name: "service records",
  statements: ({ text, int, tableEnd }) => [
    // Ids are 32 hex digits: lists compare them so.
    `create table service_record (
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
  created_at_us ${int} not null,
  updated_at_us ${int} not null,
  config_hash ${text} not null,
  config ${text} not null,
  body ${text} not null,
  version ${int} not null
)${tableEnd}`,
    // Of records that are made at once with the same config one is made.
    `create unique index service_record_by_config on service_record (config_hash)`,
    `create index service_record_by_workspace on service_record (workspace_id, created_at_us, id)`,
    `create index service_record_by_age on service_record (created_at_us, id)`,
    `create index service_record_by_name on service_record (lower(name))`,
    `create index service_record_by_user on service_record (user_id) where user_id is not null`,
    `create index service_record_by_model_version on service_record (model_version_id)
  where model_version_id is not null`,
    `create index service_record_by_run on service_record (pipeline_run_id) where pipeline_run_id is not null`,

    `create table pipeline_run (
  id ${text} not null primary key,
  workspace_id ${text} not null,
  body ${text} not null,
  version ${int} not null
)${tableEnd}`,
    `create index pipeline_run_by_workspace on pipeline_run (workspace_id, id)`,
    `create table model_version (
  id ${text} not null primary key,
  workspace_id ${text} not null,
  model_name ${text} not null,
  number ${int} not null,
  body ${text} not null,
  version ${int} not null
)${tableEnd}`,
    `create unique index model_version_by_number on model_version (workspace_id, model_name, number)`,
  ],
}
