import type { AuditRecord } from "@berth/contract/berth"
import type { CommonOptions } from "../connect.ts"
import { connect, readCount } from "../connect.ts"
import { eventFacts } from "../event-line.ts"
import type { Column } from "../output.ts"
import { writeList } from "../output.ts"
import type { Terminal } from "../terminal.ts"

export interface AuditOptions extends CommonOptions {
  readonly workspace?: string
  readonly operation?: string
  readonly actor?: string
  readonly refused?: boolean
  readonly limit?: string
}

/** `berth audit`: who did what, newest first; with --refused what was not let through. */
export async function auditList(terminal: Terminal, options: AuditOptions): Promise<void> {
  const session = await connect(terminal, options)
  const limit = readCount("--limit", options.limit ?? "50", { min: 1, max: 1000 })
  const { workspace, operation, actor } = options
  const { items } = await session.client.berth.audit({
    limit,
    ...(workspace === undefined ? {} : { workspace }),
    ...(operation === undefined ? {} : { operation }),
    ...(actor === undefined ? {} : { actor }),
    ...(options.refused ? { outcome: "refused" } : {}),
  })
  await writeList(terminal, session.form, { rows: items, columns, empty: "There are no records." })
}

const columns: readonly Column<AuditRecord>[] = [
  { title: "TIME", cell: (one) => one.at },
  { title: "WHO", cell: ({ actor }) => (actor.kind === "unknown" ? "unknown" : actor.name) },
  { title: "FROM", cell: ({ actor }) => actor.address ?? "" },
  { title: "OPERATION", cell: (one) => one.operation },
  { title: "SUBJECT", cell: ({ subject }) => `${subject.kind}/${subject.id}` },
  { title: "WORKSPACE", cell: (one) => one.workspaceId ?? "" },
  { title: "OUTCOME", cell: outcomeText },
  { title: "FACTS", cell: ({ outcome, data }) => (outcome === "ok" ? eventFacts(data, mostFacts) : "") },
]
const mostFacts = 60

/** A refusal is a count of the requests of up to a minute. */
function outcomeText({ outcome, data }: AuditRecord): string {
  if (outcome === "ok") return "ok"
  const why = typeof data["code"] === "string" ? `: ${data["code"].replaceAll("_", " ")}` : ""
  return `refused ${typeof data["count"] === "number" ? data["count"] : 1} times${why}`
}
