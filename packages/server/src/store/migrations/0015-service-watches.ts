import type { Migration } from "./migration.ts"

/** Records that are watched, what was found, and what records follow. */
export const serviceWatches: Migration = {
  version: 15,
  name: "service watches",
  statements: ({ text, int, tableEnd }) => [
    `alter table service_record add column joined ${text}`,
    `create index service_record_by_joined on service_record (joined) where joined is not null`,
    `create table service_watch (
  service_id ${text} not null primary key,
  workspace_id ${text} not null,
  body ${text} not null,
  version ${int} not null
)${tableEnd}`,
    `create table service_history (
  service_id ${text} not null,
  seq ${int} not null,
  body ${text} not null,
  primary key (service_id, seq)
)${tableEnd}`,
  ],
}
