import type { JsonObject } from "../../kit/json.ts"
import type { Amounts } from "../inventory/index.ts"
import type { EndCause } from "../queue/index.ts"
import type { Probe } from "./probes.ts"
import type { AttemptId, WorkloadKind } from "./types.ts"

/** One pod to start. Everything the driver needs and nothing else. */
export interface PodLaunch {
  readonly podId: string
  readonly index: number
  readonly nodeName: string
  readonly gpuIndexes: readonly number[]
  readonly size: Amounts
  readonly containerName: string
  /** Ports that it is going to listen on as far as anybody said: one that is taken keeps it from being started. */
  readonly ports: readonly number[]
  /** null for jobs: such a pod is ready as soon as it runs. */
  readonly probes: PodProbes | null
  /** Seen by this pod alone, in this order. Absent or empty: it sees what the machine has. */
  readonly mounts?: readonly PodMount[]
}

/** Something at a place of a pod's own. `path` is absolute, without `.` and `..`; what is missing of it is made. */
export type PodMount =
  /** An empty folder, which goes with the pod's working folder. */
  | { readonly kind: "folder"; readonly path: string; readonly readOnly: boolean }
  /** A file or folder of the node. */
  | {
      readonly kind: "host"
      readonly path: string
      readonly source: string
      readonly isFile: boolean
      readonly readOnly: boolean
      /** `DEVICE:INODE` of what it must be when it is mounted; absent = whatever is there. */
      readonly identity?: string
    }
  /** Files in memory, read only: path below the mount → text. Secret ones are for the pod's account alone. */
  | {
      readonly kind: "files"
      readonly path: string
      readonly files: Readonly<Record<string, string>>
      readonly isSecret: boolean
    }

/** How an application's pod is watched (reference/workloads.md 2.7). HTTP GET to the pod's own address. */
export interface PodProbes {
  /** Fails `failureThreshold` times in a row: the driver ends the pod with cause `unhealthy`. null = never. */
  readonly liveness: Probe | null
  /** null: ready once it has been alive for a second. */
  readonly readiness: Probe | null
}

/** One attempt to start: a gang of pods. `id` makes `ensure` idempotent. */
export interface AttemptLaunch {
  readonly id: AttemptId
  readonly workloadId: string
  readonly workspaceId: string
  readonly run: number
  readonly kind: WorkloadKind
  readonly asServerOwner: boolean
  /** Decoded: a script for a POSIX shell. */
  readonly entryPoint: string
  /** The user's environment, then the platform's (environment.ts); the driver adds what only it knows. */
  readonly env: Readonly<Record<string, string>>
  readonly pods: readonly PodLaunch[]
}

/**
 * What is stored and handed back for as long as the attempt lives. With the member `isRestored: true` it comes from
 * a backup: the driver then recovers what it finds in a place of its own, and takes no other process for the attempt's.
 */
export type AttemptHandle = JsonObject

/** Processes that bear an attempt's mark, whichever server started them. */
export interface MarkedAttempt {
  readonly id: string
  /** The sessions they are in: what `kill -- -N` ends. */
  readonly sessions: readonly number[]
  /** They were started below this server's data directory. */
  readonly isHere: boolean
}

export interface PodObservation {
  readonly podId: string
  /** `waiting`: not started yet; `lost`: gone without an exit code. */
  readonly state: "waiting" | "running" | "exited" | "lost"
  readonly startedAtMs: number | null
  readonly endedAtMs: number | null
  /** 0–255; 128 + signal for a signal; 137 for lost. */
  readonly exitCode: number | null
  /** Set when the driver itself ended it, or knows better than the code. */
  readonly cause: EndCause | null
  readonly message: string
  readonly podIp: string
  readonly hostIp: string
  /** Running, and answering its readiness probe: connections may be sent to it. A job's pod: running. */
  readonly ready: boolean
  /** When it last wrote to its log, to the second; null = never. */
  readonly outputAtMs: number | null
}

export interface AttemptObservation {
  readonly pods: readonly PodObservation[]
  /** No process of any pod of the attempt is left: the claim may be gone. */
  readonly isGone: boolean
}

export interface LogQuery {
  /** The last n lines; null = all that is kept (bounded by `maxBytes`). */
  readonly tailLines: number | null
  /** Lines written at or after; null = no bound. */
  readonly sinceMs: number | null
  /** Start at this byte offset instead (resume); null = by the others. */
  readonly fromOffset: number | null
  readonly maxBytes: number
}
export interface LogChunk {
  /** Whole lines, without their newline; the last may be unfinished when the pod has ended. */
  readonly lines: readonly string[]
  /** Byte offset after the last line: resume here. */
  readonly nextOffset: number
  /** Bytes before what is kept (the head was cut away). */
  readonly droppedBytes: number
}
export type LogFollowItem =
  | { readonly kind: "lines"; readonly chunk: LogChunk }
  | { readonly kind: "end"; readonly exitCode: number | null; readonly cause: EndCause | null }

/**
 * How pods run. What `drivers/driver-suite*.ts` say holds for all. Every call may be repeated; none
 * throws for an attempt that is unknown or gone except where said.
 */
export interface PodDriver {
  readonly clusterId: string
  /**
   * Starts what of the attempt has not been started. Twice, also from two server lives, starts once.
   * Resolves once every start was tried (a pod whose command cannot start ends `exited` 126 or 127 with a message).
   * @throws AppError `unavailable` when the driver cannot work now: nothing was started, try later; with detail
   *   `port_in_use` when one of its ports is taken on the address that the pod would have.
   */
  ensure(launch: AttemptLaunch, signal: AbortSignal): Promise<AttemptHandle>
  /** The truth now, from the processes themselves. */
  inspect(handle: AttemptHandle): Promise<AttemptObservation>
  /**
   * After a restart of the server: takes over what the handle (or, when the crash came before it was
   * stored, the attempt id alone) names. null = never started.
   */
  recover(id: AttemptId, handle: AttemptHandle | null): Promise<AttemptHandle | null>
  /** Tells the pods to end (TERM, after the grace KILL); returns at once. `reason` goes into the stop reason file. */
  stop(
    handle: AttemptHandle,
    reason: { readonly cause: EndCause; readonly message: string },
    graceMs: number,
  ): Promise<void>
  /** Something changed about an attempt: look. Fires at least once per change; never with news itself. */
  onChange(listener: (id: AttemptId) => void): () => void
  /** @throws AppError `not_found` when nothing is kept of that pod */
  readLog(handle: AttemptHandle, podId: string, query: LogQuery): Promise<LogChunk>
  /** The tail first, then lines as they come, then one `end`. Ends with the signal. */
  followLog(
    handle: AttemptHandle,
    podId: string,
    query: LogQuery,
    signal: AbortSignal,
  ): AsyncIterable<LogFollowItem>
  /** Removes what is kept of an attempt (working folder; logs when `logsToo`). Idempotent. */
  forget(id: AttemptId, handle: AttemptHandle | null, logsToo: boolean): Promise<void>
  /** Every attempt of which processes are seen where this driver starts some; absent: it cannot look. */
  marked?(): Promise<readonly MarkedAttempt[]>
  /** Attempts of which no process is left and that were not forgotten; absent: it cannot tell. */
  leftovers?(): Promise<readonly AttemptId[]>
  /** Stops watching; pods stay. */
  close(): Promise<void>
}

/** Where connections to a service go. */
export interface Backend {
  readonly ip: string
  readonly port: number
}

/** An address that a service answers on. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** Forwards connections of services to pods. Everything is lost with the process: after a restart it is told anew. */
export interface ServiceNetwork {
  /**
   * Listens on the addresses under this key, instead of what it listened on before. Twice with the same is once.
   * @returns for each address null, or a sentence why it cannot be listened on (taken by another program)
   */
  open(key: string, addresses: readonly ListenAddress[]): Promise<readonly (string | null)[]>
  /** New connections go to these from now on, in turn; those that are open stay. Synchronous; no-op for an unknown key. */
  route(key: string, backends: readonly Backend[]): void
  /** Listens no more; open connections are ended. Idempotent. */
  close(key: string): Promise<void>
  closeAll(): Promise<void>
}
