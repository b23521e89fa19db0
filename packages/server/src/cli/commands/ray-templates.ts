import type { ComputeTemplate } from "@berth/contract/kuberay"
import { ComputeTemplateSchema, encodeBody } from "@berth/contract/kuberay"
import type { Column } from "../output.ts"
import { writeDone, writeList } from "../output.ts"
import type { RayOptions } from "../ray-place.ts"
import { checkName, connectRay } from "../ray-place.ts"
import type { TypedSize } from "../ray-templates.ts"
import { readRaySize } from "../ray-templates.ts"
import type { Terminal } from "../terminal.ts"
import type { RayListOptions } from "./ray-ls.ts"

const valueOf = (template: ComputeTemplate): unknown =>
  JSON.parse(encodeBody(ComputeTemplateSchema, template))

/** `berth ray templates ls`: the sizes that clusters can have by name. */
export async function rayTemplatesList(terminal: Terminal, options: RayListOptions): Promise<void> {
  const session = await connectRay(terminal, options)
  const { client, namespace, form } = session
  const { computeTemplates: rows } = options.all
    ? await client.kuberay.listAllComputeTemplates({})
    : await client.kuberay.listComputeTemplates({ namespace })
  const empty = "There are no compute templates. `berth ray up` makes those that it needs."
  if (form === "table") await writeList(terminal, form, { rows, columns, empty })
  else await writeList(terminal, form, { rows: rows.map(valueOf), columns: [], empty })
}

const columns: readonly Column<ComputeTemplate>[] = [
  { title: "NAME", cell: (one) => one.name },
  { title: "NAMESPACE", cell: (one) => one.namespace },
  { title: "CPU", cell: (one) => one.cpu, align: "right" },
  { title: "MEMORY", cell: (one) => `${one.memory}${one.memoryUnit}`, align: "right" },
  { title: "GPUS", cell: (one) => one.gpu, align: "right" },
  { title: "GPU RESOURCE", cell: (one) => one.gpuAccelerator || "-" },
]

/** `berth ray templates create`. */
export async function rayTemplateCreate(
  terminal: Terminal,
  name: string,
  options: RayOptions & TypedSize,
): Promise<void> {
  checkName(name)
  const size = readRaySize(options)
  const { client, namespace, form } = await connectRay(terminal, options)
  const made = await client.kuberay.createComputeTemplate({
    namespace,
    computeTemplate: { name, namespace, ...size },
  })
  const { cpu, memory, memoryUnit, gpu } = made
  const words = `The compute template ${name} has ${cpu} CPU, ${memory}${memoryUnit} and ${gpu} GPUs.`
  await writeDone(terminal, form, words, valueOf(made))
}

/** `berth ray templates rm`: what was made with it stays as it is. */
export async function rayTemplateRemove(
  terminal: Terminal,
  name: string,
  options: RayOptions,
): Promise<void> {
  const { client, namespace, form } = await connectRay(terminal, options)
  await client.kuberay.deleteComputeTemplate({ namespace, name })
  await writeDone(terminal, form, `The compute template ${name} is deleted.`, { name })
}
