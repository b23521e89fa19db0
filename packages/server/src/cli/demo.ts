import { readFileSync } from "node:fs"
import { dirname } from "node:path"
import type { Node } from "@berth/contract/berth"
import type { WorkloadDetail } from "@berth/contract/workloads"
import type { BerthClient } from "@berth/sdk"
import { collect, createBerthClient } from "@berth/sdk"
import { CliError } from "./cli-error.ts"
import type { Session } from "./connect.ts"
import { demoEntryPoint } from "./demo-job.ts"
import { followWorkload } from "./follow-workload.ts"
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
 * Does the main job through the public API as any client would: a workspace, GPUs for it, a job of two ranks that
 * waits, is placed, runs and is seen to run. @throws what a call throws; CliError when the job does not succeed
 */
export async function playDemo(terminal: Terminal, options: DemoOptions): Promise<void> {
  const { url, ownerKeyFile, signal } = options
  const token = readFileSync(ownerKeyFile, "utf8").trim()
  const client = createBerthClient({ baseUrl: url, token, userAgent: "berth-demo" })
  const say = (text: string) => terminal.out(`${paint(terminal, "blue", "demo")}  ${harmless(text)}\n`)
  terminal.out("\n")
  const nodes = await gpuNodes(client, signal)
  say(`${nodes.length} GPU nodes: ${nodes.map(describeNode).join(", ")}`)
  await makeWorkspace(client, signal)
  say(`workspace ${workspaceId} is there`)
  const [first, ...others] = nodes
  await client.berth.assignNode(first.name, workspaceId, first.clusterId, { signal })
  say(`${first.name} is given to it`)
  const id = await submit(client, first, signal)
  say(`job ${id} is submitted: ${ranks} ranks with ${first.gpus.length} GPUs each`)
  say(`it ${await whyItWaits(client, id, signal)}`)
  for (const node of others) {
    await client.berth.assignNode(node.name, workspaceId, node.clusterId, { signal })
    say(`${node.name} is given to the workspace too`)
  }
  await watch(terminal, client, { id, signal, say })
  terminal.out(whatNext(terminal, id, ownerKeyFile))
}

/** The nodes of one size, two of which take a rank each. */
async function gpuNodes(client: BerthClient, signal: AbortSignal): Promise<readonly [Node, ...Node[]]> {
  for (let tries = 0; tries < 100; tries++) {
    const nodes = (await collect((page) => client.berth.nodes(page, { signal }))).filter(
      (node) => node.gpus.length > 0 && node.healthy,
    )
    const [first, ...others] = nodes
    const alike = others.filter(
      (node) => node.clusterId === first?.clusterId && node.gpus.length === first.gpus.length,
    )
    if (first && alike.length >= ranks - 1) return [first, ...alike.slice(0, ranks - 1)]
    await pause(100, signal)
  }
  throw new CliError(
    `There are not ${ranks} healthy GPU nodes of the same size.`,
    "Leave --simulate out, or declare two: --simulate 2x8xH100",
  )
}

function describeNode(node: Node): string {
  return `${node.name} (${node.gpus.length} x ${node.gpuModel ?? "GPU"}${node.simulated ? ", simulated" : ""})`
}

/** A demo on a data directory that has seen one before goes on in its workspace. */
async function makeWorkspace(client: BerthClient, signal: AbortSignal): Promise<void> {
  const { items } = await client.berth.workspaces({ limit: 1000 }, { signal })
  if (items.some((one) => one.id === workspaceId)) return
  await client.berth.createWorkspace({ id: workspaceId, description: "Made by berth up --demo" }, { signal })
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
  readonly id: string
  readonly signal: AbortSignal
  readonly say: (text: string) => void
}

/** Shows placement, every phase, and both ranks' logs until the job has ended. */
async function watch(terminal: Terminal, client: BerthClient, { id, signal, say }: Watching): Promise<void> {
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
      for (const line of lines)
        terminal.out(`${paint(terminal, rank === 0 ? "green" : "cyan", `rank ${rank}`)}  ${line}\n`)
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

function whatNext(terminal: Terminal, id: string, ownerKeyFile: string): string {
  const bold = (text: string) => paint(terminal, "bold", text)
  return [
    "",
    "The server stays up. In another terminal, in this folder:",
    `  ${bold(`export BERTH_DATA=${quoteWord(dirname(ownerKeyFile))}`)}`,
    `  ${bold("npx berth ps -a")}${" ".repeat(20)}what has run`,
    `  ${bold(`npx berth logs ${id}`)}${" ".repeat(Math.max(1, 20 - id.length))}what it wrote`,
    `  ${bold("npx berth run -w demo --gpus 2 -- sh -c 'echo GPUs $CUDA_VISIBLE_DEVICES; sleep 5'")}`,
    `  ${bold("npx berth --help")}${" ".repeat(19)}everything else`,
    "Ctrl-C here ends it, its pods, and its temporary data.",
    "",
  ].join("\n")
}
