import type { ConfigEntry } from "../../config.ts"
import { readSettings } from "../config-options.ts"
import { readOutputForm, writeList } from "../output.ts"
import type { Terminal } from "../terminal.ts"

/** `berth config show`: every setting with its value and where that is from. Starts and asks nothing. */
export async function configShow(
  terminal: Terminal,
  options: Readonly<Record<string, unknown>> & { readonly output?: string },
): Promise<void> {
  const form = readOutputForm(options.output ?? "table")
  const { entries } = readSettings(terminal, options)
  await writeList(terminal, form, {
    rows: entries,
    columns: [
      { title: "SETTING", cell: (entry: ConfigEntry) => entry.name },
      { title: "VALUE", cell: (entry) => entry.value },
      { title: "FROM", cell: (entry) => entry.from || entry.origin },
    ],
    empty: "",
  })
}
