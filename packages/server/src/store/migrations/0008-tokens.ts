import type { Migration } from "./migration.ts"

/** API keys are exchanged for tokens: what those are signed with, and what in a key makes them hold no more. */
export const tokens: Migration = {
  version: 8,
  name: "tokens",
  statements: ({ text, int, tableEnd }) => [
    `alter table api_key add column description ${text} not null default ''`,
    `alter table api_key add column generation ${int} not null default 1`,
    `create table signing_key (
  kid ${text} not null primary key,
  public_jwk ${text} not null,
  sealed_private_key ${text} not null,
  created_at_ms ${int} not null
)${tableEnd}`,
  ],
}
