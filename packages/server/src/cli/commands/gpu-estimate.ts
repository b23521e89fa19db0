import type { GpuAccuracy, GpuEstimate } from "@berth/contract/berth"
import type { CommonOptions } from "../connect.ts"
import { connect } from "../connect.ts"
import { shapeText } from "../gpu-request-facts.ts"
import type { GpuWishOptions } from "../gpu-wish.ts"
import { wishFor } from "../gpu-wish.ts"
import { humanSeconds } from "../human.ts"
import type { Column } from "../output.ts"
import { renderTable, writeList, writeValue } from "../output.ts"
import type { Terminal } from "../terminal.ts"
import { harmless, paint } from "../terminal.ts"

/** `berth gpus estimate`: when such a request would start, and what would start sooner. Changes nothing. */
export async function gpusEstimate(terminal: Terminal, options: GpuWishOptions): Promise<void> {
  const session = await connect(terminal, options)
  const wish = await wishFor(session, options)
  const found = await session.client.berth.estimate(wish)
  if (session.form !== "table") return writeValue(terminal, session.form, found)
  const sentence = found.outcome === "never" ? `It cannot be met. ${found.sentence}` : found.sentence
  terminal.out(`${paint(terminal, "bold", harmless(sentence))}\n`)
  if (found.alternatives.length > 0) {
    terminal.out(found.outcome === "never" ? "\ninstead:\n" : "\nsooner:\n")
    terminal.out(`${await renderTable(terminal, columns, found.alternatives)}\n`)
  }
}

type Alternative = GpuEstimate["alternatives"][number]

const columns: readonly Column<Alternative>[] = [
  { title: "GPUS", cell: shapeText },
  { title: "INSTANCE", cell: (one) => one.instanceType },
  { title: "CLUSTER", cell: (one) => one.clusterId },
  { title: "FOR", cell: (one) => humanSeconds(one.durationSeconds), align: "right" },
  {
    title: "WAIT",
    cell: (one) => (one.waitSeconds === 0 ? "none" : humanSeconds(one.waitSeconds)),
    align: "right",
  },
  { title: "DIFFERENCE", cell: (one) => one.sentence },
]

/** `berth gpus accuracy`: how good the estimates of the last 30 days were. */
export async function gpusAccuracy(terminal: Terminal, options: CommonOptions): Promise<void> {
  const session = await connect(terminal, options)
  const found = await session.client.berth.estimateAccuracy()
  if (session.form !== "table") return writeValue(terminal, session.form, found)
  await writeList(terminal, session.form, {
    rows: found.bands,
    columns: accuracyColumns,
    empty: "Nothing has started yet.",
  })
}

const accuracyColumns: readonly Column<GpuAccuracy["bands"][number]>[] = [
  { title: "PRIORITY", cell: (one) => one.band },
  { title: "STARTED", cell: (one) => one.started, align: "right" },
  { title: "MEDIAN ERROR", cell: (one) => signed(one.medianErrorSeconds), align: "right" },
  { title: "90% WITHIN", cell: (one) => seconds(one.p90AbsoluteErrorSeconds), align: "right" },
  { title: "OF THE WAIT, MEDIAN", cell: (one) => percent(one.medianRelativeError), align: "right" },
  { title: "90%", cell: (one) => percent(one.p90RelativeError), align: "right" },
  { title: "LIKELY: MEDIAN", cell: (one) => signed(one.likely.medianErrorSeconds), align: "right" },
  { title: "OF THE WAIT", cell: (one) => percent(one.likely.medianRelativeError), align: "right" },
]

function seconds(value: number | null): string {
  return value === null ? "-" : humanSeconds(value)
}

function signed(value: number | null): string {
  if (value === null) return "-"
  const length = humanSeconds(Math.abs(value))
  return length === "0s" ? length : `${length} ${value > 0 ? "late" : "early"}`
}

function percent(value: number | null): string {
  return value === null ? "-" : `${Math.round(value * 100)}%`
}
