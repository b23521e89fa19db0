import { createParser } from "eventsource-parser"
import { BerthError, isUnreachable } from "./errors.ts"
import type { HttpRequest, Transport } from "./http.ts"
import { pause } from "./http.ts"

/** One event of a stream, as it came. */
export interface ServerSentEvent {
  /** `message` where the server gave none. */
  readonly event: string
  /** What to resume after; empty where the server gave none yet. */
  readonly id: string
  /** JSON, as text. */
  readonly data: string
}

/** How patiently a stream is followed. */
export interface StreamOptions {
  /** Ends the stream, which then throws the signal's reason. */
  readonly signal?: AbortSignal
  /** Resume after this id. */
  readonly lastEventId?: string
  /** Silence (not even a heartbeat) after which the connection counts as dead; default 60,000. */
  readonly idleMs?: number
  /** How long it is tried to come back after the stream broke; default 120,000. 0 = not at all. */
  readonly reconnectForMs?: number
  /** Told when the stream broke and is tried again. */
  readonly onReconnect?: (error: unknown) => void
}

const defaultIdleMs = 60_000
const defaultReconnectMs = 120_000
const longestPauseMs = 5_000
/** An event longer than this is a fault of the server, not data. */
const longestEvent = 16 * 2 ** 20

/**
 * Follows a stream of server-sent events across broken connections and restarts of the server: each event
 * once, in order, by resuming after the last id. Ends by itself only after an event for which `isLast` says
 * so (a clean end without one counts as broken), or with the signal, whose reason it throws.
 * @yields each event, the one that ends it too
 * @throws BerthError for an answer of 4xx, or when the server was away for longer than `reconnectForMs`
 */
export async function* followEvents(
  transport: Transport,
  request: HttpRequest,
  isLast: (event: ServerSentEvent) => boolean,
  options: StreamOptions = {},
): AsyncGenerator<ServerSentEvent> {
  const signal = options.signal ?? new AbortController().signal
  const patience = createPatience({ ...options, signal })
  let lastEventId = options.lastEventId ?? ""
  for (;;) {
    try {
      for await (const event of readOnce(transport, request, { ...options, signal, lastEventId })) {
        if (event.id !== "") lastEventId = event.id
        patience.restore()
        yield event
        if (isLast(event)) return
      }
      throw new BerthError("The server ended the stream.", { status: 0, code: "unreachable" })
    } catch (error) {
      await patience.spend(error)
    }
  }
}

/** Decides whether a broken stream is tried again, and waits for it; each event that came restores it. */
function createPatience(options: StreamOptions & { readonly signal: AbortSignal }) {
  const { signal, reconnectForMs = defaultReconnectMs } = options
  let failures = 0
  let brokenSince: number | null = null
  return {
    restore() {
      failures = 0
      brokenSince = null
    },
    /** @throws the signal's reason, or the error when it is final or has lasted too long */
    async spend(error: unknown): Promise<void> {
      if (signal.aborted) throw signal.reason
      brokenSince ??= performance.now()
      if (!mayResume(error) || performance.now() - brokenSince >= reconnectForMs) throw error
      options.onReconnect?.(error)
      await pause(Math.min(longestPauseMs, 200 * 2 ** Math.min(failures++, 10)), signal)
    },
  }
}

/** A server that is away or starting comes back; a refusal stays one. */
function mayResume(error: unknown): boolean {
  return isUnreachable(error) || (error instanceof BerthError && error.status >= 502 && error.status <= 504)
}

async function* readOnce(
  transport: Transport,
  request: HttpRequest,
  options: StreamOptions & { readonly signal: AbortSignal; readonly lastEventId: string },
): AsyncGenerator<ServerSentEvent> {
  const idle = new AbortController()
  const signal = AbortSignal.any([options.signal, idle.signal])
  const headers: Record<string, string> = { accept: "text/event-stream", ...request.headers }
  if (options.lastEventId !== "") headers["last-event-id"] = options.lastEventId
  const response = await transport.open({ ...request, headers, signal })
  const watch = createIdleWatch(idle, options.idleMs ?? defaultIdleMs)
  try {
    yield* parseBody(response, watch)
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason
    if (error instanceof BerthError) throw error
    throw new BerthError("The stream broke.", { status: 0, code: "unreachable", cause: error })
  } finally {
    watch.stop()
    // Ends the connection also when the reader leaves early.
    idle.abort(new Error("stream closed"))
  }
}

interface IdleWatch {
  start(): void
  stop(): void
}

/** Counts only while the network is waited for: a reader may take its time. */
function createIdleWatch(abort: AbortController, idleMs: number): IdleWatch {
  let timer: NodeJS.Timeout | undefined
  const expire = () => abort.abort(new BerthError("The stream fell silent.", { status: 0, code: "timeout" }))
  return {
    start() {
      clearTimeout(timer)
      timer = setTimeout(expire, idleMs)
    },
    stop: () => clearTimeout(timer),
  }
}

async function* parseBody(response: Response, watch: IdleWatch): AsyncGenerator<ServerSentEvent> {
  if (!response.headers.get("content-type")?.startsWith("text/event-stream") || !response.body) {
    await response.body?.cancel()
    throw new BerthError("The server did not answer with a stream of events.", {
      status: 406,
      code: "broken",
    })
  }
  const decoder = new TextDecoder()
  const ready: ServerSentEvent[] = []
  let pending = 0
  const parser = createParser({
    onEvent(event) {
      pending = 0
      ready.push({ event: event.event ?? "message", id: event.id ?? "", data: event.data })
    },
    onComment() {
      pending = 0
    },
  })
  watch.start()
  for await (const chunk of response.body) {
    watch.stop()
    pending += chunk.byteLength
    parser.feed(decoder.decode(chunk, { stream: true }))
    yield* ready.splice(0)
    if (pending > longestEvent)
      throw new BerthError("An event of the stream is too long.", { status: 406, code: "broken" })
    watch.start()
  }
}
