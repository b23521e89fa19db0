import type { CommonOptions } from "../connect.ts"
import { connect, readCount } from "../connect.ts"
import { changeWorkload } from "../change-workload.ts"
import type { Terminal } from "../terminal.ts"
import { readWait } from "../work-request.ts"

export interface ScaleOptions extends CommonOptions {
  readonly wait?: string
  readonly detach?: boolean
}

/** `berth scale`: gives a workload another number of pods, and waits until they are there. */
export async function scale(
  terminal: Terminal,
  id: string,
  pods: string,
  options: ScaleOptions,
): Promise<number> {
  const replica = readCount("The number of pods", pods, { min: 0, max: 10_000 })
  const waitMs = readWait(options.wait)
  const session = await connect(terminal, options)
  const before = await session.client.workloads.get(id)
  return changeWorkload(session, before, {
    change: { replica },
    replaces: false,
    waitMs,
    isDetached: options.detach === true,
  })
}
