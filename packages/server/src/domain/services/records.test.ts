import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { AppError } from "../../kit/errors.ts"
import { createIds } from "../../kit/ids.ts"
import type { Principal } from "../identity/index.ts"
import { openPlatform } from "../workspaces/platform-suite.ts"
import type { NewServiceRecord, ServiceRecords, UserTest } from "./commands.ts"
import { createServiceRecords } from "./records.ts"
import { newServiceRecord, statusOf } from "./record-samples.ts"
import { createServiceRegisters } from "./registers.ts"
import type { JsonText, ModelVersionId, PipelineRunId } from "./types.ts"

async function openWorld() {
  const platform = await openPlatform()
  const { store, clock, workspaces, owner, directory } = platform
  for (const id of ["red", "blue"]) await platform.workspace(id)
  const editor = await platform.person("ed")
  const viewer = await platform.person("vi")
  const stranger = await platform.person("sam")
  await workspaces.setMember(owner, "red", editor.userId, "editor")
  await workspaces.setMember(owner, "red", viewer.userId, "viewer")
  await workspaces.setMember(owner, "blue", stranger.userId, "editor")
  let ulids = 0
  const options = {
    store,
    rows: store.services,
    clock,
    ids: { ulid: () => createIds(clock.nowMs, () => ++ulids / 1000).ulid() },
    users: () => directory.users(),
    workspaceRow: store.workspaces.byId,
  }
  return {
    ...platform,
    editor,
    viewer,
    stranger,
    records: createServiceRecords(options),
    registers: createServiceRegisters(options),
  }
}

const aRecord = (change: Partial<NewServiceRecord> = {}) =>
  newServiceRecord({ workspaceId: "red", ...change })

const all: Omit<Parameters<ServiceRecords["list"]>[1], "users"> & { readonly users: readonly never[] } = {
  workspaceId: "red",
  scopeUserId: null,
  match: "all",
  conditions: [],
  users: [],
  sort: { column: "created", descending: false },
  offset: 0,
  limit: 100,
  isDetailed: true,
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = AppError.from(
    await work.then(
      () => new Error("it was done"),
      (thrown: unknown) => thrown,
    ),
  )
  return [error.code, error.resource, error.detail].filter(Boolean).join(" ")
}

describe("records of model servers", () => {
  let world: Awaited<ReturnType<typeof openWorld>>
  beforeEach(async () => {
    world = await openWorld()
  })
  afterEach(() => world.close())

  it("are made, read, changed in part and deleted, each change with its event and audit record", async () => {
    const { records, editor, viewer, store, clock } = world
    const { record } = await records.create(
      editor,
      aRecord({ labels: '{"a": "b"}' as JsonText, status: statusOf("active") }),
    )
    expect(record).toMatchObject({ userId: editor.userId, workspaceId: "red", state: "active" })
    expect(record.updatedAtUs).toBe(record.createdAtUs)
    expect(Math.floor(record.createdAtUs / 1000)).toBe(clock.nowMs())
    expect((await records.get(viewer, record.id)).record).toEqual(record)
    const changed = await records.update(editor, record.id, { name: "new", labels: null })
    expect(changed.record).toMatchObject({
      name: "new",
      labels: null,
      state: "active",
      config: record.config,
    })
    expect(changed.record.updatedAtUs).toBeGreaterThan(record.updatedAtUs)
    const without = await records.update(editor, record.id, { status: null })
    expect(without.record).toMatchObject({ name: "new", status: null, state: null })
    await records.delete(editor, record.id)
    expect(await refusal(records.get(editor, record.id))).toBe("not_found service-record")
    expect(await refusal(records.delete(editor, record.id))).toBe("not_found service-record")
    const subject = { kind: "service-record", id: record.id } as const
    const items = await store.journal.latestEvents(store.committed, subject, 10)
    expect(items.map(({ type }) => type).toSorted()).toEqual([
      "service-record.created",
      "service-record.deleted",
      "service-record.updated",
      "service-record.updated",
    ])
  })

  it("are nobody's business without a role, and nobody's to change without the right", async () => {
    const { records, editor, viewer, stranger } = world
    const { record } = await records.create(editor, aRecord())
    const tries: Readonly<Record<string, (who: Principal) => Promise<unknown>>> = {
      create: (who) => records.create(who, aRecord()),
      get: (who) => records.get(who, record.id),
      update: (who) => records.update(who, record.id, { name: "x" }),
      delete: (who) => records.delete(who, record.id),
    }
    for (const [name, attempt] of Object.entries(tries)) {
      const what = name === "create" ? "workspace" : "service-record"
      expect(await refusal(attempt(stranger)), name).toBe(`not_found ${what}`)
      if (name !== "get") expect(await refusal(attempt(viewer)), name).toBe("forbidden workspace")
    }
    expect(await refusal(records.list(stranger, { ...all, workspaceId: "red" }))).toBe("not_found workspace")
    expect((await records.list(stranger, { ...all, workspaceId: "blue" })).total).toBe(0)
    expect((await records.list(viewer, all)).total).toBe(1)
    expect((await records.list(world.owner, all)).total).toBe(1)
  })

  it("have a config once on the server, whoever has the other, before their links are looked at", async () => {
    const { records, editor, stranger } = world
    const { record } = await records.create(editor, aRecord())
    const same = aRecord({ config: record.config, workspaceId: "blue", pipelineRunId: nowhere })
    expect(await refusal(records.create(stranger, same))).toBe("already_exists service-record config")
    const twins = [1, 2, 3].map(() => records.create(editor, aRecord({ config: '{"twin": 1}' as JsonText })))
    const done = await Promise.allSettled(twins)
    expect(done.filter(({ status }) => status === "fulfilled")).toHaveLength(1)
  })

  const nowhere = "00000000-0000-0000-0000-000000000000" as PipelineRunId & ModelVersionId

  it.each(["a\u0000b", "\u001b[2J", "\u009b2J", "half \ud800"])(
    "have no runs and model versions whose names could steer a terminal, such as %j",
    async (text) => {
      const { registers, editor } = world
      const run = {
        workspaceId: "red",
        name: text,
        pipelineName: text,
        status: "running",
        modelVersionId: null,
      } as const
      const model = { workspaceId: "red", modelName: text, name: text, stage: text }
      const refused = (paths: readonly string[]) => ({
        code: "invalid",
        issues: paths.map((path) => ({ path: [path], message: "must not have control characters" })),
      })
      await expect(registers.runs.create(editor, run)).rejects.toMatchObject(
        refused(["name", "pipelineName"]),
      )
      await expect(registers.modelVersions.create(editor, model)).rejects.toMatchObject(
        refused(["modelName", "name", "stage"]),
      )
    },
  )

  it("link to runs and model versions of their own workspace: the run is looked at first", async () => {
    const { records, registers, editor, stranger } = world
    const model = { workspaceId: "red", modelName: "churn", name: null, stage: null }
    const first = await registers.modelVersions.create(editor, model)
    const second = await registers.modelVersions.create(editor, model)
    expect([first.number, second.number, second.modelId]).toEqual([1, 2, first.modelId])
    const run = {
      workspaceId: "red",
      name: "r",
      pipelineName: "p",
      status: "running",
      modelVersionId: first.id,
    } as const
    const made = await registers.runs.create(editor, run)
    const view = await records.create(editor, aRecord({ pipelineRunId: made.id, modelVersionId: second.id }))
    expect(view).toMatchObject({ run: made, modelVersion: second })
    const { record: whole, ...links } = view
    const [listed] = (await records.list(editor, all)).first
    expect(listed).toMatchObject(links)
    expect({ ...listed?.summary, ...listed?.details }).toEqual(whole)
    expect(
      await refusal(records.create(editor, aRecord({ pipelineRunId: nowhere, modelVersionId: nowhere }))),
    ).toBe("not_found pipeline-run")
    expect(await refusal(records.create(editor, aRecord({ modelVersionId: nowhere })))).toBe(
      "not_found model-version",
    )
    const abroad = aRecord({ workspaceId: "blue", pipelineRunId: made.id })
    expect(await refusal(records.create(stranger, abroad))).toBe("not_found pipeline-run")
    expect(await refusal(records.update(editor, view.record.id, { modelVersionId: nowhere }))).toBe(
      "not_found model-version",
    )
    expect(await refusal(registers.runs.create(stranger, run))).toBe("not_found workspace")
    expect(await refusal(registers.runs.get(stranger, made.id))).toBe("not_found pipeline-run")
    await registers.runs.delete(editor, made.id)
    expect((await records.get(editor, view.record.id)).run).toBeNull()
    expect((await registers.modelVersions.page(editor, null, { limit: 1, before: null }))[0]).toEqual(second)
    expect(await registers.modelVersions.page(stranger, null, { limit: 1, before: null })).toEqual([])
  })

  it("are found by who made them", async () => {
    const { records, editor, owner } = world
    await records.create(editor, aRecord({ name: "by ed" }))
    await records.create(owner, aRecord({ name: "by owner" }))
    const madeBy = async (...users: UserTest[]) =>
      (await records.list(owner, { ...all, users })).first.map(({ summary }) => summary.name)
    expect(await madeBy(({ name }) => name === "ed")).toEqual(["by ed"])
    expect(await madeBy(({ id }) => id === owner.userId)).toEqual(["by owner"])
    expect(await madeBy(() => true)).toEqual(["by ed", "by owner"])
    expect(await madeBy(() => false)).toEqual([])
    expect(
      await madeBy(
        () => true,
        ({ name }) => name === "ed",
      ),
      "all of them hold",
    ).toEqual(["by ed"])
  })

  it("are not born into a workspace that is being deleted", async () => {
    const { records, registers, owner, workspaces, live } = world
    live.set("red", 1)
    await workspaces.remove(owner, "red", { force: true })
    expect(await refusal(records.create(owner, aRecord()))).toBe("conflict workspace deleting")
    const run = {
      workspaceId: "red",
      name: "r",
      pipelineName: null,
      status: "running",
      modelVersionId: null,
    } as const
    expect(await refusal(registers.runs.create(owner, run))).toBe("conflict workspace deleting")
  })

  it("have instants that grow, also within a millisecond", async () => {
    const { records, editor } = world
    const made = await Promise.all([1, 2, 3].map(() => records.create(editor, aRecord())))
    const at = made.map(({ record }) => record.createdAtUs)
    expect(new Set(at).size).toBe(3)
    expect((await records.list(editor, all)).first).toHaveLength(3)
  })
})
