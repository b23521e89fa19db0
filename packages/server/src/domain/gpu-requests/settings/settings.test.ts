import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { GpuSettingsService } from "../commands.ts"
import { hourMs, openGpuWorld, type GpuWorld } from "../gpu-world-suite.ts"
import { createGpuSettingsIndex } from "./settings-index.ts"
import { mostTemplates } from "./templates.ts"
import type { Price } from "../types.ts"

let world: GpuWorld
beforeEach(async () => {
  world = await openGpuWorld()
})
afterEach(() => world.close())

type Template = Parameters<GpuSettingsService["createTemplate"]>[1]
type Binding = Parameters<GpuSettingsService["createBinding"]>[1]

const refused = (code: string, facts: object = {}): Error =>
  expect.objectContaining({ code, ...facts }) as Error
const aTemplate = (name: string, change: Partial<Template> = {}): Template => ({
  name,
  workspaceId: null,
  clusterName: "local",
  gpusPerNode: 1,
  nodes: 1,
  memoryGibPerGpu: 15,
  gpuModel: "Tesla-T4",
  instanceType: "n1-standard-8",
  durationMs: hourMs,
  priority: 101,
  enforceIdleTimeout: false,
  idleTimeoutMs: null,
  enableEviction: false,
  requeueOnFailure: true,
  ...change,
})
const aBinding = (...templates: readonly string[]): Binding => ({
  workspaceId: "red",
  clusters: [{ clusterName: "local", defaultTemplate: templates[0] ?? "", templates }],
  enableAutomatic: true,
})
const lastEvent = async () => (await world.journal()).events.at(-1)

/** What a restart would find. */
async function reloaded() {
  const { store, workspaces } = world
  const index = createGpuSettingsIndex({ workspace: (id) => workspaces.find(id) })
  index.load({
    templates: await store.gpuSettings.templates(store.committed),
    bindings: await store.gpuSettings.bindings(store.committed),
    prices: await store.gpuSettings.prices(store.committed),
  })
  return index
}

describe("templates", () => {
  it("are made, replaced and deleted, each with event and audit record", async () => {
    const { settings, owner } = world
    const made = await settings.createTemplate(owner, aTemplate("small"))
    expect(await settings.template(owner, "small")).toEqual(made)
    expect(await lastEvent()).toMatchObject({
      type: "gpu-template.created",
      subject: { kind: "gpu-template", id: "small" },
    })
    await world.clock.advance(1_000)
    const { workspaceId: _, ...change } = aTemplate("small", { nodes: 4, gpuModel: "", instanceType: "" })
    const after = await settings.updateTemplate(owner, change)
    expect(after).toMatchObject({ nodes: 4, gpuModel: "", createdAtMs: made.createdAtMs, version: 2 })
    expect(await settings.templates(owner)).toEqual([after])
    expect((await reloaded()).templates()).toEqual([after])
    await settings.deleteTemplate(owner, "small")
    expect(await settings.templates(owner)).toEqual([])
    expect((await world.journal()).audit[0]).toMatchObject({ operation: "gpu-template.write" })
    expect(await world.refusal(() => settings.deleteTemplate(owner, "small"))).toEqual(
      refused("not_found", { resource: "gpu-template", subject: "small" }),
    )
    expect(await world.refusal(() => settings.updateTemplate(owner, change))).toEqual(refused("not_found"))
  })

  it("of one name are one, also in the same instant, and whoever else has it", async () => {
    const { settings, owner } = world
    const both = await Promise.allSettled([
      settings.createTemplate(owner, aTemplate("small")),
      settings.createTemplate(owner, aTemplate("small", { workspaceId: "red" })),
    ])
    expect(both).toMatchObject([{ status: "fulfilled" }, { reason: { code: "already_exists" } }])
  })

  it("are a thousand of a workspace at most", async () => {
    const { settings, owner } = world
    const make = (name: string, more: Partial<Template> = {}) =>
      settings.createTemplate(owner, aTemplate(name, { workspaceId: "red", ...more }))
    await Promise.all(Array.from({ length: mostTemplates }, (_, at) => make(`one-${at}`)))
    expect(await world.refusal(() => make("more"))).toEqual(refused("too_many", { detail: "template_limit" }))
    expect(await make("of-others", { workspaceId: "blue" })).toMatchObject({ name: "of-others" })
    await settings.deleteTemplate(owner, "one-7")
    expect(await make("more")).toMatchObject({ name: "more" })
  })

  it.each<[string, Partial<Template>]>([
    ["name", { name: "Small One" }],
    ["name", { name: "x".repeat(64) }],
    ["name", { name: "" }],
    ["gpusPerNode", { gpusPerNode: 0 }],
    ["nodes", { nodes: 101 }],
    ["durationMs", { durationMs: 0 }],
    ["priority", { priority: 301 }],
    ["memoryGibPerGpu", { memoryGibPerGpu: -1 }],
    ["idleTimeoutMs", { enforceIdleTimeout: true }],
    ["idleTimeoutMs", { enforceIdleTimeout: true, idleTimeoutMs: 31 * 60_000 }],
    ["gpuModel", { gpuModel: "a\u0000" }],
    ["clusterName", { workspaceId: "red", clusterName: "lab" }],
  ])("refuse a bad %s: %j", async (member, change) => {
    const issues = [expect.objectContaining({ path: [member] })]
    const act = () => world.settings.createTemplate(world.owner, aTemplate("small", change))
    expect(await world.refusal(act)).toEqual(refused("invalid", { resource: "gpu-template", issues }))
  })

  it("refuse a cluster that nobody has", async () => {
    const act = () => world.settings.createTemplate(world.owner, aTemplate("small", { clusterName: "mars" }))
    expect(await world.refusal(act)).toEqual(refused("not_found", { resource: "cluster" }))
  })

  it("are changed by Editors of their workspace; those of the server by its Owners", async () => {
    const { settings, owner } = world
    const editor = await world.member("ed", "red", "editor")
    const viewer = await world.member("vic", "red", "viewer")
    const stranger = await world.member("sue", "blue", "owner")
    await settings.createTemplate(owner, aTemplate("shared"))
    await settings.createTemplate(editor, aTemplate("own", { workspaceId: "red" }))
    for (const [who, names] of [
      [editor, ["own", "shared"]],
      [viewer, ["own", "shared"]],
      [stranger, ["shared"]],
    ] as const)
      expect((await settings.templates(who)).map(({ name }) => name)).toEqual(names)
    const { workspaceId: _, ...change } = aTemplate("own", { nodes: 2 })
    await settings.updateTemplate(editor, change)
    expect((await settings.template(viewer, "own")).nodes).toBe(2)
    for (const [who, code] of [
      [viewer, "forbidden"],
      [stranger, "not_found"],
    ] as const) {
      expect(await world.refusal(() => settings.updateTemplate(who, change))).toEqual(refused(code))
      expect(await world.refusal(() => settings.deleteTemplate(who, "own"))).toEqual(refused(code))
    }
    expect(await world.refusal(() => settings.template(stranger, "own"))).toEqual(refused("not_found"))
    expect(await world.refusal(() => settings.deleteTemplate(editor, "shared"))).toEqual(refused("forbidden"))
    expect(await world.refusal(() => settings.createTemplate(editor, aTemplate("mine")))).toEqual(
      refused("forbidden"),
    )
    const foreign = aTemplate("mine", { workspaceId: "blue" })
    expect(await world.refusal(() => settings.createTemplate(editor, foreign))).toEqual(
      refused("not_found", { resource: "workspace" }),
    )
  })

  it("are not made for a workspace that is not there, or is being deleted", async () => {
    const { settings, owner } = world
    expect(
      await world.refusal(() => settings.createTemplate(owner, aTemplate("a", { workspaceId: "none" }))),
    ).toEqual(refused("not_found", { resource: "workspace", subject: "none" }))
    world.live.set("red", 1)
    await world.workspaces.remove(owner, "red", { force: true })
    expect(
      await world.refusal(() => settings.createTemplate(owner, aTemplate("a", { workspaceId: "red" }))),
    ).toEqual(refused("conflict", { detail: "deleting" }))
  })

  it("go with their workspace", async () => {
    await world.settings.createTemplate(world.owner, aTemplate("own", { workspaceId: "red" }))
    await world.settings.createTemplate(world.owner, aTemplate("shared"))
    await world.settings.createBinding(world.owner, aBinding("own"))
    await world.workspaces.remove(world.owner, "red", { force: false })
    expect(world.settingsIndex.templates().map(({ name }) => name)).toEqual(["shared"])
    expect(world.settingsIndex.binding("red")).toBeUndefined()
    const again = await reloaded()
    expect([again.templates().length, again.bindings().length]).toEqual([1, 0])
  })
})

describe("bindings", () => {
  beforeEach(async () => {
    for (const name of ["small", "large"]) await world.settings.createTemplate(world.owner, aTemplate(name))
  })

  it("are one for each workspace, made, replaced and deleted", async () => {
    const { settings, owner } = world
    const made = await settings.createBinding(owner, aBinding("small"))
    expect(made).toMatchObject({ ...aBinding("small"), version: 1 })
    expect(await lastEvent()).toMatchObject({ type: "gpu-binding.created", workspace: "red" })
    expect(await world.refusal(() => settings.createBinding(owner, aBinding("large")))).toEqual(
      refused("already_exists", { resource: "gpu-template-binding", subject: "red" }),
    )
    const after = await settings.updateBinding(owner, {
      ...aBinding("large", "small"),
      enableAutomatic: false,
    })
    expect(after).toMatchObject({ enableAutomatic: false, version: 2 })
    expect(await settings.bindings(owner)).toEqual([after])
    expect(await settings.binding(owner, "red")).toEqual(after)
    expect((await reloaded()).bindings()).toEqual([after])
    await settings.deleteBinding(owner, "red")
    for (const act of [
      () => settings.binding(owner, "red"),
      () => settings.deleteBinding(owner, "red"),
      () => settings.updateBinding(owner, aBinding("small")),
    ])
      expect(await world.refusal(act)).toEqual(
        refused("not_found", { resource: "gpu-template-binding", subject: "red" }),
      )
  })

  it("keep the templates that they name from being deleted, also in the same instant", async () => {
    const { settings, owner } = world
    await settings.createBinding(owner, aBinding("small", "large"))
    for (const name of ["small", "large"])
      expect(await world.refusal(() => settings.deleteTemplate(owner, name))).toEqual(
        refused("conflict", { detail: "bound", facts: { bindings: 1 } }),
      )
    await settings.deleteBinding(owner, "red")
    const [gone, bound] = await Promise.allSettled([
      settings.deleteTemplate(owner, "small"),
      settings.createBinding(owner, aBinding("small")),
    ])
    expect(gone.status).toBe("fulfilled")
    expect(bound).toMatchObject({ reason: { code: "not_found", resource: "gpu-template" } })
  })

  it("name clusters of the workspace and templates that are there for it", async () => {
    const { settings, owner } = world
    await settings.createTemplate(owner, aTemplate("foreign", { workspaceId: "blue" }))
    await settings.createTemplate(owner, aTemplate("elsewhere", { clusterName: "lab" }))
    const cluster = (change: Partial<Binding["clusters"][number]>) => ({
      ...aBinding("small"),
      clusters: [{ clusterName: "local", defaultTemplate: "small", templates: ["small"], ...change }],
    })
    const rows: readonly (readonly [Binding, Error])[] = [
      [aBinding("nothing"), refused("not_found", { resource: "gpu-template", subject: "nothing" })],
      [aBinding("foreign"), refused("not_found", { resource: "gpu-template" })],
      [cluster({ templates: ["nothing"] }), refused("not_found", { resource: "gpu-template" })],
      [cluster({ clusterName: "mars" }), refused("not_found", { resource: "cluster", subject: "mars" })],
      [cluster({ clusterName: "lab" }), refused("invalid", { resource: "gpu-template-binding" })],
      [cluster({ defaultTemplate: "elsewhere" }), refused("invalid")],
      [cluster({ defaultTemplate: "" }), refused("invalid")],
      [cluster({ templates: Array.from({ length: 101 }, () => "small") }), refused("invalid")],
      [{ ...aBinding("small"), clusters: [] }, refused("invalid")],
      [
        { ...aBinding(), clusters: [...aBinding("small").clusters, ...aBinding("large").clusters] },
        refused("invalid"),
      ],
      [{ ...aBinding("small"), workspaceId: "nowhere" }, refused("not_found", { resource: "workspace" })],
    ]
    for (const [binding, refusal] of rows)
      expect(await world.refusal(() => settings.createBinding(owner, binding))).toEqual(refusal)
  })

  it("are changed by Editors of the workspace, seen by its Viewers, and not there for others", async () => {
    const { settings } = world
    const editor = await world.member("ed", "red", "editor")
    const viewer = await world.member("vic", "red", "viewer")
    const stranger = await world.member("sue", "blue", "owner")
    await settings.createBinding(editor, aBinding("small"))
    expect((await settings.binding(viewer, "red")).workspaceId).toBe("red")
    expect(await settings.bindings(viewer)).toHaveLength(1)
    expect(await settings.bindings(stranger)).toEqual([])
    for (const act of [
      (who: GpuWorld["owner"]) => settings.updateBinding(who, aBinding("large")),
      (who: GpuWorld["owner"]) => settings.deleteBinding(who, "red"),
    ]) {
      expect(await world.refusal(() => act(viewer))).toEqual(refused("forbidden"))
      expect(await world.refusal(() => act(stranger))).toEqual(
        refused("not_found", { resource: "workspace" }),
      )
    }
    expect(await world.refusal(() => settings.binding(stranger, "red"))).toEqual(refused("not_found"))
  })

  it("are not made for a workspace that is being deleted", async () => {
    world.live.set("red", 1)
    await world.workspaces.remove(world.owner, "red", { force: true })
    expect(await world.refusal(() => world.settings.createBinding(world.owner, aBinding("small")))).toEqual(
      refused("conflict", { detail: "deleting" }),
    )
  })

  it("say, like the policy, whether work files requests, and from which template", async () => {
    const { settings, settingsIndex: index, owner, workspaces } = world
    expect([
      index.filesRequests("red"),
      index.filesRequests("default"),
      index.filesRequests("nowhere"),
    ]).toEqual([false, true, false])
    await settings.createBinding(owner, aBinding("small"))
    expect(index.filesRequests("red")).toBe(true)
    expect(index.automaticTemplate("red", "local")?.name).toBe("small")
    expect(index.automaticTemplate("red", "lab")).toBeUndefined()
    expect(index.automaticTemplate("default", "local")).toBeUndefined()
    await settings.updateBinding(owner, { ...aBinding("small"), enableAutomatic: false })
    expect(index.filesRequests("red")).toBe(false)
    expect(index.automaticTemplate("red", "local")).toBeUndefined()
    await workspaces.update(owner, "red", { policy: { autoGpuRequest: true } })
    expect(index.filesRequests("red")).toBe(true)
  })
})

describe("prices", () => {
  const aPrice = (change: Partial<Price> = {}): Price => ({
    gpuModel: "H100",
    instanceType: "",
    microsPerGpuHour: 2_500_000,
    currency: "EUR",
    ...change,
  })

  it("are one list, set as a whole, seen by everybody", async () => {
    const { settings, owner } = world
    const all = [aPrice(), aPrice({ instanceType: "h100-8g" }), aPrice({ gpuModel: "T4", currency: "USD" })]
    expect(await settings.setPrices(owner, all)).toEqual(all)
    expect(await lastEvent()).toMatchObject({ type: "prices.set", workspace: null, data: { prices: 3 } })
    const ann = await world.person("ann")
    expect(await settings.prices(ann)).toEqual(all)
    expect((await reloaded()).prices()).toEqual(all)
    await settings.setPrices(owner, [])
    expect(await settings.prices(ann)).toEqual([])
  })

  it.each<[string, Partial<Price>]>([
    ["gpuModel", { gpuModel: "" }],
    ["gpuModel", { gpuModel: "x".repeat(254) }],
    ["instanceType", { instanceType: "a\u0000" }],
    ["microsPerGpuHour", { microsPerGpuHour: -1 }],
    ["microsPerGpuHour", { microsPerGpuHour: 0.5 }],
    ["microsPerGpuHour", { microsPerGpuHour: 1e15 }],
    ["currency", { currency: "eur" }],
    ["currency", { currency: "" }],
  ])("refuse a bad %s: %j", async (member, change) => {
    const act = () => world.settings.setPrices(world.owner, [aPrice({ gpuModel: "T4" }), aPrice(change)])
    expect(await world.refusal(act)).toEqual(
      refused("invalid", { issues: [expect.objectContaining({ path: ["prices", 1, member] })] }),
    )
  })

  it("refuse two for the same GPUs, under whatever name, and too many", async () => {
    const twice = [aPrice(), aPrice({ gpuModel: "nvidia-h100-80gb-hbm3" })]
    const many = Array.from({ length: 1_001 }, (_, n) => aPrice({ gpuModel: `m${n}` }))
    for (const prices of [twice, many])
      expect(await world.refusal(() => world.settings.setPrices(world.owner, prices))).toEqual(
        refused("invalid"),
      )
  })

  it("are the server Owner's to set", async () => {
    const boss = await world.member("boss", "red", "owner")
    for (const who of [boss, await world.person("vera", "viewer")])
      expect(await world.refusal(() => world.settings.setPrices(who, []))).toEqual(refused("forbidden"))
  })
})
