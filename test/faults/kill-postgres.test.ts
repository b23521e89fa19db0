import { expect, it } from "vitest"
import { usePostgres } from "../support/databases.ts"

const isThere = await usePostgres()
// What is killed is the same server; fewer kills suffice for another store below it.
process.env["BERTH_KILLS"] ??= "10"
if (isThere) await import("./kill.test.ts")
it.skipIf(!isThere)("runs on PostgreSQL too", () => {
  expect(isThere).toBe(true)
})
