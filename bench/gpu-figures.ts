/**
 * All figures of GPU requests as a table, each of a program of its own: takes three minutes or so.
 *
 *     node bench/gpu-figures.ts
 */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { machine } from "./support.ts"

type Figures = Readonly<Record<string, unknown>>

interface Part {
  readonly program: string
  readonly args: readonly string[]
}

const run = promisify(execFile)
const deadlineMs = 5 * 60_000

const parts: readonly Part[] = [
  { program: "gpu-server.ts", args: [] },
  { program: "gpu-provisions.ts", args: ["100", "1000", "20"] },
  { program: "gpu-provisions.ts", args: ["1000", "10000", "200"] },
  { program: "gpu-plan.ts", args: [] },
  { program: "gpu-estimates.ts", args: [] },
]

/** What a program printed: one object, or one a line, each with a name. */
function read(printed: string): readonly Figures[] {
  const text = printed.trim()
  if (text.startsWith("{\n")) return [JSON.parse(text) as Figures]
  return text
    .split("\n")
    .flatMap((line): Figures[] => (line.startsWith("{") ? [JSON.parse(line) as Figures] : []))
}

function rowOf({ program, args }: Part, { name, ...figures }: Figures): string {
  const what = typeof name === "string" ? name : [program.replace(".ts", ""), ...args].join(" ")
  return `| ${what} | ${shown(figures)} |`
}

function shown(figures: Figures): string {
  return Object.entries(figures)
    .filter(([key]) => key !== "machine")
    .map(([key, value]) =>
      typeof value === "object" && value !== null
        ? `${key}: (${shown(value as Figures)})`
        : `${key} ${String(value)}`,
    )
    .join(", ")
}

const startedMs = performance.now()
console.log(`${machine()}\n\n| what | figures |\n|---|---|`)
for (const part of parts) {
  const path = fileURLToPath(new URL(part.program, import.meta.url))
  const flags = ["--disable-warning=ExperimentalWarning", path, ...part.args]
  const { stdout } = await run(process.execPath, flags, { timeout: deadlineMs })
  for (const figures of read(stdout)) console.log(rowOf(part, figures))
}
console.log(`\n${Math.round((performance.now() - startedMs) / 1000)} s`)
