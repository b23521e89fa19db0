import { fileURLToPath } from "node:url"
import { claimMoves } from "../packages/server/src/domain/queue/index.ts"
import { attemptMoves, phaseMoves } from "../packages/server/src/domain/workloads/index.ts"
import { renderConfigTable } from "../packages/server/src/config.ts"

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The documents with parts made from the code, as they should be. A test compares them with what is there. */
export function renderDocuments(
  read: (path: string) => string,
): readonly { readonly path: string; readonly text: string }[] {
  const architecture = at("./architecture.md")
  const readme = at("../README.md")
  return [
    {
      path: architecture,
      text: [
        ["claim", stateDiagram(claimMoves, "wanted")],
        ["phase", stateDiagram(phaseMoves, "Pending")],
        ["attempt", stateDiagram(attemptMoves, "assigned")],
      ].reduce((text, [name = "", part = ""]) => replacePart(text, name, part), read(architecture)),
    },
    { path: readme, text: replacePart(read(readme), "configuration", renderConfigTable().trim()) },
  ]
}

/** A table of moves as a Mermaid state diagram: states without a move end. */
function stateDiagram(moves: Readonly<Record<string, readonly string[]>>, first: string): string {
  const lines = Object.entries(moves).flatMap(([from, to]) =>
    to.length > 0 ? to.map((next) => `  ${from} --> ${next}`) : [`  ${from} --> [*]`],
  )
  return ["```mermaid", "stateDiagram-v2", `  [*] --> ${first}`, ...lines, "```"].join("\n")
}

/** Replaces what stands between `<!-- name -->` and `<!-- /name -->`. */
function replacePart(text: string, name: string, part: string): string {
  const pattern = new RegExp(`<!-- ${name} -->[\\s\\S]*?<!-- /${name} -->`)
  if (!pattern.test(text)) throw new Error(`The part ${name} is missing.`)
  return text.replace(pattern, () => `<!-- ${name} -->\n${part}\n<!-- /${name} -->`)
}
