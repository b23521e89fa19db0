import { jsonIn, saysNoGpu, withProcesses, type KfdProcesses } from "./amd-cards.ts"
import { amdSmiArguments, parseAmdSmi } from "./amd-smi.ts"
import { firstLine, noGpus, toolFailed, type GpuLook } from "./gpu-look.ts"
import type { RunCommand, RunResult } from "./hardware-run.ts"
import { knownRocmArguments, parseRocm, rocmArguments } from "./rocm-smi.ts"

/** Asks `rocm-smi`, or `amd-smi` where that is all there is, for the machine's AMD GPUs. Never throws. */
export async function lookAtAmd(
  run: RunCommand,
  signal: AbortSignal,
  processes: KfdProcesses,
): Promise<GpuLook> {
  const found = await askRocm(run, signal)
  if (found.kind === "missing") return lookWithAmdSmi(run, signal, processes)
  if (found.kind === "hung") return toolFailed("rocm-smi does not answer.")
  const gpus = parseRocm(jsonIn(found.stdout))
  return gpus ? withProcesses(gpus, await processes()) : failed("rocm-smi", found)
}

async function askRocm(run: RunCommand, signal: AbortSignal): Promise<RunResult> {
  const found = await run("rocm-smi", rocmArguments, signal)
  const known = found.kind === "ended" ? knownRocmArguments(found.stderr) : undefined
  return known ? run("rocm-smi", known, signal) : found
}

async function lookWithAmdSmi(
  run: RunCommand,
  signal: AbortSignal,
  processes: KfdProcesses,
): Promise<GpuLook> {
  const fixed = await run("amd-smi", amdSmiArguments.static, signal)
  if (fixed.kind === "missing") return noGpus
  if (fixed.kind === "hung") return toolFailed("amd-smi does not answer.")
  const [list, metric] = await Promise.all([
    run("amd-smi", amdSmiArguments.list, signal),
    run("amd-smi", amdSmiArguments.metric, signal),
  ])
  const gpus = parseAmdSmi({ list: answerOf(list), fixed: answerOf(fixed), metric: answerOf(metric) })
  return gpus ? withProcesses(gpus, await processes()) : failed("amd-smi", fixed)
}

function answerOf(found: RunResult): unknown {
  return found.kind === "ended" ? jsonIn(found.stdout) : undefined
}

function failed(tool: string, found: RunResult & { readonly kind: "ended" }): GpuLook {
  if (saysNoGpu(found.stdout + found.stderr)) return noGpus
  const said = firstLine(`${found.stderr}\n${found.stdout}`)
  return toolFailed(`${tool} failed: ${said || "it said nothing"}`)
}
