import type { Migration } from "./migration.ts"

/** Passwords of people, and the keys that they get by signing in. */
export const passwords: Migration = {
  version: 14,
  name: "passwords",
  statements: ({ text, int, tableEnd }) => [
    `create table password (
  user_id ${text} not null primary key,
  hash ${text} not null,
  changed_at_ms ${int} not null
)${tableEnd}`,
    `alter table api_key add column is_session ${int} not null default 0`,
    `create index api_key_session_by_end on api_key (expires_at_ms) where is_session = 1`,
  ],
}
