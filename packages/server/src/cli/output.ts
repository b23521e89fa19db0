import { CliError } from "./cli-error.ts"
import type { Terminal } from "./terminal.ts"
import { harmless, paint } from "./terminal.ts"

export const outputForms = ["table", "json", "yaml"] as const
/** How results are written: for people, or for programs. */
export type OutputForm = (typeof outputForms)[number]

/** One column of a table for people. */
export interface Column<T> {
  readonly title: string
  readonly cell: (row: T) => string | number
  readonly align?: "right"
}

/** Writes a list: as a table, or all of `rows` as they are for programs. */
export async function writeList<T>(
  terminal: Terminal,
  form: OutputForm,
  list: { readonly rows: readonly T[]; readonly columns: readonly Column<T>[]; readonly empty: string },
): Promise<void> {
  if (form !== "table") return writeValue(terminal, form, list.rows)
  if (list.rows.length === 0) {
    terminal.err(`${list.empty}\n`)
    return
  }
  terminal.out(`${await renderTable(terminal, list.columns, list.rows)}\n`)
}

/** A table without borders, columns two blanks apart, cells in one line. */
export async function renderTable<T>(
  terminal: Terminal,
  columns: readonly Column<T>[],
  rows: readonly T[],
): Promise<string> {
  const { default: Table } = await import("cli-table3")
  const none = Object.fromEntries(borders.map((name) => [name, ""]))
  const table = new Table({
    head: columns.map((column) => paint(terminal, "bold", column.title)),
    colAligns: columns.map((column) => column.align ?? "left"),
    chars: { ...none, middle: "  " },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  })
  for (const row of rows) table.push(columns.map((column) => oneLine(String(column.cell(row)))))
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
}

const borders = [
  "top",
  "top-mid",
  "top-left",
  "top-right",
  "bottom",
  "bottom-mid",
  "bottom-left",
  "bottom-right",
  "left",
  "left-mid",
  "mid",
  "mid-mid",
  "right",
  "right-mid",
]

const oneLine = (text: string) => harmless(text).replaceAll(/\s+/g, " ").trim()

/** Writes a value for programs. */
export async function writeValue(terminal: Terminal, form: OutputForm, value: unknown): Promise<void> {
  if (form === "yaml") {
    const { stringify } = await import("yaml")
    terminal.out(escapeControls(stringify(value, { lineWidth: 0 })))
    return
  }
  terminal.out(`${escapeControls(JSON.stringify(value, null, 2))}\n`)
}

/** DEL and the controls above ASCII stand in strings of JSON and YAML as they are, and some steer terminals. */
function escapeControls(text: string): string {
  return text.replace(/[\u007f-\u009f]/g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`)
}

/** Writes `NAME  value` lines for people, or the whole value for programs. */
export async function writeFacts(
  terminal: Terminal,
  form: OutputForm,
  value: unknown,
  facts: readonly (readonly [name: string, value: string])[],
): Promise<void> {
  if (form !== "table") return writeValue(terminal, form, value)
  const width = Math.max(0, ...facts.map(([name]) => name.length))
  for (const [name, text] of facts)
    terminal.out(`${paint(terminal, "bold", name.padEnd(width))}  ${harmless(text)}\n`)
}

/** Writes the outcome of a command that changes something: a sentence, or the value for programs. */
export async function writeDone(
  terminal: Terminal,
  form: OutputForm,
  sentence: string,
  value: unknown,
): Promise<void> {
  if (form === "table") terminal.out(`${harmless(sentence)}\n`)
  else await writeValue(terminal, form, value)
}

/** @throws CliError for a form that does not exist */
export function readOutputForm(text: string): OutputForm {
  const form = outputForms.find((known) => known === text)
  if (form === undefined) throw new CliError(`-o takes ${outputForms.join(", ")}, not "${text}".`, "", 2)
  return form
}
