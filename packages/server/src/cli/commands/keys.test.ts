import { describe, expect, it } from "vitest"
import { useTestCli } from "../test-cli.ts"

const { berth, serve } = useTestCli()

describe("berth keys", () => {
  it("create writes the token to standard output and nothing else", async () => {
    const api = await serve({
      "POST /berth/v1/keys": () => ({
        status: 201,
        body: { key: { id: "key_1", userName: "ada" }, token: "berth_t" },
      }),
    })
    const { out, err } = await berth([
      "keys",
      "create",
      "ci",
      "--role",
      "viewer",
      "-w",
      "research",
      "--description",
      "the nightly jobs",
      "--expires",
      "90d",
    ])
    expect(out).toBe("berth_t\n")
    expect(err).not.toContain("berth_t")
    expect(api.bodies("POST /berth/v1/keys")).toEqual([
      {
        name: "ci",
        role: "viewer",
        workspaceId: "research",
        description: "the nightly jobs",
        expiresInSeconds: 7_776_000,
      },
    ])
  })

  it("revoke takes an id, or the name of one valid key", async () => {
    const key = (id: string, name: string, revokedAt: string | null = null) => ({
      id,
      name,
      userName: "ada",
      revokedAt,
      expiresAt: null,
    })
    const items = [key("key_1", "ci"), key("key_2", "ci", "2026-01-01T00:00:00Z"), key("key_3", "two")]
    const api = await serve({
      "GET /berth/v1/keys": () => ({ body: { items: [...items, key("key_4", "two")], nextCursor: null } }),
      "DELETE /berth/v1/keys/key_1": () => ({ status: 204 }),
      "DELETE /berth/v1/keys/key_4": () => ({ status: 204 }),
    })
    const revoke = (what: string) => berth(["keys", "revoke", what])
    expect((await revoke("ci")).out).toContain("key_1 is revoked")
    expect((await revoke("key_4")).out).toContain("key_4 is revoked")
    const several = await revoke("two")
    expect([several.code, several.err]).toEqual([1, expect.stringMatching(/key_3 of ada, key_4 of ada/)])
    expect((await revoke("none")).err).toContain("berth keys ls")
    expect(api.calls.filter(({ route }) => route.startsWith("DELETE"))).toHaveLength(2)
  })
})
