import type { GpuBinding, GpuTemplate, ReplaceGpuTemplate } from "@berth/contract/berth"
import { BerthError, collect } from "@berth/sdk"
import { usageError } from "../cli-error.ts"
import type { CommonOptions } from "../connect.ts"
import { connect } from "../connect.ts"
import { shapeText } from "../gpu-request-facts.ts"
import type { GpuWishOptions } from "../gpu-wish.ts"
import { wishFor } from "../gpu-wish.ts"
import { humanSeconds } from "../human.ts"
import { writeDone, writeList } from "../output.ts"
import type { Terminal } from "../terminal.ts"

/** `berth gpus templates`. */
export async function templatesList(terminal: Terminal, options: CommonOptions): Promise<void> {
  const session = await connect(terminal, options)
  const rows = await collect((page) => session.client.berth.gpuTemplates(page))
  await writeList(terminal, session.form, {
    rows,
    columns: [
      { title: "NAME", cell: (one: GpuTemplate) => one.name },
      { title: "OF", cell: (one) => one.workspaceId ?? "all" },
      { title: "CLUSTER", cell: (one) => one.clusterId },
      { title: "GPUS", cell: shapeText },
      { title: "INSTANCE", cell: (one) => one.instanceType ?? "any" },
      { title: "FOR", cell: (one) => humanSeconds(one.durationSeconds), align: "right" },
      { title: "PRIORITY", cell: (one) => one.priority, align: "right" },
    ],
    empty: "There are no templates.",
  })
}

/** `berth gpus templates set`: makes it, or replaces what it says. */
export async function templateSet(terminal: Terminal, name: string, options: GpuWishOptions): Promise<void> {
  const session = await connect(terminal, options)
  const template = toTemplate(await wishFor(session, options))
  const { berth } = session.client
  const { workspace } = options
  const answer = await berth
    .replaceGpuTemplate(name, template)
    .catch(whenMissing(() => berth.createGpuTemplate({ name, workspaceId: workspace ?? null, ...template })))
  await writeDone(terminal, session.form, `Template ${answer.name} asks for ${shapeText(answer)}.`, answer)
}

/** @throws CliError for what only a request may leave open */
function toTemplate(wish: Awaited<ReturnType<typeof wishFor>>): ReplaceGpuTemplate {
  const { workspaceId: _, name: _name, clusters = [], ...rest } = wish
  const [clusterId, another] = clusters
  if (clusterId === undefined || another !== undefined)
    throw usageError(
      "A template names one --cluster.",
      "berth gpus templates set NAME --cluster local --gpus 8 --for 4h",
    )
  return { ...rest, clusterId }
}

/** `berth gpus templates rm`. */
export async function templateRemove(
  terminal: Terminal,
  name: string,
  options: CommonOptions,
): Promise<void> {
  const session = await connect(terminal, options)
  await session.client.berth.deleteGpuTemplate(name)
  await writeDone(terminal, session.form, `Template ${name} is gone.`, { name })
}

/** `berth gpus bindings`. */
export async function bindingsList(terminal: Terminal, options: CommonOptions): Promise<void> {
  const session = await connect(terminal, options)
  const rows = await collect((page) => session.client.berth.gpuBindings(page))
  await writeList(terminal, session.form, {
    rows,
    columns: [
      { title: "WORKSPACE", cell: (one: GpuBinding) => one.workspaceId },
      { title: "AUTOMATIC", cell: (one) => (one.enableAutomatic ? "yes" : "no") },
      { title: "TEMPLATES", cell: (one) => one.clusters.map(clusterText).join("; ") },
    ],
    empty: "No workspace has templates.",
  })
}

function clusterText({ clusterId, defaultTemplate, templates }: GpuBinding["clusters"][number]): string {
  const others = templates.filter((name) => name !== defaultTemplate)
  return `${clusterId}: ${[defaultTemplate ?? "", ...others].join(" ").trim()}`
}

export interface BindingOptions extends CommonOptions {
  readonly template?: readonly string[]
  readonly automatic?: boolean
}

/** `berth gpus bindings set`: the first template of a cluster is the one that automatic requests are made from. */
export async function bindingSet(terminal: Terminal, id: string, options: BindingOptions): Promise<void> {
  const names = options.template ?? []
  if (names.length === 0)
    throw usageError("Say which templates: --template NAME.", `berth gpus bindings set ${id} --template NAME`)
  const session = await connect(terminal, options)
  const { berth } = session.client
  const templates = await Promise.all(names.map((name) => berth.gpuTemplate(name)))
  const binding = { clusters: byCluster(templates), enableAutomatic: options.automatic ?? false }
  const answer = await berth
    .replaceGpuBinding(id, binding)
    .catch(whenMissing(() => berth.createGpuBinding({ workspaceId: id, ...binding })))
  const automatic = answer.enableAutomatic ? "; work files requests from them by itself" : ""
  await writeDone(terminal, session.form, `${id} uses ${names.join(", ")}${automatic}.`, answer)
}

function byCluster(templates: readonly GpuTemplate[]): GpuBinding["clusters"] {
  const found = new Map<string, string[]>()
  for (const { clusterId, name } of templates) found.set(clusterId, [...(found.get(clusterId) ?? []), name])
  return [...found].map(([clusterId, names]) => ({
    clusterId,
    defaultTemplate: names[0] ?? "",
    templates: names,
  }))
}

/** `berth gpus bindings rm`. */
export async function bindingRemove(terminal: Terminal, id: string, options: CommonOptions): Promise<void> {
  const session = await connect(terminal, options)
  await session.client.berth.deleteGpuBinding(id)
  await writeDone(terminal, session.form, `${id} has no templates any more.`, { workspaceId: id })
}

/** What to do instead where there is no such thing yet. */
function whenMissing<T>(make: () => Promise<T>) {
  return (error: unknown): Promise<T> => {
    if (error instanceof BerthError && error.status === 404) return make()
    throw error
  }
}
