import type { Migration } from "./migration.ts"

/** Claims whose pods are not all of one size. */
export const claimsOfSeveralSizes: Migration = {
  version: 10,
  name: "claims of several sizes",
  statements: ({ text }) => [`alter table claim add column beside ${text} not null default '[]'`],
}
