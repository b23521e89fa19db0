import type { Migration } from "./migration.ts"

/** What was answered to requests that may be sent again. */
export const idempotency: Migration = {
  version: 13,
  name: "idempotency",
  statements: ({ text, int, tableEnd }) => [
    `create table idempotency (
  user_id ${text} not null,
  route ${text} not null,
  "key" ${text} not null,
  body_hash ${text} not null,
  answer ${text},
  created_at_ms ${int} not null,
  primary key (user_id, route, "key")
)${tableEnd}`,
    `create index idempotency_by_age on idempotency (created_at_ms)`,
  ],
}
