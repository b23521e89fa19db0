import type { RayService } from "@berth/contract/kuberay"
import { parseInstant } from "./human.ts"
import type { Column } from "./output.ts"
import { renderTable } from "./output.ts"
import { eventColumns, heading, shortMessage } from "./ray-facts.ts"
import type { RaySession } from "./ray-place.ts"
import { instantOf } from "./ray-place.ts"

type Status = NonNullable<RayService["rayServiceStatus"]>
type Event = Status["rayServiceEvents"][number]

interface Row {
  readonly name: string
  readonly status: string
  readonly message: string
}

/** Applications with their deployments, and events. */
export async function showServiceStatus(
  session: RaySession,
  { serveApplicationStatus, rayServiceEvents }: Status,
): Promise<void> {
  const { terminal } = session
  if (serveApplicationStatus.length > 0) {
    heading(session, "applications")
    terminal.out(`${await renderTable(terminal, columns, serveApplicationStatus.flatMap(rowsOf))}\n`)
  }
  if (rayServiceEvents.length === 0) return
  heading(session, "events")
  const events = rayServiceEvents.map(eventOf).toSorted((a, b) => instantMs(a.lastAt) - instantMs(b.lastAt))
  terminal.out(`${await renderTable(terminal, eventColumns(terminal.nowMs()), events)}\n`)
}

const columns: readonly Column<Row>[] = [
  { title: "NAME", cell: (row) => row.name },
  { title: "STATE", cell: (row) => row.status },
  { title: "WHY", cell: (row) => shortMessage(row.message) },
]

function rowsOf({
  name,
  status,
  message,
  serveDeploymentStatus,
}: Status["serveApplicationStatus"][number]): readonly Row[] {
  return [
    { name, status, message },
    ...serveDeploymentStatus.map((one) => ({
      name: `${name}/${one.deploymentName}`,
      status: one.status,
      message: one.message,
    })),
  ]
}

const instantMs = (instant: string | null) => parseInstant(instant) ?? 0

function eventOf({ type, reason, message, count, lastTimestamp }: Event) {
  return { type, reason, message, count, lastAt: instantOf(lastTimestamp) }
}
