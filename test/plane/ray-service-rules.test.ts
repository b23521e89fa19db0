import { describe, expect, it } from "vitest"
import type { Principal } from "../../packages/server/src/domain/identity/index.ts"
import type { NewRayService } from "../../packages/server/src/domain/ray/index.ts"
import { aHead, anAskedSpec, aSize, aWorkerGroup } from "../../packages/server/src/domain/ray/ray-suite.ts"
import { AppError } from "../../packages/server/src/kit/errors.ts"
import { aNode, type TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()
const everything = { limit: null, after: null }

/** Workspace `red` has an editor and a viewer; the stranger is of `blue`. */
async function start() {
  const p = await plane({ nodes: [aNode("c1", 0)] })
  for (const id of ["red", "blue"])
    await p.plane.workspaces.create(p.owner, { id, description: "", clusters: null, policy: {} })
  const editor = await p.member("ed", { red: "editor" })
  const viewer = await p.member("vi", { red: "viewer" })
  const stranger = await p.member("sam", { blue: "editor" })
  for (const [name, cpu] of Object.entries({ small: 1, huge: 1000 }))
    await p.plane.ray.templates.create(p.owner, { namespace: "red", name, ...aSize, cpu })
  return { p, services: p.plane.ray.services, editor, viewer, stranger }
}

function wanted(change: Partial<NewRayService> = {}): NewRayService {
  return {
    namespace: "red",
    name: "fruit",
    user: "ada",
    rayVersion: "2.60.0",
    serveConfig: "applications: [{name: fruit, import_path: fruit:app}]",
    serviceUnhealthySeconds: 0,
    deploymentUnhealthySeconds: 0,
    spec: anAskedSpec(),
    ...change,
  }
}

async function refusal(asked: Promise<unknown>): Promise<unknown> {
  try {
    await asked
  } catch (thrown) {
    if (thrown instanceof AppError) return [thrown.code, thrown.detail, thrown.resource]
    throw thrown
  }
  return null
}

type Services = TestPlane["plane"]["ray"]["services"]
type Act = (services: Services, who: Principal) => Promise<unknown>
const acts: readonly (readonly [string, Act])[] = [
  ["create", (services, who) => services.create(who, wanted({ name: "other" }))],
  ["update", (services, who) => services.update(who, wanted())],
  ["delete", (services, who) => services.delete(who, wanted())],
]

describe("Ray services", () => {
  it.each(acts)("let those %s who have the right, and are not there for strangers", async (_, act) => {
    const { services, editor, viewer, stranger } = await start()
    await services.create(editor, wanted())
    expect(await refusal(act(services, viewer))).toEqual(["forbidden", undefined, "workspace"])
    expect(await refusal(act(services, stranger))).toEqual(["not_found", undefined, expect.any(String)])
    expect((await services.get(viewer, wanted())).service.user).toBe("ada")
    expect(await refusal(services.get(stranger, wanted()))).toEqual(["not_found", undefined, "ray-service"])
    expect(await refusal(act(services, editor))).toBe(null)
  })

  it.each([
    ["a name that is there", {}, ["already_exists", undefined, "ray-service"]],
    ["no configuration", { name: "a", serveConfig: "" }, ["invalid", "no_serve_config", "ray-service"]],
    ["a bad name", { name: "A_b" }, ["invalid", "object", "ray-service"]],
    ["an unknown namespace", { namespace: "green" }, ["not_found", undefined, "namespace"]],
    [
      "an unknown template",
      { name: "a", spec: anAskedSpec({ head: { ...aHead, computeTemplate: "none" } }) },
      ["not_found", undefined, "compute-template"],
    ],
    [
      "more than any machine has",
      { name: "a", spec: anAskedSpec({ head: { ...aHead, computeTemplate: "huge" } }) },
      ["insufficient", undefined, "ray-cluster"],
    ],
  ] as const)("are not made with %s", async (_, change, error) => {
    const { p, services, editor } = await start()
    await services.create(editor, wanted())
    expect(await refusal(services.create(editor, wanted(change)))).toEqual(error)
    await p.advance(10_000)
    expect((await services.page(editor, null, everything)).items).toHaveLength(1)
  })

  it("stay as they are when an update is refused", async () => {
    const { p, services, editor } = await start()
    await services.create(editor, wanted())
    await p.until(async () => (await services.get(editor, wanted())).active !== null)
    const before = await services.get(editor, wanted())
    const spec = anAskedSpec({ workers: [{ ...aWorkerGroup, computeTemplate: "huge", minReplicas: 1 }] })
    for (const change of [{ serveConfig: "" }, { spec }, { user: "a b" }])
      expect(await refusal(services.update(editor, wanted(change)))).not.toBe(null)
    expect(await refusal(services.update(editor, wanted({ name: "none" })))).toEqual([
      "not_found",
      undefined,
      "ray-service",
    ])
    await p.advance(60_000)
    expect(await services.get(editor, wanted())).toEqual(before)
  })

  it("are listed in order, for those who may see them", async () => {
    const { services, editor, stranger, p } = await start()
    for (const name of ["pear", "apple", "fig"]) await services.create(editor, wanted({ name }))
    const first = await services.page(editor, "red", { limit: 2, after: null })
    expect(first.items.map(({ service }) => service.name)).toEqual(["apple", "fig"])
    const rest = await services.page(editor, "red", { limit: 2, after: first.next })
    expect(rest.items.map(({ service }) => service.name)).toEqual(["pear"])
    expect(rest.next).toBe(null)
    expect((await services.page(stranger, null, everything)).items).toEqual([])
    expect((await services.page(p.owner, null, everything)).items).toHaveLength(3)
  })

  it("are in journal and audit with who did it", async () => {
    const { p, services, editor } = await start()
    await services.create(editor, wanted())
    await services.update(editor, wanted({ user: "bob" }))
    await services.delete(editor, wanted())
    const filter = { workspaces: null }
    const told = (items: readonly { readonly actor: { readonly name: string } }[]) =>
      items.filter(({ actor }) => actor.name === "ed")
    const events = told(await p.store.journal.eventsAfter(p.store.committed, null, filter, 1000))
    expect(events).toMatchObject(
      ["created", "updated", "deleted"].map((did) => ({ type: `ray-service.${did}` })),
    )
    const { items } = await p.store.journal.auditPage(p.store.committed, filter, 1000, null)
    expect(told(items)).toHaveLength(3)
  })
})
