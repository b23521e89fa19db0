import type { WorkloadDetail, WorkloadPod } from "@berth/contract/workloads"
import type { Session } from "./connect.ts"
import { CliError } from "./cli-error.ts"
import type { Crashing } from "./crash-report.ts"
import { createCrashReport, showLastLines } from "./crash-report.ts"
import { count, humanSeconds } from "./human.ts"
import { patiently, pause } from "./patience.ts"
import { harmless, paint } from "./terminal.ts"
import { explainWaiting } from "./waiting.ts"
import { endSentence, hasEnded, workloadExitCode } from "./workload-facts.ts"

export interface AwaitOptions {
  /** How long nothing may change, in milliseconds, while all of its pods have a place. */
  readonly waitMs: number
  /** Where its events are: what was before does not count. */
  readonly mark: Mark
  readonly signal: AbortSignal
}

/** An application as it was before a change. */
export interface Mark {
  /** Of its last event; null = it is new. */
  readonly eventId: string | null
  /** The pods that an update replaces; null when it replaces none. */
  readonly replaced: ReadonlySet<string> | null
}

/** Of an application that is new. */
export const nothingBefore: Mark = { eventId: null, replaced: null }

/** What became of it. */
export type Readiness =
  | { readonly kind: "ready"; readonly detail: WorkloadDetail }
  | { readonly kind: "ended"; readonly exitCode: number }

/** A pod that ended so often on the way to being ready will not be: its server tries on, nobody needs to watch. */
const mostEnds = 4
const shortestLookMs = 150
const longestLookMs = 2000
/** Reasons that are about the pods themselves: for anything else people may have to wait long. */
const podReasons = new Set(["starting", "backoff", "port_in_use"])
const mostShown = 3

/** Where an application is before it is changed. @throws BerthError */
export async function markOf(session: Session, detail: WorkloadDetail, replaces: boolean): Promise<Mark> {
  const query = { subject: `workload/${detail.workloadId}`, backwards: true, limit: 1 }
  const { items } = await session.client.berth.events(query)
  const replaced = replaces ? new Set(detail.pods.map((pod) => startKey(detail, pod))) : null
  return { eventId: items[0]?.id ?? null, replaced }
}

/**
 * Waits until an application is as it is to be: says why it waits, how far it is, which pods end and what they wrote
 * last. Survives restarts of the server.
 * @throws CliError when it does not get ready: a pod ends again and again, or nothing changes for `waitMs`; the
 *   signal's reason when that aborts; BerthError
 */
export async function awaitReady(session: Session, id: string, options: AwaitOptions): Promise<Readiness> {
  const { terminal, client } = session
  const { signal, mark, waitMs } = options
  const say = createSayer(session)
  const isOld = (podId: string) => mark.replaced?.has(podId) === true
  const crashes = createCrashReport(session, id, { after: mark.eventId, isOld, signal })
  const isSteady = createSteadiness(session)
  let changedAtMs = terminal.nowMs()
  for (let lookMs = shortestLookMs; ; lookMs = Math.min(longestLookMs, lookMs * 1.3)) {
    const detail = await patiently(terminal, signal, () => client.workloads.get(id, { signal }))
    if (hasEnded(detail.phase)) {
      terminal.err(`${paint(terminal, "dim", harmless(endSentence(detail)))}\n`)
      return { kind: "ended", exitCode: workloadExitCode(detail, []) }
    }
    const { worst, isNew } = await crashes.look()
    if (isSteady(detail, isNew)) return { kind: "ready", detail }
    if (worst !== null && worst.ends >= mostEnds) throw neverReady(detail, mark, crashWords(worst))
    const hasMoved = await tellProgress(session, detail, { say, mark, signal })
    if (hasMoved) changedAtMs = terminal.nowMs()
    if (terminal.nowMs() - changedAtMs >= waitMs) {
      await showUnready(session, detail, options)
      throw neverReady(detail, mark, `nothing has changed for ${humanSeconds(waitMs / 1000)}`)
    }
    await pause(lookMs, signal)
  }
}

/** What nobody checks counts as ready when it runs, and may end the moment after: it is watched so long. */
const steadyMs = 2000

/** Whether it runs and is not about to end; told at every look whether a pod has ended since the last one. */
function createSteadiness({ terminal }: Session): (detail: WorkloadDetail, hasEndedPod: boolean) => boolean {
  let sinceMs: number | null = null
  return ({ phase, readiness, resource }, hasEndedPod) => {
    if (phase !== "Running" || hasEndedPod) sinceMs = null
    if (phase !== "Running") return false
    sinceMs ??= terminal.nowMs()
    return readiness !== undefined || resource.replica === 0 || terminal.nowMs() - sinceMs >= steadyMs
  }
}

/** Says why it waits and how far it is; tells whether it moved, or waits for what may take long. */
async function tellProgress(
  session: Session,
  detail: WorkloadDetail,
  { say, mark, signal }: Pick<AwaitOptions, "mark" | "signal"> & { readonly say: Say },
): Promise<boolean> {
  if (detail.phase === "Running") return true
  const waiting = await explainWaiting(session, detail, signal)
  say("why", waiting.sentence)
  const moves = say("how far", progressSentence(detail, mark))
  return moves || waiting.codes.some((code) => !podReasons.has(code))
}

type Say = (kind: string, sentence: string) => boolean

/** Says a sentence of a kind when it is another one than before; tells whether it was. */
function createSayer({ terminal }: Session): Say {
  const said = new Map<string, string>()
  return (kind, sentence) => {
    if (sentence === "" || said.get(kind) === sentence) return false
    said.set(kind, sentence)
    terminal.err(`${paint(terminal, "dim", harmless(sentence))}\n`)
    return true
  }
}

/** A StatefulSet's pods keep their names: another start is another pod. */
function startKey({ groupVersionKind }: WorkloadDetail, { podId, startTime = "" }: WorkloadPod): string {
  return groupVersionKind.kind === "StatefulSet" ? `${podId} ${startTime}` : podId
}

/** Those that are to become ready and have a process. */
function newPods(detail: WorkloadDetail, { replaced }: Mark): readonly WorkloadPod[] {
  return detail.pods.filter((pod) => pod.phase === "Running" && !replaced?.has(startKey(detail, pod)))
}

function progressSentence(detail: WorkloadDetail, mark: Mark): string {
  const begun = newPods(detail, mark).length
  const { replica } = detail.resource
  if (mark.replaced === null && detail.pods.length > replica)
    return `${detail.workloadId}: ${count(detail.pods.length, "pod")}, ${replica} asked for`
  if (begun === 0 && mark.replaced === null) return ""
  const words = `${detail.workloadId}: ${begun} of ${count(replica, "pod")}`
  if (mark.replaced !== null) return `${words} updated`
  return begun < replica ? `${words} started` : `${words} started, not all of them ready`
}

function crashWords({ podId, ends, exitCode }: Crashing): string {
  return `${podId} ended ${ends} times${exitCode === null ? "" : `, last with ${exitCode}`}`
}

/** What those wrote that run and do not get ready. */
async function showUnready(
  session: Session,
  detail: WorkloadDetail,
  { mark, signal }: AwaitOptions,
): Promise<void> {
  const { terminal } = session
  for (const { podId } of newPods(detail, mark).slice(0, mostShown)) {
    terminal.err(`${paint(terminal, "yellow", harmless(`${podId} runs; its last lines`))}\n`)
    await showLastLines(session, { id: detail.workloadId, podId }, signal)
  }
}

function neverReady(detail: WorkloadDetail, mark: Mark, why: string): CliError {
  const { workloadId: id, readiness } = detail
  const asks = readiness
    ? ` Its readiness check asks for ${readiness.path} on port ${readiness.port} of each pod's POD_IP.`
    : ""
  const ways = `Look: berth why ${id}, berth logs ${id}. Mend: berth update ${id} … Stop: berth stop ${id}.`
  if (mark.replaced === null)
    return new CliError(`${id} does not get ready: ${why}.${asks}`, `It goes on being tried. ${ways}`)
  const staying = detail.pods.filter(
    (pod) => pod.phase === "Running" && mark.replaced?.has(startKey(detail, pod)),
  ).length
  return new CliError(`The update of ${id} is stuck: ${why}.${asks}`, `${stayingWords(staying)} ${ways}`)
}

function stayingWords(staying: number): string {
  if (staying === 0) return "None of its pods of before runs any more."
  if (staying === 1) return "1 pod of before stays as it is until new ones are ready."
  return `${staying} pods of before stay as they are until new ones are ready.`
}
