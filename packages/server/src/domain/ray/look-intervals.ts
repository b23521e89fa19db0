/** How often a Ray cluster is looked at while it starts; no event comes from a dashboard. */
export const startLookMs = 500
/** While it is ready, beside what its backend tells. */
export const readyLookMs = 10_000
