import { readFileSync } from "node:fs"
import { dirname } from "node:path"
import type { CreateGpuRequest, GpuRequest, Node } from "@berth/contract/berth"
import type { WorkloadDetail } from "@berth/contract/workloads"
import type { BerthClient } from "@berth/sdk"
import { collect, createBerthClient } from "@berth/sdk"
import { CliError } from "./cli-error.ts"
import type { Session } from "./connect.ts"
import { demoEntryPoint } from "./demo-job.ts"
import { logLines } from "./log-text.ts"
import { followWorkload } from "./follow-workload.ts"
import { shapeText, untilText } from "./gpu-request-facts.ts"
import { humanSeconds, parseInstant } from "./human.ts"
import { pause } from "./patience.ts"
import { quoteWord, toBase64 } from "./quote.ts"
import type { Terminal } from "./terminal.ts"
import { harmless, paint } from "./terminal.ts"
import { endSentence, hasEnded } from "./workload-facts.ts"

export interface DemoOptions {
  readonly url: string
  readonly ownerKeyFile: string
  readonly signal: AbortSignal
}

const workspaceId = "demo"
const ranks = 2

/**
 * Does the main job through the public API as any client would: a workspace, a job of two ranks that waits for GPUs,
 * a GPU request that brings it two nodes, on which it runs and is seen to run; then the nodes are given back.
 * @throws what a call throws; CliError when the nodes do not come, or the job does not succeed
 */
export async function playDemo(terminal: Terminal, options: DemoOptions): Promise<void> {
  const { url, ownerKeyFile, signal } = options
  const token = readFileSync(ownerKeyFile, "utf8").trim()
  const client = createBerthClient({ baseUrl: url, token, userAgent: "berth-demo" })
  const say = (text: string) => terminal.out(`${paint(terminal, "blue", "demo")}  ${harmless(text)}\n`)
  terminal.out("\n")
  const nodes = await gpuNodes(client, signal)
  say(`${nodes.length} GPU nodes: ${nodes.map(describeNode).join(", ")}`)
  await makeWorkspace(client, nodes, signal)
  say(`workspace ${workspaceId} is there`)
  const [first] = nodes
  const id = await submit(client, first, signal)
  say(`job ${id} is submitted: ${ranks} ranks with ${first.gpus.length} GPUs each`)
  say(`it ${await whyItWaits(client, id, signal)}`)
  const request = await client.berth.createGpuRequest(requestFor(first), { signal })
  say(`GPU request ${request.id} is made: ${shapeText(request)} for ${humanSeconds(request.durationSeconds)}`)
  const watching = { terminal, client, signal, say }
  const held = await untilProvisioned(watching, request.id)
  const had = held.heldNodes.map((node) => node.name).join(" and ")
  say(`it is provisioned: ${workspaceId} has ${had}, until ${untilText(held.endsAt, terminal.nowMs())}`)
  try {
    await watch(watching, id)
  } finally {
    if (!signal.aborted) await giveBack(watching, request.id)
  }
  terminal.out(whatNext(terminal, { id, gpus: Math.min(2, first.gpus.length), ownerKeyFile }))
}

/** The nodes of one size, two of which take a rank each. */
async function gpuNodes(client: BerthClient, signal: AbortSignal): Promise<readonly [Node, ...Node[]]> {
  for (let tries = 0; tries < 100; tries++) {
    const all = await collect((page) => client.berth.nodes(page, { signal }))
    const nodes = all.filter((node) => node.gpus.length > 0 && node.healthy && isOurs(node))
    const [first, ...others] = nodes
    const alike = others.filter(
      (node) =>
        node.clusterId === first?.clusterId &&
        node.gpus.length === first.gpus.length &&
        node.instanceType === first.instanceType,
    )
    if (first && alike.length >= ranks - 1) return [first, ...alike.slice(0, ranks - 1)]
    await pause(100, signal)
  }
  throw new CliError(
    `There are not ${ranks} healthy GPU nodes of the same size.`,
    "Leave --simulate out, or declare two: --simulate 2x8xH100",
  )
}

/** Whether no other workspace has it for good. */
function isOurs({ workspaceId: owner }: Node): boolean {
  return owner === null || owner === workspaceId
}

function describeNode(node: Node): string {
  return `${node.name} (${node.gpus.length} x ${node.gpuModel ?? "GPU"}${node.simulated ? ", simulated" : ""})`
}

/** A demo on a data directory that has seen one before goes on in its workspace, with nothing left of that one. */
async function makeWorkspace(
  client: BerthClient,
  nodes: readonly Node[],
  signal: AbortSignal,
): Promise<void> {
  const { items } = await client.berth.workspaces({ limit: 1000 }, { signal })
  if (!items.some((one) => one.id === workspaceId)) {
    const description = "Made by berth up --demo"
    await client.berth.createWorkspace({ id: workspaceId, description }, { signal })
    return
  }
  // nodes that belong to a workspace for good are not lent by GPU requests
  for (const node of nodes)
    if (node.workspaceId === workspaceId)
      await client.berth.assignNode(node.name, null, node.clusterId, { signal })
  const left = await collect((page) =>
    client.berth.gpuRequests(
      { ...page, workspace: workspaceId, state: ["queued", "provisioned"] },
      { signal },
    ),
  )
  for (const { id, name, state } of left) {
    if (name !== requestName) continue
    if (state === "queued") await client.berth.cancelGpuRequest(id, { signal })
    else await client.berth.releaseGpuRequest(id, { signal })
  }
}

const requestName = "demo"

function requestFor(node: Node): CreateGpuRequest {
  return {
    name: requestName,
    workspaceId,
    clusters: [node.clusterId],
    instanceType: node.instanceType,
    gpuModel: node.gpuModel,
    gpusPerNode: node.gpus.length,
    nodes: ranks,
    durationSeconds: 3600,
  }
}

async function submit(client: BerthClient, node: Node, signal: AbortSignal): Promise<string> {
  const { workloadId } = await client.workloads.create(
    {
      displayName: "two-ranks",
      description: "Two ranks add up a vector over TCP.",
      workspaceId,
      resource: { replica: ranks, cpu: "2", memory: "2Gi", gpu: String(node.gpus.length) },
      image: "local",
      entryPoint: toBase64(demoEntryPoint(process.execPath)),
      timeout: 300,
      groupVersionKind: { version: "v1", kind: "PyTorchJob" },
    },
    { signal },
  )
  return workloadId
}

/** The first thing the planner says about it. */
async function whyItWaits(client: BerthClient, id: string, signal: AbortSignal): Promise<string> {
  for (let tries = 0; tries < 50; tries++) {
    const why = await client.berth.explainWorkload(id, { signal })
    const [reason] = why.reasons
    if (reason) return `waits at position ${why.position}: ${reason.sentence}`
    if (why.state !== "Pending") return `is ${why.state}`
    await pause(50, signal)
  }
  return "waits"
}

interface Watching {
  readonly terminal: Terminal
  readonly client: BerthClient
  readonly signal: AbortSignal
  readonly say: (text: string) => void
}

/** Says why the request waits, each time that changes, until it has its nodes. @throws CliError after a minute */
async function untilProvisioned({ client, signal, say }: Watching, id: string): Promise<GpuRequest> {
  const startedAt = performance.now()
  let said = ""
  for (;;) {
    const { request, sentences } = await client.berth.explainGpuRequest(id, { signal })
    if (request.state === "provisioned") return request
    const why = request.reasons.length > 0 ? sentences.join(" ") : ""
    if (request.state !== "queued" || performance.now() - startedAt > longestStartMs)
      throw new CliError(`The GPU request got no nodes: berth why ${id}`)
    if (why !== "" && why !== said) say(`it waits: ${why}`)
    said = why
    await pause(30, signal)
  }
}

/** The request ends, as it would by itself at its time. */
async function giveBack({ client, signal, say }: Watching, id: string): Promise<void> {
  const { request } = await client.berth.explainGpuRequest(id, { signal })
  if (request.state !== "provisioned") return
  const { startedAt, endedAt } = await client.berth.releaseGpuRequest(id, { signal })
  const heldMs = (parseInstant(endedAt) ?? 0) - (parseInstant(startedAt) ?? 0)
  say(`GPU request ${id} is released after ${humanSeconds(heldMs / 1000)}: its nodes go to whoever is next`)
}

/** Shows placement, every phase, and both ranks' logs until the job has ended. */
async function watch({ terminal, client, signal, say }: Watching, id: string): Promise<void> {
  const placed = await untilJob(client, id, signal, (detail) => detail.dispatchCount > 0)
  say(`it is placed: ${await placement(client, placed, signal)}`)
  const started = await untilJob(client, id, signal, (detail) => detail.phase !== "Pending")
  say(`it is ${started.phase}`)
  // the end is said here, with the rest of the story
  const session: Session = {
    terminal: { ...terminal, err: () => undefined },
    client,
    place: demoPlace(client.baseUrl),
    form: "table",
  }
  const code = await followWorkload(session, id, {
    firstRun: 1,
    tail: null,
    since: null,
    rank: null,
    signal,
    onLines(rank, lines) {
      const prefix = `${paint(terminal, rank === 0 ? "green" : "cyan", `rank ${rank}`)}  `
      terminal.out(logLines(terminal, lines, prefix))
    },
  })
  const ended = await client.workloads.get(id, { signal })
  say(endSentence(ended))
  if (code !== 0) throw new CliError(`The job ended with ${code}: berth why ${id}`)
}

const longestStartMs = 60_000

/** Looks at the job until it is as wanted, or has ended. @throws CliError after a minute */
async function untilJob(
  client: BerthClient,
  id: string,
  signal: AbortSignal,
  isWanted: (detail: WorkloadDetail) => boolean,
): Promise<WorkloadDetail> {
  const startedAt = performance.now()
  for (;;) {
    const detail = await client.workloads.get(id, { signal })
    if (isWanted(detail) || hasEnded(detail.phase)) return detail
    if (performance.now() - startedAt > longestStartMs)
      throw new CliError(`The job did not start within a minute: berth why ${id}`)
    await pause(30, signal)
  }
}

function demoPlace(url: string): Session["place"] {
  return {
    url,
    token: null,
    from: "",
    tokenFrom: "",
    login: null,
    isLastLogin: false,
    dataDir: null,
    runFile: null,
    isLoopback: true,
    workspace: workspaceId,
  }
}

/** Which rank is where, and the GPU indexes that the job has there. */
async function placement(client: BerthClient, detail: WorkloadDetail, signal: AbortSignal): Promise<string> {
  const nodes = await collect((page) => client.berth.nodes(page, { signal }))
  const places = detail.pods.map((pod) => {
    const node = nodes.find((one) => one.name === pod.k8sNodeName)
    const gpus = node?.holders.find((holder) => holder.workloadId === detail.workloadId)?.gpuIndexes ?? []
    return `rank ${pod.rank ?? "0"} on ${pod.k8sNodeName ?? "?"}${gpus.length > 0 ? ` GPU ${gpus.join(",")}` : ""}`
  })
  return places.join("; ")
}

function whatNext(
  terminal: Terminal,
  { id, gpus, ownerKeyFile }: { readonly id: string; readonly gpus: number; readonly ownerKeyFile: string },
): string {
  const bold = (text: string) => paint(terminal, "bold", text)
  const line = (command: string, what: string) =>
    `  ${bold(command)}${" ".repeat(Math.max(2, 36 - command.length))}${what}`
  return [
    "",
    "The server stays up. In another terminal, in this folder:",
    `  ${bold(`export BERTH_DATA=${quoteWord(dirname(ownerKeyFile))}`)}`,
    line("npx berth gpus ls -a", "who had GPUs, and for how long"),
    line("npx berth timeline", "the same, drawn"),
    line("npx berth ps -a", "what has run"),
    line(`npx berth logs ${id}`, "what it wrote"),
    line("npx berth --help", "everything else"),
    "In the workspace default, work asks for GPUs by itself:",
    `  ${bold(`npx berth run --gpus ${gpus} -- sh -c 'echo GPUs $CUDA_VISIBLE_DEVICES; sleep 5'`)}`,
    "Ctrl-C here ends it, its pods, and its temporary data.",
    "",
  ].join("\n")
}
