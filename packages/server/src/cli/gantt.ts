import type { Timeline, TimelineBar } from "@berth/contract/berth"
import { count, humanSeconds } from "./human.ts"

export interface GanttOptions {
  /** Width in columns; at least 40 are used. */
  readonly columns: number
  /** Blocks and lines; letters and signs of ASCII otherwise. */
  readonly isUtf8: boolean
}

type Kind = TimelineBar["kind"]

/** What fills a bar, and what stands for free time and for now. */
const unicode = { past: "▁", running: "█", draining: "▓", predicted: "░", free: "·", now: "│" } as const
const ascii = { past: "-", running: "#", draining: "~", predicted: "=", free: ".", now: "|" } as const
type Signs = Readonly<Record<Kind | "free" | "now", string>>

const leastColumns = 40
const longestLabel = 28
const mostLegend = 26

interface Chart {
  readonly signs: Signs
  readonly fromMs: number
  readonly toMs: number
  readonly nowMs: number
  /** How many columns the time has. */
  readonly width: number
  readonly labelWidth: number
  /** The letter of each request that the caller may see. */
  readonly letters: ReadonlyMap<string, string>
}

/**
 * Who has which node when, a row a node and a column a span of time; neighbours that look alike share a row. A bar
 * begins with the letter that the legend explains; `|` is now. Pure.
 * @returns lines without colours, no longer than `columns`
 */
export function renderGantt(timeline: Timeline, options: GanttOptions): readonly string[] {
  const rows = nodeRows(timeline)
  const labels = rows.map(({ label }) => label)
  const columns = Math.max(leastColumns, options.columns)
  const labelWidth = Math.min(longestLabel, Math.max(4, ...labels.map((label) => label.length + 6)))
  const chart: Chart = {
    signs: options.isUtf8 ? unicode : ascii,
    fromMs: Date.parse(timeline.from),
    toMs: Date.parse(timeline.to),
    nowMs: Date.parse(timeline.now),
    width: columns - labelWidth - 1,
    labelWidth,
    letters: lettersOf(timeline.bars),
  }
  const lines = joined(rows.map(({ label, bars }) => ({ label, cells: cellsOf(chart, bars) })))
  return [
    axis(chart),
    ...lines.map(({ label, cells }) => `${fit(label, labelWidth)} ${cells}`),
    ...legend(chart, timeline, columns),
  ]
}

interface NodeRow {
  readonly label: string
  readonly bars: readonly TimelineBar[]
}

/** Nodes of the inventory, and those of the past that it no longer has. */
function nodeRows({ nodes, bars }: Timeline): readonly NodeRow[] {
  const byNode = Map.groupBy(bars, (bar) => `${bar.clusterId}/${bar.node}`)
  const keys = new Set([...nodes.map((node) => `${node.clusterId}/${node.name}`), ...byNode.keys()])
  const clusters = new Set([...keys].map((key) => key.slice(0, key.indexOf("/"))))
  return [...keys].map((key) => ({
    label: clusters.size > 1 ? key : key.slice(key.indexOf("/") + 1),
    bars: byNode.get(key) ?? [],
  }))
}

/** Letters in the order in which requests begin; none is left for more than 52. */
function lettersOf(bars: readonly TimelineBar[]): ReadonlyMap<string, string> {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
  const letters = new Map<string, string>()
  for (const { requestId } of bars.toSorted((a, b) => Date.parse(a.start) - Date.parse(b.start)))
    if (requestId !== null && !letters.has(requestId)) letters.set(requestId, alphabet[letters.size] ?? "*")
  return letters
}

/** Others that the caller may not see. */
const unknownLetter = "?"

/** The time of a node as text; where two bars share a column, the later one shows. */
function cellsOf(chart: Chart, bars: readonly TimelineBar[]): string {
  const { signs, width } = chart
  const cells = Array.from({ length: width }, () => signs.free)
  const now = columnOf(chart, chart.nowMs)
  for (const bar of bars) drawBar(chart, bar, { cells, now })
  // what is no wider than this column says more than the line
  if (now >= 0 && now < width && !/[A-Za-z?*]/.test(cells[now] ?? "")) cells[now] = signs.now
  return cells.join("")
}

function drawBar(
  chart: Chart,
  bar: TimelineBar,
  { cells, now }: { readonly cells: string[]; readonly now: number },
): void {
  const begin = Math.max(0, columnOf(chart, Date.parse(bar.start)))
  const end = Math.min(chart.width - 1, columnOf(chart, Date.parse(bar.end) - 1))
  if (end < begin) return
  cells.fill(chart.signs[bar.kind], begin, end + 1)
  // beside the line of now, where there is room
  const at = begin === now && end > begin ? begin + 1 : begin
  cells[at] = bar.requestId === null ? unknownLetter : (chart.letters.get(bar.requestId) ?? "*")
}

function columnOf({ fromMs, toMs, width }: Chart, atMs: number): number {
  return Math.floor(((atMs - fromMs) * width) / (toMs - fromMs))
}

interface Line {
  readonly label: string
  readonly cells: string
}

/** Neighbours that look alike as one line, `gpu-03 +7`. */
function joined(lines: readonly Line[]): readonly Line[] {
  const found: { label: string; cells: string; count: number }[] = []
  for (const line of lines) {
    const last = found.at(-1)
    if (last && last.cells === line.cells) last.count += 1
    else found.push({ ...line, count: 1 })
  }
  return found.map(({ label, cells, count }) => ({
    label: count === 1 ? label : `${label} +${count - 1}`,
    cells,
  }))
}

const leastBetweenTicks = 12

/** Clock times above the columns where they begin, in UTC; the day where it changes. */
function axis(chart: Chart): string {
  const { fromMs, toMs, width, labelWidth } = chart
  const step = tickStep((toMs - fromMs) / Math.max(1, Math.floor(width / leastBetweenTicks)))
  let line = ""
  let day = ""
  for (let atMs = Math.ceil(fromMs / step) * step; atMs < toMs; atMs += step) {
    const column = columnOf(chart, atMs)
    const instant = new Date(atMs).toISOString()
    const label =
      instant.slice(0, 10) === day ? instant.slice(11, 16) : instant.slice(5, 16).replace("T", " ")
    if (column < line.length || column + label.length > width) continue
    line = `${line.padEnd(column)}${label} `
    day = instant.slice(0, 10)
  }
  return `${fit("UTC", labelWidth)} ${line.trimEnd()}`
}

const minuteMs = 60_000
const dayMs = 1440 * minuteMs
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 20_160].map(
  (minutes) => minutes * minuteMs,
)

/** A round length of time, at least as long as this. */
function tickStep(leastMs: number): number {
  return steps.find((step) => step >= leastMs) ?? Math.ceil(leastMs / dayMs) * dayMs
}

function legend(chart: Chart, timeline: Timeline, columns: number): readonly string[] {
  const { signs, letters } = chart
  const kinds = `${signs.past} past  ${signs.running} running  ${signs.draining} draining  ${signs.predicted} predicted  ${signs.free} free  ${signs.now} now`
  const named = [...letters]
    .slice(0, mostLegend)
    .map(([id, letter]) => requestLine(chart, timeline, id, letter))
  const more = letters.size - named.length
  return [
    "",
    kinds,
    ...named,
    ...(more > 0 ? [`${more} more: berth timeline -o json`] : []),
    ...(timeline.bars.some((bar) => bar.requestId === null) ? [`${unknownLetter}  of others`] : []),
    ...(timeline.nodes.length === 0 ? ["There are no GPU nodes that can be lent."] : []),
  ].map((line) => line.slice(0, columns))
}

/** `A  gpr-…  2 nodes, running, 3h left  team  pretrain`: by its last bar. */
function requestLine({ nowMs }: Chart, timeline: Timeline, id: string, letter: string): string {
  const bars = timeline.bars.filter((bar) => bar.requestId === id)
  const last = bars.toSorted((a, b) => Date.parse(a.end) - Date.parse(b.end)).at(-1)
  if (!last) return letter
  const nodes = new Set(bars.map((bar) => `${bar.clusterId}/${bar.node}`)).size
  const what = `${count(nodes, "node")}, ${last.kind}, ${whenOf(last, nowMs)}`
  return [letter, id, what, last.workspaceId ?? "", last.name ?? ""].join("  ")
}

function whenOf(bar: TimelineBar, nowMs: number): string {
  const [startMs, endMs] = [Date.parse(bar.start), Date.parse(bar.end)]
  const length = (ms: number) => humanSeconds(ms / 1000)
  if (bar.kind === "past") return `ended ${length(nowMs - endMs)} ago`
  if (bar.kind === "predicted") return `in ${length(startMs - nowMs)} for ${length(endMs - startMs)}`
  return `${length(endMs - nowMs)} left`
}

/** Exactly so wide; what is longer keeps its end, where names differ. */
function fit(text: string, width: number): string {
  return text.length > width ? `~${text.slice(text.length - width + 1)}` : text.padEnd(width)
}
