import type { Event, LogEndEvent, LogLinesEvent } from "@berth/contract/berth"
import type { EventFilter } from "./berth.ts"
import { BerthError } from "./errors.ts"
import type { ServerSentEvent, StreamOptions } from "./event-stream.ts"
import { followEvents } from "./event-stream.ts"
import type { CallOptions, Transport } from "./http.ts"
import { path } from "./http.ts"

/** Which part of a pod's log. */
export interface FollowLogQuery {
  /** The last n lines first; all that is kept when absent. */
  readonly tail?: number
  /** Seconds ago, or an RFC 3339 instant. */
  readonly since?: string
  /** The N of `run_N_times`; the latest when absent. */
  readonly run?: number
  /** The main one when absent. */
  readonly container?: string
  /** false gives what there is now, then the end. Default true. */
  readonly follow?: boolean
}

/** Lines as they come, then once how the pod ended (nulls when it was not followed to its end). */
export type LogItem =
  | { readonly kind: "lines"; readonly lines: readonly string[]; readonly droppedBytes: number }
  | { readonly kind: "end"; readonly exitCode: number | null; readonly cause: string | null }

/** What comes bit by bit, across broken connections. */
export interface StreamsClient {
  /**
   * Has the server make a backup of its database and gives it piece by piece (a gzipped tar archive); server owners
   * only. Read it to its end: a connection that breaks is an error there. @throws BerthError
   */
  backup(options?: CallOptions): Promise<ReadableStream<Uint8Array>>
  /** A pod's log, every line once, across broken connections and restarts of the server. @throws BerthError */
  followLog(
    workloadId: string,
    podId: string,
    query?: FollowLogQuery,
    options?: StreamOptions,
  ): AsyncGenerator<LogItem>
  /**
   * What happens from now on, or after `options.lastEventId`, each event once; never ends by itself.
   * @throws BerthError status 410 when that id is older than what is kept
   */
  followEvents(filter?: EventFilter, options?: StreamOptions): AsyncGenerator<Event>
}

/** The server copies its database before it answers. */
const backupTimeoutMs = 3_600_000

/** The streams of `/berth/v1` over a transport. */
export function createStreamsClient(http: Transport): StreamsClient {
  return {
    async backup(options = {}) {
      const request = {
        method: "POST",
        path: "/berth/v1/backups",
        timeoutMs: backupTimeoutMs,
        ...options,
      } as const
      const { body } = await http.open(request)
      if (body) return body
      throw new BerthError("The server sent no backup.", { status: 0, code: "broken" })
    },
    async *followLog(workloadId, podId, query = {}, options = {}) {
      const request = {
        method: "GET",
        path: path`/berth/v1/pods/${workloadId}/${podId}/log`,
        query: { ...query },
      } as const
      for await (const event of followEvents(http, request, (item) => item.event === "end", options)) {
        const item = readLogItem(event)
        if (item) yield item
      }
    },
    async *followEvents(filter = {}, options = {}) {
      const request = { method: "GET", path: "/berth/v1/events", query: { ...filter } } as const
      for await (const event of followEvents(http, request, () => false, options))
        if (event.event === "message") yield parse(event) as Event
    },
  }
}

/** Kinds of events that a newer server may send are passed over. */
function readLogItem(event: ServerSentEvent): LogItem | undefined {
  if (event.event === "lines") {
    const { lines, droppedBytes } = parse(event) as LogLinesEvent
    return { kind: "lines", lines, droppedBytes }
  }
  if (event.event === "end") {
    const { exitCode, cause } = parse(event) as LogEndEvent
    return { kind: "end", exitCode, cause }
  }
  return undefined
}

function parse(event: ServerSentEvent): unknown {
  try {
    return JSON.parse(event.data)
  } catch (cause) {
    throw new BerthError("An event of the stream is not JSON.", { status: 406, code: "broken", cause })
  }
}
