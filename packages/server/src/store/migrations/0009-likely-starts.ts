import type { Migration } from "./migration.ts"

/** When a GPU request was likely to start, as it was said beside its first estimate. */
export const likelyStarts: Migration = {
  version: 9,
  name: "likely starts",
  statements: ({ int }) => [`alter table gpu_request add column promised_likely_ms ${int}`],
}
