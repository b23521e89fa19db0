import { describe, expect, it } from "vitest"
import { useTestCli } from "../test-cli.ts"

const { berth } = useTestCli()

describe("berth config show", () => {
  it("says of each setting where it is from, and starts nothing", async () => {
    const { code, out } = await berth(["config", "show", "--no-auth", "-o", "json"], {
      env: { BERTH_LOG_LEVEL: "warn" },
    })
    expect(code).toBe(0)
    const entries = JSON.parse(out) as { name: string }[]
    expect(entries).toContainEqual({ name: "noAuth", value: "true", origin: "flag", from: "--no-auth" })
    expect(entries).toContainEqual({
      name: "logLevel",
      value: "warn",
      origin: "environment",
      from: "BERTH_LOG_LEVEL",
    })
    expect(entries).toContainEqual({ name: "demo", value: "false", origin: "default", from: "" })
  })
})
