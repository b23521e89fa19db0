import { fileURLToPath } from "node:url"
import { apiFamilies, type ApiFamily } from "../packages/contract/src/openapi/index.ts"
import { gpuRequestMoves } from "../packages/server/src/domain/gpu-requests/index.ts"
import { claimMoves } from "../packages/server/src/domain/queue/index.ts"
import { attemptMoves, phaseMoves, replicaMoves } from "../packages/server/src/domain/workloads/index.ts"
import { renderConfigTable } from "../packages/server/src/config.ts"

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The documents with parts made from the code, as they should be. A test compares them with what is there. */
export function renderDocuments(
  read: (path: string) => string,
): readonly { readonly path: string; readonly text: string }[] {
  const architecture = at("./architecture.md")
  const readme = at("../README.md")
  const api = at("./api.md")
  const gpuRequests = at("./gpu-requests.md")
  return [
    {
      path: architecture,
      text: [
        ["claim", stateDiagram(claimMoves, "wanted")],
        ["phase", stateDiagram(phaseMoves, "Pending")],
        ["replica", stateDiagram(replicaMoves, "queued")],
        ["attempt", stateDiagram(attemptMoves, "assigned")],
      ].reduce((text, [name = "", part = ""]) => replacePart(text, name, part), read(architecture)),
    },
    {
      path: gpuRequests,
      text: replacePart(read(gpuRequests), "gpu-request", stateDiagram(gpuRequestMoves, "queued")),
    },
    {
      path: api,
      text: Object.values(apiFamilies).reduce(
        (text, family) => replacePart(text, `routes ${family.name}`, routeTable(family)),
        read(api),
      ),
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

/** A family's routes, in the order of its table. */
function routeTable(family: ApiFamily): string {
  const rows = family.routes.map(({ method, path, summary }) => `| ${method} | \`${path}\` | ${summary} |`)
  return ["| | path | |", "|---|---|---|", ...rows].join("\n")
}

/** Replaces what stands between `<!-- name -->` and `<!-- /name -->`. */
function replacePart(text: string, name: string, part: string): string {
  const pattern = new RegExp(`<!-- ${name} -->[\\s\\S]*?<!-- /${name} -->`)
  if (!pattern.test(text)) throw new Error(`The part ${name} is missing.`)
  return text.replace(pattern, () => `<!-- ${name} -->\n${part}\n<!-- /${name} -->`)
}
