import { describe, expect, it } from "vitest"
import { createVirtualClock } from "../../kit/clock.ts"
import { createDirectory } from "./directory.ts"
import { bindKey } from "./key-binding.ts"
import type { ApiKey, KeyId, User, UserId } from "./types.ts"

const from = { address: "127.0.0.1", requestId: "req_1" }

function world() {
  const clock = createVirtualClock()
  const directory = createDirectory({
    clock,
    allWorkspaces: () => ["team"],
    openWorkspaces: () => [],
    isWorkspace: (id) => id === "team",
    isOpenWorkspace: () => false,
  })
  const user: User = {
    id: "usr_1" as UserId,
    name: "root",
    email: null,
    serverRole: "owner",
    frozen: false,
    createdAtMs: 0,
    version: 1,
  }
  directory.applyUser(user)
  const add = (id: string, change: Partial<ApiKey> = {}): ApiKey => {
    const key: ApiKey = {
      id: id as KeyId,
      name: "ray",
      description: "",
      userId: user.id,
      prefix: "",
      hash: id,
      role: "editor",
      generation: 1,
      workspaceId: "team",
      expiresAtMs: null,
      revokedAtMs: null,
      createdAtMs: 0,
      lastUsedAtMs: null,
      isSession: false,
      ...change,
    }
    directory.applyKey(key)
    return key
  }
  const bind = () => bindKey(directory, "ray", clock.nowMs())
  return { clock, directory, user, add, bind }
}

describe("a binding", () => {
  it("acts as the key, with the role of the moment and never on the server", () => {
    const { directory, user, add, bind } = world()
    add("key_1")
    const principal = bind()(from)
    expect(principal?.roleIn("team")).toBe("editor")
    expect(principal?.serverRole).toBeNull()
    expect(principal?.actor).toMatchObject({ kind: "key", keyId: "key_1", ...from })
    directory.applyMembership({ workspaceId: "team", userId: user.id, role: "viewer" })
    directory.applyUser({ ...user, serverRole: null, version: 2 })
    expect(bind()(from)?.roleIn("team")).toBe("viewer")
  })

  it("ends with its key, also where there is another one of the name", () => {
    const { clock, add, bind } = world()
    const key = add("key_1")
    const act = bind()
    add("key_1", { ...key, revokedAtMs: clock.nowMs() })
    add("key_2")
    expect(act(from)).toBeUndefined()
    expect(bind()(from)?.keyId).toBe("key_2")
  })

  it("ends when its key expires", async () => {
    const { clock, add, bind } = world()
    add("key_1", { expiresAtMs: clock.nowMs() + 1000 })
    const act = bind()
    expect(act(from)).toBeDefined()
    await clock.advance(1000)
    expect(act(from)).toBeUndefined()
    expect(bind).toThrow('There is no API key "ray" that holds.')
  })

  it("is none to a key that is not there, is not the only one, or is of no workspace", () => {
    const { add, bind } = world()
    expect(bind).toThrow('There is no API key "ray" that holds.')
    const key = add("key_1", { workspaceId: null })
    expect(bind).toThrow("is of no workspace")
    add("key_1", { ...key, workspaceId: "team" })
    add("key_2")
    expect(bind).toThrow('There are 2 API keys "ray".')
  })
})
