import { logLimits, type LogEndEvent, type LogLinesEvent } from "@berth/contract/berth"
import type { FastifyReply, FastifyRequest } from "fastify"
import type { EndCause } from "../../domain/queue/index.ts"
import type { LogChunk, LogFollowItem, LogQuery } from "../../domain/workloads/index.ts"
import { AppError } from "../../kit/errors.ts"
import {
  sseEvent,
  sseHeartbeat,
  wantsEventStream,
  type OpenStream,
  type Streams,
} from "../plugins/streams.ts"
import type { Services } from "../services.ts"
import { failureEvent, noteFailure } from "./failure-event.ts"
import { createQueryReader, type QueryReader } from "./query.ts"

/** Read and sent at once. */
const chunkBytes = 256 * 1024
/** With `tail`, all lines come in one piece, which this bounds. */
const tailBytes = 16 * 1024 * 1024
/** One answer ends here; a log is kept to a fraction of it. */
const mostBytes = 4 * 1024 * 1024 * 1024

interface LogRequest {
  readonly workloadId: string
  readonly podId: string
  readonly isEvents: boolean
  readonly follow: boolean
  readonly options: { readonly container: string; readonly run?: number; readonly query: LogQuery }
}

type LogEnd = Extract<LogFollowItem, { readonly kind: "end" }>

interface Reading {
  readonly services: Services
  readonly streams: Streams
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly wanted: LogRequest
}

/** A pod's log, as event stream or as text. Rights are the workloads'. */
export function podLogHandlers(services: Services, streams: Streams) {
  return {
    async podLog(request: FastifyRequest, reply: FastifyReply): Promise<undefined> {
      const wanted = readLogRequest(request, services.clock.nowMs())
      const reading: Reading = { services, streams, request, reply, wanted }
      if (wanted.follow) await follow(reading)
      else await sendKept(reading)
    },
  }
}

function readLogRequest(request: FastifyRequest, nowMs: number): LogRequest {
  const { workloadId, podId } = request.params as { readonly workloadId: string; readonly podId: string }
  const isEvents = wantsEventStream(request)
  const query = createQueryReader(request.query, ["follow", "tail", "since", "run", "container"])
  const follow = query.boolean("follow") ?? isEvents
  const tailLines = query.integer("tail", 0, logLimits.tailMost) ?? null
  const run = query.integer("run", 1, 1_000_000)
  const container = query.text("container") ?? ""
  const sinceMs = readSince(query, nowMs)
  const fromOffset = readOffset(request, query)
  query.check()
  const bounds = fromOffset === null ? { tailLines, sinceMs } : { tailLines: null, sinceMs: null }
  const maxBytes = bounds.tailLines === null ? chunkBytes : tailBytes
  // Without other bounds it is read from its beginning, piece by piece.
  const start = fromOffset ?? (tailLines === null && sinceMs === null ? 0 : null)
  return {
    workloadId,
    podId,
    isEvents,
    follow,
    options: {
      container,
      ...(run === undefined ? {} : { run }),
      query: { ...bounds, fromOffset: start, maxBytes },
    },
  }
}

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/

/** Seconds ago, or an instant. */
function readSince(query: QueryReader, nowMs: number): number | null {
  const text = query.text("since")
  if (text === undefined) return null
  if (/^\d{1,10}$/.test(text)) return nowMs - Number(text) * 1000
  const atMs = rfc3339.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(atMs)) return atMs
  query.fault("since", "must be a number of seconds or an RFC 3339 instant")
  return null
}

function readOffset(request: FastifyRequest, query: QueryReader): number | null {
  const sent = request.headers["last-event-id"]
  if (typeof sent !== "string" || sent === "") return null
  if (/^\d{1,15}$/.test(sent)) return Number(sent)
  query.fault("Last-Event-ID", "is not an id of this stream")
  return null
}

async function follow(reading: Reading): Promise<void> {
  const { services, request, wanted } = reading
  const gone = new AbortController()
  // First: what is not there or not allowed is an answer of its own.
  const items = await services.workloads.followLog(
    request.principal,
    wanted.workloadId,
    wanted.podId,
    wanted.options,
    gone.signal,
  )
  await pump(await open(reading, gone), reading, items)
}

/** What is kept, then the end: no waiting. */
async function sendKept(reading: Reading): Promise<void> {
  const { services, request, wanted } = reading
  const { options } = wanted
  const read = (query: LogQuery) =>
    services.workloads.readLog(request.principal, wanted.workloadId, wanted.podId, { ...options, query })
  const first = await read(options.query)
  await pump(await open(reading, new AbortController()), reading, pieces(first, options.query, read))
}

async function* pieces(
  first: LogChunk,
  query: LogQuery,
  read: (query: LogQuery) => Promise<LogChunk>,
): AsyncGenerator<LogFollowItem> {
  yield { kind: "lines", chunk: first }
  if (query.tailLines !== null) return
  let last = first
  while (last.lines.length > 0 && last.nextOffset < mostBytes) {
    const next = await read({
      tailLines: null,
      sinceMs: null,
      fromOffset: last.nextOffset,
      maxBytes: chunkBytes,
    })
    // Nothing further, or nothing that is whole yet.
    if (next.nextOffset <= last.nextOffset) return
    yield { kind: "lines", chunk: next }
    last = next
  }
}

/** An answer under way, to a reader whose rights may go meanwhile. */
interface Opened {
  readonly stream: OpenStream
  /** Whether the credential still holds and gives a role in the workspace. */
  readonly mayRead: () => boolean
}

/** Opens the answer; from then on the rights are looked at again with each heartbeat and each piece. */
async function open(reading: Reading, gone: AbortController): Promise<Opened> {
  const { services, streams, request, reply, wanted } = reading
  try {
    const { workload } = await services.workloads.get(request.principal, wanted.workloadId)
    const mayRead = () => (request.renewPrincipal()?.roleIn(workload.workspaceId) ?? null) !== null
    const stream = streams.open(request, reply, {
      contentType: wanted.isEvents ? "text/event-stream; charset=utf-8" : "text/plain; charset=utf-8",
      onHeartbeat() {
        if (!mayRead()) return undefined
        return wanted.isEvents ? sseHeartbeat : ""
      },
    })
    stream.signal.addEventListener("abort", () =>
      gone.abort(new AppError("unavailable", "The reader is gone.")),
    )
    return { stream, mayRead }
  } catch (error) {
    gone.abort(new AppError("unavailable", "There is no reader."))
    throw error
  }
}

/** Writes what comes until it ends or the client is gone; a failure breaks a text answer and is an event of a stream. */
async function pump(opened: Opened, reading: Reading, items: AsyncIterable<LogFollowItem>): Promise<void> {
  const { stream } = opened
  const { request, wanted } = reading
  try {
    if (await writeAll(opened, reading, items)) stream.end()
  } catch (error) {
    if (stream.signal.aborted) return
    if (wanted.isEvents) {
      await stream.write(failureEvent(error, request))
      stream.end()
    } else {
      noteFailure(error, request)
      stream.cut()
    }
  }
}

/** False when the stream was over before. */
async function writeAll(
  { stream, mayRead }: Opened,
  reading: Reading,
  items: AsyncIterable<LogFollowItem>,
): Promise<boolean> {
  const { wanted } = reading
  const bytesFor = wanted.isEvents ? eventBytes : textBytes
  for await (const item of items) {
    if (!mayRead())
      throw new AppError("unauthenticated", "The token does not hold any more.", { detail: "invalid" })
    const parts = item.kind === "end" ? await endParts(reading, item) : bytesFor(item.chunk)
    for (const part of parts) if (!(await stream.write(part))) return false
  }
  // Every stream of events that is complete says so, or the reader would connect again.
  if (wanted.isEvents && !wanted.follow) return stream.write(endEvent({ exitCode: null, cause: null }))
  return !stream.signal.aborted
}

async function endParts(reading: Reading, item: LogEnd): Promise<readonly string[]> {
  const { exitCode, cause } = await withCause(reading, item)
  return reading.wanted.isEvents ? [endEvent({ exitCode, cause })] : []
}

/** The driver knows the code, and the cause only where it had a hand in it; the rest is in the rows. */
async function withCause(reading: Reading, end: LogEnd): Promise<LogEnd> {
  const { services, request, wanted } = reading
  if (end.cause !== null || end.exitCode === null) return end
  const { attempts } = await services.workloads.get(request.principal, wanted.workloadId)
  const attempt = wanted.options.run === undefined ? attempts.at(-1) : attempts[wanted.options.run - 1]
  const pod = attempt?.pods.find(({ podId }) => podId === wanted.podId)
  const plain: EndCause = end.exitCode === 0 ? "succeeded" : "failed"
  return { ...end, cause: pod?.cause ?? attempt?.cause ?? plain }
}

type Encode = (lines: readonly string[], chunk: LogChunk, isLast: boolean) => string

const eventBytes = oncePerChunk(eventOf)
const textBytes = oncePerChunk((lines) => lines.map((line) => `${line}\n`).join(""))

/**
 * Followers at the same place of a log are given the same chunk: it is encoded once for all of them. A long one comes
 * in parts, each of which is encoded when the one before was sent.
 */
function oncePerChunk(encode: Encode): (chunk: LogChunk) => Iterable<Buffer> {
  const known = new WeakMap<LogChunk, readonly Buffer[]>()
  return (chunk) => {
    const parts = known.get(chunk)
    if (parts) return parts
    const groups = groupsOf(chunk.lines)
    const [only] = groups
    if (groups.length > 1) return partsOf(groups, chunk)
    const all = only ? [Buffer.from(encode(only, chunk, true))] : []
    known.set(chunk, all)
    return all
  }
  /** @yields the encoded groups in order */
  function* partsOf(groups: readonly (readonly string[])[], chunk: LogChunk) {
    for (const [at, lines] of groups.entries())
      yield Buffer.from(encode(lines, chunk, at === groups.length - 1))
  }
}

/** Runs of lines, each of which has some `chunkBytes` characters or is one line. */
function groupsOf(lines: readonly string[]): (readonly string[])[] {
  const groups: (readonly string[])[] = []
  let from = 0
  let length = 0
  for (const [at, line] of lines.entries()) {
    length += line.length + 1
    if (length < chunkBytes * 2 && at < lines.length - 1) continue
    groups.push(lines.slice(from, at + 1))
    from = at + 1
    length = 0
  }
  return groups
}

/** Only the last part has an id: to go on after it is to go on after the whole chunk. */
function eventOf(lines: readonly string[], { nextOffset, droppedBytes }: LogChunk, isLast: boolean): string {
  const data: LogLinesEvent = { lines: [...lines], droppedBytes }
  return sseEvent({ ...(isLast && { id: String(nextOffset) }), event: "lines", data })
}

function endEvent(data: LogEndEvent): string {
  return sseEvent({ event: "end", data })
}
