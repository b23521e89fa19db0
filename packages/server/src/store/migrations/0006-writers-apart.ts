import type { Migration } from "./migration.ts"

/**
 * Where several write at once, the pages of indexes are what they meet on: whoever reads by key holds the page that
 * its neighbours' new entries go to. Claims and attempts therefore move without new entries (no index and no
 * condition of one names a column that moves; room is left on each page), and what is found by key is found in an
 * index that spreads neighbours over many pages.
 */
export const writersApart: Migration = {
  version: 6,
  name: "writers apart",
  statements: ({ isWrittenByMany }) =>
    isWrittenByMany
      ? [
          `alter table claim add column is_live boolean not null generated always as (state <> 'gone') stored`,
          `drop index claim_live`,
          `create index claim_live on claim (workspace_id) where is_live`,
          `drop index claim_by_owner`,
          `create index claim_by_owner on claim (owner_kind, owner_id)`,
          `alter table claim set (fillfactor = 50)`,
          `alter table attempt add column is_live boolean not null generated always as (state <> 'gone') stored`,
          `drop index attempt_live`,
          `create index attempt_live on attempt (assigned_at_ms) where is_live`,
          `alter table attempt set (fillfactor = 50)`,
          `create index attempt_by_key on attempt using hash (id) with (fillfactor = 10)`,
          `alter table workload set (fillfactor = 60)`,
          `create index workload_by_key on workload using hash ("key") with (fillfactor = 10)`,
        ]
      : [],
}
