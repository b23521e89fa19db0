import { AppError } from "../../kit/errors.ts"
import type { Principal } from "../identity/index.ts"
import { authorize, record, workspaceNotFound } from "../identity/index.ts"
import type { Tx } from "../journal/index.ts"
import type { QueueOptions } from "./options.ts"

type Options = Pick<QueueOptions, "store" | "rows" | "workspaces" | "clock">

const namedStrays = 5

/** Refuses to resume after a restore while processes of the time before it run. @throws AppError `conflict` detail `strays` */
export async function refuseStrays(
  options: Pick<QueueOptions, "capacity" | "strays">,
  principal: Principal,
): Promise<void> {
  authorize(principal, "queue.pause-all", { workspaceId: null })
  if (options.capacity.control().restoredFromMs === null) return
  const strays = (await options.strays?.()) ?? []
  if (strays.length === 0) return
  const more = strays.length > namedStrays ? [`And ${strays.length - namedStrays} more.`] : []
  throw new AppError(
    "conflict",
    [...strays.slice(0, namedStrays), ...more, "End them first, or resume with force."].join(" "),
    { resource: "queue", detail: "strays", facts: { strays: strays.length } },
  )
}

/** Pauses or resumes one queue, or (null) all of them. Idempotent: nothing is written when it is so already. */
export function switchQueue(
  options: Options,
  principal: Principal,
  workspaceId: string | null,
  isPaused: boolean,
): Promise<void> {
  authorize(principal, workspaceId === null ? "queue.pause-all" : "queue.pause", { workspaceId })
  const nowMs = options.clock.nowMs()
  return options.store.tx((tx) =>
    workspaceId === null
      ? switchAll(options, tx, { principal, isPaused, nowMs })
      : switchOne(options, tx, { principal, isPaused, nowMs, workspaceId }),
  )
}

interface Switch {
  readonly principal: Principal
  readonly isPaused: boolean
  readonly nowMs: number
}

async function switchAll(options: Options, tx: Tx, { principal, isPaused, nowMs }: Switch): Promise<void> {
  const before = await options.rows.control(tx)
  if (before.paused === isPaused) return
  await options.rows.setControl(tx, {
    paused: isPaused,
    pausedBy: isPaused ? principal.userName : null,
    sinceMs: nowMs,
    restoredFromMs: null,
  })
  await record(tx, {
    operation: "queue.pause-all",
    event: isPaused ? "queue.paused" : "queue.resumed",
    subject: { kind: "queue", id: "all" },
    workspace: null,
    actor: principal.actor,
    atMs: nowMs,
    data: { paused: isPaused },
  })
}

async function switchOne(
  options: Options,
  tx: Tx,
  { principal, isPaused, nowMs, workspaceId }: Switch & { readonly workspaceId: string },
): Promise<void> {
  const workspace = await options.workspaces.rows.byId(tx, workspaceId)
  if (!workspace) throw workspaceNotFound(workspaceId)
  if (workspace.queuePaused === isPaused) return
  await options.workspaces.rows.update(tx, { ...workspace, queuePaused: isPaused })
  await record(tx, {
    operation: "queue.pause",
    event: isPaused ? "queue.paused" : "queue.resumed",
    subject: { kind: "queue", id: workspaceId },
    workspace: workspaceId,
    actor: principal.actor,
    atMs: nowMs,
    data: { paused: isPaused },
  })
}
