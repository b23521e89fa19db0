import { expect, it } from "vitest"
import { usePostgres } from "../support/databases.ts"

const isThere = await usePostgres()

if (isThere) await import("./watched-records.test.ts")
it.skipIf(!isThere)("runs on PostgreSQL too", () => {
  expect(isThere).toBe(true)
})
