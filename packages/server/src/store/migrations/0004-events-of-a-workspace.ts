import type { Migration } from "./migration.ts"

/** A workspace's events, forwards and backwards, without those of all others between them. */
export const eventsOfAWorkspace: Migration = {
  version: 4,
  name: "events-of-a-workspace",
  statements: ({ eventOrder }) => [`create index event_by_workspace on event (workspace_id, ${eventOrder})`],
}
