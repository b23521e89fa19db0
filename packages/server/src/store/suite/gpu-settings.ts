import { afterEach, beforeEach, describe, expect, it } from "vitest"
import {
  type Price,
  gpuBindingChanged,
  gpuTemplateChanged,
  pricesChanged,
} from "../../domain/gpu-requests/index.ts"
import type { Topic, Tx } from "../../domain/journal/index.ts"
import { sampleGpuBinding, sampleGpuTemplate, sampleWorkspace } from "../samples.ts"
import { type OpenHarness, type StoreHarness, failure } from "./harness.ts"

/** Templates, bindings and prices: what goes in comes out, versions guard, topics tell. */
export function gpuSettingsCases(open: OpenHarness): void {
  let harness: StoreHarness
  beforeEach(async () => {
    harness = await open()
  })
  afterEach(() => harness.dispose())

  function told<T>(of: Topic<T>): T[] {
    const values: T[] = []
    harness.store.subscribe(of, (value) => values.push(value))
    return values
  }
  const write = (closure: (tx: Tx) => Promise<void>) => harness.store.tx(closure)

  describe("templates", () => {
    it("come back whole and by name, guard their versions and tell each change", async () => {
      const { gpuSettings, committed } = harness.store
      const seen = told(gpuTemplateChanged)
      const template = sampleGpuTemplate("small", {
        workspaceId: "a",
        idleTimeoutMs: 5,
        memoryGibPerGpu: null,
      })
      await write((tx) => gpuSettings.insertTemplate(tx, sampleGpuTemplate("a-large", { gpusPerNode: 8 })))
      await write((tx) => gpuSettings.insertTemplate(tx, template))
      const changed = { ...template, workspaceId: null, enforceIdleTimeout: true, priority: 201 }
      await write((tx) => gpuSettings.updateTemplate(tx, changed))
      const after = { ...changed, version: 2 }
      expect(await gpuSettings.template(committed, "small")).toEqual(after)
      expect((await gpuSettings.templates(committed)).map(({ name }) => name)).toEqual(["a-large", "small"])
      const late = write((tx) => gpuSettings.updateTemplate(tx, template))
      await expect(late).rejects.toMatchObject({ ...failure("stale"), resource: "gpu-template" })
      await write((tx) => gpuSettings.deleteTemplate(tx, "small"))
      expect(await gpuSettings.template(committed, "small")).toBeUndefined()
      expect(seen.slice(1)).toEqual([
        { template, gone: false },
        { template: after, gone: false },
        { template: after, gone: true },
      ])
    })

    it("have names of their own, and are deleted once", async () => {
      const { gpuSettings } = harness.store
      await write((tx) => gpuSettings.insertTemplate(tx, sampleGpuTemplate("small")))
      const twin = write((tx) => gpuSettings.insertTemplate(tx, sampleGpuTemplate("small", { nodes: 2 })))
      await expect(twin).rejects.toMatchObject({ ...failure("already_exists"), subject: "small" })
      await write((tx) => gpuSettings.deleteTemplate(tx, "small"))
      const again = write((tx) => gpuSettings.deleteTemplate(tx, "small"))
      await expect(again).rejects.toMatchObject({ ...failure("not_found"), resource: "gpu-template" })
    })
  })

  describe("bindings", () => {
    it("come back whole, one per workspace, guard their versions and tell each change", async () => {
      const { gpuSettings, committed } = harness.store
      const seen = told(gpuBindingChanged)
      const binding = sampleGpuBinding("a")
      await write((tx) => gpuSettings.insertBinding(tx, binding))
      const twin = write((tx) => gpuSettings.insertBinding(tx, sampleGpuBinding("a")))
      await expect(twin).rejects.toMatchObject({
        ...failure("already_exists"),
        resource: "gpu-template-binding",
      })
      const changed = { ...binding, clusters: [], enableAutomatic: true }
      await write((tx) => gpuSettings.updateBinding(tx, changed))
      const after = { ...changed, version: 2 }
      expect(await gpuSettings.binding(committed, "a")).toEqual(after)
      const late = write((tx) => gpuSettings.updateBinding(tx, binding))
      await expect(late).rejects.toMatchObject(failure("stale"))
      await write((tx) => gpuSettings.deleteBinding(tx, "a"))
      expect(await gpuSettings.bindings(committed)).toEqual([])
      const again = write((tx) => gpuSettings.deleteBinding(tx, "a"))
      await expect(again).rejects.toMatchObject(failure("not_found"))
      expect(seen).toEqual([
        { binding, gone: false },
        { binding: after, gone: false },
        { binding: after, gone: true },
      ])
    })

    it("go with their workspace, so that the next of its name starts without one", async () => {
      const { gpuSettings, workspaces, committed } = harness.store
      await write((tx) => workspaces.insert(tx, sampleWorkspace("a")))
      await write((tx) => gpuSettings.insertBinding(tx, sampleGpuBinding("a")))
      await write((tx) => gpuSettings.insertBinding(tx, sampleGpuBinding("b")))
      const seen = told(gpuBindingChanged)
      await write((tx) => workspaces.delete(tx, "a"))
      expect(await gpuSettings.bindings(committed)).toEqual([sampleGpuBinding("b")])
      expect(seen).toEqual([{ binding: sampleGpuBinding("a"), gone: true }])
    })
  })

  describe("prices", () => {
    const price = (gpuModel: string, change: Partial<Price> = {}): Price => ({
      gpuModel,
      instanceType: "",
      microsPerGpuHour: 2_500_000,
      currency: "EUR",
      ...change,
    })

    it("are replaced as a whole, or not at all", async () => {
      const { gpuSettings, committed } = harness.store
      const seen = told(pricesChanged)
      expect(await gpuSettings.prices(committed)).toEqual([])
      const first = [price("H100"), price("H100", { instanceType: "big", microsPerGpuHour: 9_007_199_254 })]
      await write((tx) => gpuSettings.setPrices(tx, first))
      const second = [price("A100"), price("T4", { currency: "USD", microsPerGpuHour: 0 })]
      await write((tx) => gpuSettings.setPrices(tx, second))
      const twice = write((tx) => gpuSettings.setPrices(tx, [price("L4"), price("L4")]))
      await expect(twice).rejects.toMatchObject({ ...failure("already_exists"), resource: "price" })
      expect(await gpuSettings.prices(committed)).toEqual(second)
      expect(seen).toEqual([first, second])
    })
  })
}
