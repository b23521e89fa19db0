import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { AppError } from "../../../kit/errors.ts"
import { createVault } from "../../../kit/vault.ts"
import type { Principal } from "../../identity/index.ts"
import { openPlatform } from "../../workspaces/platform-suite.ts"
import type { NewComputeTemplate } from "../commands.ts"
import { aSize } from "../ray-suite.ts"
import { createConfigEntries, sealContext } from "./config-entries.ts"
import { defaultRayLimits } from "./options.ts"
import { createRayTemplates } from "./templates.ts"

let platform: Awaited<ReturnType<typeof openPlatform>>
let editor: Principal
let viewer: Principal
let stranger: Principal
const vault = createVault(new Uint8Array(32).fill(7))

function open(limits = defaultRayLimits) {
  const { store, clock, index } = platform
  const options = {
    store,
    rows: store.ray,
    clock,
    vault,
    limits,
    namespaceOwner: (name: string) => index.namespaceOwner(name),
    workspaceRow: store.workspaces.byId,
  }
  return {
    templates: createRayTemplates(options),
    configMaps: createConfigEntries(options, "configMap"),
    secrets: createConfigEntries(options, "secret"),
  }
}

const template = (name: string, change: Partial<NewComputeTemplate> = {}): NewComputeTemplate => ({
  namespace: "red",
  name,
  ...aSize,
  ...change,
})

/** Code, detail and resource of what is refused. */
async function refusal(asked: Promise<unknown>): Promise<unknown> {
  try {
    await asked
  } catch (thrown) {
    if (thrown instanceof AppError) return [thrown.code, thrown.detail, thrown.resource]
    throw thrown
  }
  return null
}

beforeAll(async () => {
  platform = await openPlatform()
  const { workspaces, owner } = platform
  for (const id of ["red", "blue"]) await platform.workspace(id)
  editor = await platform.person("ed")
  viewer = await platform.person("vi")
  stranger = await platform.person("sam")
  await workspaces.setMember(owner, "red", editor.userId, "editor")
  await workspaces.setMember(owner, "red", viewer.userId, "viewer")
  await workspaces.setMember(owner, "blue", stranger.userId, "editor")
})

afterAll(() => platform.close())

describe("compute templates", () => {
  it("are made, read, listed and deleted", async () => {
    const { templates } = open()
    const made = await templates.create(editor, template("one", { memoryUnit: "" }))
    expect(made).toMatchObject({ name: "one", workspaceId: "red", memoryUnit: "Gi" })
    expect(await templates.get(viewer, made)).toEqual(made)
    expect(await templates.list(viewer, "red")).toEqual([made])
    expect(await templates.list(viewer, null)).toEqual([made])
    await templates.delete(editor, made)
    expect(await refusal(templates.get(editor, made))).toEqual(["not_found", undefined, "compute-template"])
    expect(await refusal(templates.delete(editor, made))).toEqual([
      "not_found",
      undefined,
      "compute-template",
    ])
    const { events, audit } = await platform.journal()
    const about = { kind: "compute-template", id: "red/one" }
    expect(events.slice(-2)).toMatchObject([
      { type: "compute-template.created", subject: about, workspace: "red" },
      { type: "compute-template.deleted", subject: about, workspace: "red" },
    ])
    expect(audit[0]).toMatchObject({ operation: "ray.write", subject: about, actor: editor.actor })
  })

  it("are no secret to readers, not to be changed by them, and not there for others", async () => {
    const { templates } = open()
    const made = await templates.create(editor, template("seen"))
    expect(await refusal(templates.create(viewer, template("mine")))).toContain("forbidden")
    expect(await refusal(templates.delete(viewer, made))).toContain("forbidden")
    for (const namespace of ["red", "nowhere"]) {
      const missing = refusal(templates.create(stranger, template("x", { namespace })))
      expect(await missing).toEqual(["not_found", undefined, "namespace"])
      expect(await templates.list(stranger, namespace)).toEqual([])
    }
    expect(await refusal(templates.get(stranger, made))).toEqual(["not_found", undefined, "compute-template"])
    expect(await refusal(templates.delete(stranger, made))).toEqual([
      "not_found",
      undefined,
      "compute-template",
    ])
    expect(await templates.list(stranger, null)).toEqual([])
    await templates.delete(editor, made)
  })

  it("are refused with a memory or a name that Kubernetes does not take", async () => {
    const { templates } = open()
    expect(await refusal(templates.create(editor, template("x", { memoryUnit: "Foo" })))).toEqual([
      "invalid",
      "memory_quantity",
      "compute-template",
    ])
    for (const name of ["X", "x".repeat(64)])
      expect(await refusal(templates.create(editor, template(name)))).toEqual([
        "invalid",
        "object",
        "compute-template",
      ])
  })

  it("are as many as the limit says", async () => {
    const { templates } = open({ ...defaultRayLimits, mostTemplates: 1 })
    const first = await templates.create(editor, template("first"))
    expect(await refusal(templates.create(editor, template("second")))).toEqual([
      "too_many",
      "objects_full",
      "workspace",
    ])
    const elsewhere = await templates.create(stranger, template("second", { namespace: "blue" }))
    await templates.delete(editor, first)
    await templates.delete(stranger, elsewhere)
  })

  it("share their names with config maps, not with secrets", async () => {
    const { templates, configMaps, secrets } = open()
    const made = await templates.create(editor, template("both"))
    expect(await refusal(templates.create(editor, template("both")))).toContain("already_exists")
    expect(await refusal(configMaps.put(editor, made, {}))).toEqual([
      "already_exists",
      undefined,
      "compute-template",
    ])
    await secrets.put(editor, made, {})
    await templates.delete(editor, made)
    await configMaps.put(editor, made, {})
    expect(await refusal(templates.create(editor, template("both")))).toContain("already_exists")
  })
})

describe("config maps", () => {
  it("of a server owner are changed by server owners alone", async () => {
    const { configMaps } = open()
    const { owner } = platform
    const at = { namespace: "red", name: "owned" }
    await configMaps.put(editor, at, { a: "editor's" })
    await configMaps.put(owner, at, { a: "owner's" })
    for (const attempt of [configMaps.put(editor, at, { a: "x" }), configMaps.delete(editor, at)])
      expect(await refusal(attempt)).toEqual(["forbidden", undefined, "config-map"])
    expect((await configMaps.get(viewer, at)).data).toEqual({ a: "owner's" })
    await configMaps.delete(owner, at)
  })

  it("are made, replaced and deleted, with values for readers", async () => {
    const { configMaps } = open()
    const at = { namespace: "red", name: "settings" }
    await configMaps.put(editor, at, { b: "2", "a.py": "1" })
    expect(await configMaps.get(viewer, at)).toMatchObject({
      data: { b: "2", "a.py": "1" },
      keys: ["a.py", "b"],
    })
    const second = await configMaps.put(editor, at, { c: "3" })
    expect(await configMaps.get(viewer, at)).toEqual(second)
    expect(second.data).toEqual({ c: "3" })
    expect((await configMaps.list(viewer, "red")).map(({ name }) => name)).toContain("settings")
    expect(await refusal(configMaps.put(viewer, at, {}))).toContain("forbidden")
    expect(await refusal(configMaps.get(stranger, at))).toEqual(["not_found", undefined, "config-map"])
    await configMaps.delete(editor, at)
    expect(await refusal(configMaps.delete(editor, at))).toEqual(["not_found", undefined, "config-map"])
  })

  it.each(["", "a/b", "ü", ".", "..", "..x", "k".repeat(254)])("have no key %j", async (key) => {
    const put = open().configMaps.put(editor, { namespace: "red", name: "k" }, { [key]: "" })
    expect(await refusal(put)).toEqual(["invalid", "object", "config-map"])
  })

  it("hold a MiB with their keys, counted in bytes", async () => {
    const { configMaps } = open()
    const at = { namespace: "red", name: "full" }
    const value = "ä".repeat(524_287)
    await configMaps.put(editor, at, { ab: value })
    expect(await refusal(configMaps.put(editor, at, { abc: value }))).toEqual([
      "invalid",
      "object",
      "config-map",
    ])
    await configMaps.delete(editor, at)
  })

  it("are as many as the limit says, and can be replaced then", async () => {
    const count = (await open().configMaps.list(editor, "red")).length
    const { configMaps } = open({ ...defaultRayLimits, mostEntries: count + 1 })
    const at = { namespace: "red", name: "last" }
    await configMaps.put(editor, at, {})
    await configMaps.put(editor, at, { a: "" })
    expect(await refusal(configMaps.put(editor, { ...at, name: "more" }, {}))).toContain("too_many")
    await configMaps.delete(editor, at)
  })
})

describe("secrets", () => {
  const at = { namespace: "red", name: "login" }
  const word = "open-sesame-42"

  it("are sealed where they are kept, and shown by their keys alone", async () => {
    const { secrets } = open()
    const made = await secrets.put(editor, at, { password: word, user: "ali" })
    expect(made).toMatchObject({ data: null, keys: ["password", "user"] })
    expect(await secrets.get(editor, at)).toEqual(made)
    expect(await secrets.list(editor, null)).toContainEqual(made)
    const row = await platform.store.ray.entries.get(platform.store.committed, "secret", "red", "login")
    const kept = row?.data["password"] ?? ""
    expect(vault.open(kept, sealContext(at, "password"))).toBe(word)
    expect(vault.open(kept, sealContext(at, "user"))).toBeUndefined()
    const refused = await secrets.put(editor, at, { "a/b": word }).catch((thrown: unknown) => thrown)
    const shown = [row, await platform.journal(), refused, String(refused), Object(refused).issues]
    expect(JSON.stringify(shown)).toContain("a/b")
    expect(JSON.stringify(shown)).not.toContain(word)
  })

  it("are not even listed for readers", async () => {
    const { secrets } = open()
    await secrets.put(editor, at, { password: word })
    expect(await refusal(secrets.list(viewer, "red"))).toContain("forbidden")
    expect(await secrets.list(viewer, null)).toEqual([])
    expect(await refusal(secrets.get(viewer, at))).toContain("forbidden")
    expect(await refusal(secrets.delete(viewer, at))).toContain("forbidden")
    expect(await refusal(secrets.get(stranger, at))).toEqual(["not_found", undefined, "secret"])
    await secrets.delete(editor, at)
  })
})
