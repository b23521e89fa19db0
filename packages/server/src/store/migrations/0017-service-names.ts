import type { Migration } from "./migration.ts"

/**
 * Service records are sorted by name as they are found by it: whatever the case of its letters. And what was found by
 * name or by time of change is sorted by creation out of the index alone.
 */
export const serviceNames: Migration = {
  version: 17,
  name: "service names",
  statements: () => [
    `drop index service_record_by_name`,
    `create index service_record_by_name on service_record (workspace_id, lower(name), id, created_at_us)`,
    `drop index service_record_by_update`,
    `create index service_record_by_update on service_record (workspace_id, updated_at_us, id, created_at_us)`,
  ],
}
