import type { Migration } from "./migration.ts"

/** All queues may be paused because the database was restored: from a backup of which instant. */
export const restored: Migration = {
  version: 5,
  name: "restored",
  statements: ({ int }) => [`alter table queue_control add column restored_from_ms ${int}`],
}
