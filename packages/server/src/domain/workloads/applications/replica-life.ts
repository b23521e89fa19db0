import type { Amounts } from "../../inventory/index.ts"
import type { ClaimId, EndCause } from "../../queue/index.ts"
import type { AttemptObservation } from "../driver.ts"
import { endOf, mergePods, newPod } from "../lifecycle.ts"
import type { Attempt, AttemptId, Workload } from "../types.ts"
import { crashesAfter, restartDelayMs } from "./replica-states.ts"
import type { Replica, ReplicaId, ReplicaPlace } from "./types.ts"

/** The moves of a replica and its attempt as pure functions: rows in, rows out. */

/** A replica whose claim is wanted, or bound at `place` already. */
export function newReplica(
  workload: Workload,
  made: {
    readonly id: ReplicaId
    readonly ordinal: number
    readonly podId: string
    readonly claimId: ClaimId
    readonly place: ReplicaPlace | null
    readonly nowMs: number
  },
): Replica {
  return {
    id: made.id,
    workloadKey: workload.key,
    ordinal: made.ordinal,
    podId: made.podId,
    revision: workload.rollout?.revision ?? 1,
    size: workload.spec.size,
    state: made.place === null ? "queued" : "placed",
    claimId: made.claimId,
    place: made.place,
    attemptId: null,
    starts: 0,
    restarts: 0,
    crashes: 0,
    livenessFailures: 0,
    startAtMs: null,
    readySinceMs: null,
    podIp: "",
    leaving: null,
    createdAtMs: made.nowMs,
    version: 0,
  }
}

/** Its pod is about to be started: the attempt that the driver is given. */
export function begun(
  replica: Replica & { readonly place: ReplicaPlace },
  made: { readonly attemptId: AttemptId; readonly graceMs: number; readonly nowMs: number },
): { readonly replica: Replica; readonly attempt: Attempt } {
  const { place } = replica
  const starts = replica.starts + 1
  return {
    replica: {
      ...replica,
      state: "running",
      attemptId: made.attemptId,
      starts,
      startAtMs: null,
      readySinceMs: null,
      podIp: "",
    },
    attempt: {
      id: made.attemptId,
      workloadKey: replica.workloadKey,
      claimId: replica.claimId,
      clusterId: place.clusterId,
      run: starts,
      state: "assigned",
      pods: [newPod(replica.podId, 0, place)],
      handle: null,
      cause: null,
      stopMessage: "",
      graceMs: made.graceMs,
      assignedAtMs: made.nowMs,
      startedAtMs: null,
      endingAtMs: null,
      goneAtMs: null,
      version: 0,
    },
  }
}

/** What an observation changed; the same objects where nothing did. */
export interface ReplicaObserved {
  readonly replica: Replica
  readonly attempt: Attempt
  /** It ended by itself in this step. */
  readonly ended: EndCause | null
}

/** Brings the driver's word into the rows of a replica whose attempt is starting, running or ending. */
export function observeReplica(
  replica: Replica,
  attempt: Attempt,
  seen: AttemptObservation,
  nowMs: number,
): ReplicaObserved {
  const next = observeAttempt(attempt, seen, nowMs)
  const ended = next.state === "ending" && attempt.state !== "ending" ? next.cause : null
  const podIp = next.pods[0]?.podIp ?? ""
  const readySinceMs = answersNow(next, seen) ? (replica.readySinceMs ?? nowMs) : null
  const isSame = readySinceMs === replica.readySinceMs && podIp === replica.podIp
  return { replica: isSame ? replica : { ...replica, podIp, readySinceMs }, attempt: next, ended }
}

function answersNow(attempt: Attempt, seen: AttemptObservation): boolean {
  return attempt.state === "running" && seen.pods.length > 0 && seen.pods.every((pod) => pod.ready)
}

function observeAttempt(attempt: Attempt, seen: AttemptObservation, nowMs: number): Attempt {
  const pods = mergePods(attempt.pods, seen.pods, nowMs)
  let next: Attempt = pods.some((pod, at) => pod !== attempt.pods[at]) ? { ...attempt, pods } : attempt
  if (next.state === "starting" && pods.every((pod) => pod.startedAtMs !== null))
    next = { ...next, state: "running", startedAtMs: nowMs }
  const cause = next.state === "starting" || next.state === "running" ? endOf(pods) : null
  if (cause) next = { ...next, state: "ending", cause, endingAtMs: nowMs, stopMessage: "the pod has ended" }
  return next
}

/** It is to give its capacity back; connections are sent to it no more. */
export function toLeave(replica: Replica, leaving: NonNullable<Replica["leaving"]>): Replica {
  // what goes for good does not come back for another reason
  const kept = replica.leaving && !replica.leaving.returns ? replica.leaving : leaving
  return { ...replica, state: "leaving", leaving: kept, readySinceMs: null }
}

/** What it will start as next. */
export function asRevision(
  replica: Replica,
  to: { revision: number; size: Amounts; podId: string },
): Replica {
  return { ...replica, revision: to.revision, size: to.size, podId: to.podId }
}

/** Its last attempt is gone: in place again, or without capacity. */
export type AfterEnd =
  | { readonly kind: "restart"; readonly replica: Replica }
  /** Its place is no good any more: the claim goes, another is wanted. */
  | { readonly kind: "requeue"; readonly rescheduled: boolean }

/** What follows when no process of an attempt is left, for a replica that is not leaving. */
export function afterEnd(replica: Replica, attempt: Attempt, nowMs: number): AfterEnd {
  const cause = attempt.cause ?? "lost"
  if (cause === "node_lost" || cause === "start_deadline") return { kind: "requeue", rescheduled: true }
  const idle = { ...replica, state: "placed" as const, readySinceMs: null, podIp: "" }
  // told to end for an update: it starts at once as what it is to be
  if (cause === "stopped") return { kind: "restart", replica: { ...idle, crashes: 0, startAtMs: null } }
  const livedMs = nowMs - (attempt.startedAtMs ?? nowMs)
  const crashes = crashesAfter(replica.crashes, livedMs)
  return {
    kind: "restart",
    replica: {
      ...idle,
      crashes,
      restarts: replica.restarts + 1,
      livenessFailures: replica.livenessFailures + (cause === "unhealthy" ? 1 : 0),
      startAtMs: nowMs + restartDelayMs(crashes),
    },
  }
}

/** It waits for capacity under another claim, as another pod. */
export function requeued(replica: Replica, claimId: ClaimId, podId: string): Replica {
  return {
    ...replica,
    podId,
    state: "queued",
    claimId,
    place: null,
    startAtMs: null,
    crashes: 0,
    readySinceMs: null,
    podIp: "",
    leaving: null,
  }
}
