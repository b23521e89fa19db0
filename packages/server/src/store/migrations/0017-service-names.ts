import type { Migration } from "./migration.ts"

/**
 * Names of service records are found whatever the case of their letters, and sorted by code points as upstream does.
 * What was found by name or by time of change is sorted by creation out of the index alone.
 */
export const serviceNames: Migration = {
  version: 17,
  name: "service names",
  statements: () => [
    `drop index service_record_by_name`,
    `create index service_record_by_name on service_record (workspace_id, lower(name), id, created_at_us)`,
    // Entered by those alone that say so: a planner without statistics takes it for as good as the one above.
    `create index service_record_in_name_order on service_record (workspace_id, name, id) where version > 0`,
    `drop index service_record_by_update`,
    `create index service_record_by_update on service_record (workspace_id, updated_at_us, id, created_at_us)`,
  ],
}
