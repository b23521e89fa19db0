import { describe, expect, it } from "vitest"
import { useTestCli } from "../test-cli.ts"

const { berth } = useTestCli()

describe("berth restore", () => {
  it("puts nothing beside a PostgreSQL database", async () => {
    const env = { BERTH_DATABASE: "postgres://berth:secret@db/berth" }
    const { code, err } = await berth(["restore", "backup.tar.gz", "--data", "/nowhere", "--force"], { env })
    expect(code).toBe(2)
    expect(err).toContain("pg_restore")
    expect(err).not.toContain("secret")
  })
})
