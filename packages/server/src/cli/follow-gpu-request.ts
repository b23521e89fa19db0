import type { GpuExplanation } from "@berth/contract/berth"
import type { Session } from "./connect.ts"
import { estimateText } from "./gpu-request-facts.ts"
import { patiently, pause } from "./patience.ts"
import { harmless, paint } from "./terminal.ts"

/** What no event tells: that somebody else's end, or a new request, moved its start. */
const betweenLooksMs = 15_000

/**
 * Waits until a GPU request is no longer queued and says meanwhile why it waits and when it is to start, each time
 * that changes. Its own events end the wait at once. Survives restarts of the server.
 * @throws the signal's reason when that aborts; BerthError
 */
export async function untilNotQueued(
  session: Session,
  id: string,
  signal: AbortSignal,
): Promise<GpuExplanation> {
  const { terminal, client } = session
  const over = new AbortController()
  const bell = ringOnEvents(session, id, AbortSignal.any([signal, over.signal]))
  let said = ""
  try {
    for (;;) {
      const rung = bell.next()
      const why = await patiently(terminal, signal, () => client.berth.explainGpuRequest(id, { signal }))
      if (why.request.state !== "queued") return why
      const now = waitingText(why, terminal.nowMs())
      if (now !== said) terminal.err(`${paint(terminal, "dim", harmless(now))}\n`)
      said = now
      await firstOf(rung, signal)
    }
  } finally {
    over.abort()
  }
}

/** Whatever comes first: a ring, or the time for the next look. */
async function firstOf(rung: Promise<void>, signal: AbortSignal): Promise<void> {
  const enough = new AbortController()
  const any = AbortSignal.any([signal, enough.signal])
  const patience = pause(betweenLooksMs, any).catch((error: unknown) => {
    if (signal.aborted) throw error
  })
  await Promise.race([rung, patience])
  enough.abort()
}

/** `gpr-… starts about in 2h (…): 8 GPUs are held …; position 2`. */
function waitingText(why: GpuExplanation, nowMs: number): string {
  const [because = ""] = why.sentences
  const place = why.position > 0 ? ` (position ${why.position} in the queue)` : ""
  const reason = because === "" ? "" : `: ${because}`
  return `${why.request.id} ${estimateText(why.request, nowMs)}${reason}${place}`
}

/** `next` is done with the next event about the request, or never, where events cannot be followed. */
function ringOnEvents({ client }: Session, id: string, signal: AbortSignal) {
  let ring = () => {}
  const follow = async () => {
    for await (const _ of client.streams.followEvents({ subject: `gpu-request/${id}` }, { signal })) ring()
  }
  // whoever may not follow, or finds no room, still looks from time to time
  follow().catch(() => undefined)
  return {
    next: () =>
      new Promise<void>((resolve) => {
        ring = resolve
      }),
  }
}
