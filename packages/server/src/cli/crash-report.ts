import type { Event } from "@berth/contract/berth"
import { BerthError } from "@berth/sdk"
import type { Session } from "./connect.ts"
import { patiently } from "./patience.ts"
import { harmless, paint } from "./terminal.ts"

export interface CrashReportOptions {
  /** Only ends after the event with this id; null = all. */
  readonly after: string | null
  /** Its ends are told, and prove nothing about what is new. */
  readonly isOld: (podId: string) => boolean
  readonly signal: AbortSignal
}

/** A pod that ended by itself again and again. */
export interface Crashing {
  readonly podId: string
  readonly ends: number
  readonly exitCode: number | null
}

/** Tells ends of pods that ended by themselves, each once, the first ones with what they wrote last. */
export interface CrashReport {
  /** Tells what is new, and whether anything was. `worst` = the pod that ended most often; null when none did. */
  look(): Promise<{ readonly worst: Crashing | null; readonly isNew: boolean }>
}

/** So many ends are told one by one; the others only count. */
const mostTold = 12
/** Of so many pods the last lines are shown. */
const mostShown = 3
const shownLines = 10
const eventsPerLook = 1000

/** Reads the events of an application. */
export function createCrashReport(session: Session, id: string, options: CrashReportOptions): CrashReport {
  const { terminal, client } = session
  const { signal, isOld } = options
  const ends = new Map<string, Crashing>()
  let cursor = options.after
  let told = 0

  async function tell(podId: string, start: number, what: string): Promise<void> {
    if (told++ >= mostTold) return
    terminal.err(`${paint(terminal, "yellow", harmless(`${podId} ${what}`))}\n`)
    if (!ends.has(podId) && ends.size < mostShown) await showLastLines(session, { id, podId, start }, signal)
  }

  async function take({ data }: Event): Promise<void> {
    const [podId, cause] = [textOf(data["podId"]), textOf(data["cause"])]
    const start = typeof data["start"] === "number" ? data["start"] : 0
    const exitCode = typeof data["exitCode"] === "number" ? data["exitCode"] : null
    await tell(podId, start, `${endWords(exitCode, cause)}; it is started again`)
    if (!isOld(podId)) ends.set(podId, { podId, exitCode, ends: (ends.get(podId)?.ends ?? 0) + 1 })
  }

  return {
    async look() {
      const query = { subject: `workload/${id}`, type: ["workload.pod_ended"], limit: eventsPerLook }
      const { items } = await patiently(terminal, signal, () =>
        client.berth.events({ ...query, ...(cursor === null ? {} : { cursor }) }, { signal }),
      )
      for (const event of items) await take(event)
      cursor = items.at(-1)?.id ?? cursor
      const [worst = null] = [...ends.values()].toSorted((a, b) => b.ends - a.ends)
      return { worst, isNew: items.length > 0 }
    },
  }
}

const textOf = (fact: unknown) => (typeof fact === "string" ? fact : "")

/** Causes that the exit code says already. */
const plainCauses = new Set(["", "failed", "succeeded"])

function endWords(exitCode: number | null, cause: string): string {
  const code = exitCode === null ? "ended" : `ended with ${exitCode}`
  return plainCauses.has(cause) ? code : `${code} (${cause.replaceAll("_", " ")})`
}

/** The last lines that one start of a pod wrote, if they are kept; the last start when none is named. */
export async function showLastLines(
  { terminal, client }: Session,
  pod: { readonly id: string; readonly podId: string; readonly start?: number },
  signal: AbortSignal,
): Promise<void> {
  const query = { follow: false, tail: shownLines, ...(pod.start ? { run: pod.start } : {}) }
  try {
    for await (const item of client.streams.followLog(pod.id, pod.podId, query, { signal })) {
      if (item.kind === "end") return
      terminal.err(item.lines.map((line) => `  ${paint(terminal, "dim", "|")} ${harmless(line)}\n`).join(""))
    }
  } catch (error) {
    // one that wrote nothing, or whose log is gone: what it ended with has been told
    if (!(error instanceof BerthError) || signal.aborted) throw error
  }
}
