import type { FastifyRequest } from "fastify"
import type { Clock } from "../../kit/clock.ts"
import type { AppError } from "../../kit/errors.ts"
import type { Log } from "../../kit/log.ts"

/** Told of every answered request, for metrics. */
export interface HttpMeter {
  requestDone(
    request: { readonly family: string; readonly operation: string; readonly status: number },
    seconds: number,
  ): void
}

/** What is remembered of a request for its log line. */
export interface RequestTrace {
  readonly startedMono: number
  readonly family: string
  /** What it was answered with when it failed. */
  failure: AppError | null
}

const longestLoggedPath = 256

/** What is written of a request, whatever brought it. */
export interface RequestFacts {
  readonly requestId: string
  readonly family: string
  /** Of few values: it is a metric's label. */
  readonly operation: string
  readonly method: string
  readonly path: string
  /** Of HTTP. */
  readonly status: number
  readonly durationMs: number
  readonly address: string
  readonly userId: string | undefined
  readonly failure: AppError | null
  /** Asked by machines all the time. */
  readonly isQuiet: boolean
}

/** Writes the one wide line of a request, and counts it. */
export function createRequestLog({ log, meter }: { readonly log: Log; readonly meter: HttpMeter }) {
  return ({ userId, failure, isQuiet, path, durationMs, ...facts }: RequestFacts): void => {
    const { family, operation, status } = facts
    meter.requestDone({ family, operation, status }, durationMs / 1000)
    const level = levelOf(status, failure, isQuiet)
    if (!log.isLevelEnabled(level)) return
    log[level](
      {
        ...facts,
        path: path.slice(0, longestLoggedPath),
        durationMs: Math.round(durationMs * 100) / 100,
        ...(userId === undefined ? {} : { userId }),
        ...(failure === null ? {} : { errorCode: failure.code }),
        ...(failure?.detail === undefined ? {} : { errorDetail: failure.detail }),
        ...(failure?.code === "internal" ? { err: failure } : {}),
      },
      "request",
    )
  }
}

/** `createRequestLog` for requests of HTTP. */
export function createAccessLog(parts: {
  readonly clock: Clock
  readonly log: Log
  readonly meter: HttpMeter
}): (request: FastifyRequest, trace: RequestTrace, status: number, userId: string | undefined) => void {
  const write = createRequestLog(parts)
  return (request, { startedMono, family, failure }, status, userId) =>
    write({
      requestId: request.id,
      family,
      operation: operationOf(request),
      method: request.method,
      path: pathOf(request.url),
      status,
      durationMs: parts.clock.monotonicMs() - startedMono,
      address: request.ip,
      userId,
      failure,
      isQuiet: request.routeOptions.config?.isEarly === true,
    })
}

/** Without the query: filters may hold what people would not want in a log. */
function pathOf(url: string): string {
  return url.split("?", 1)[0] ?? ""
}

/** Of few values: unknown paths must not make a metric's label each. */
export function operationOf(request: FastifyRequest): string {
  const { config, url } = request.routeOptions
  return config?.operation ?? (url === undefined ? "unknown" : `${request.method} ${url}`)
}

function levelOf(
  status: number,
  failure: AppError | null,
  isQuiet: boolean,
): "error" | "warn" | "info" | "debug" {
  if (failure?.code === "internal") return "error"
  if (status >= 500) return "warn"
  return isQuiet ? "debug" : "info"
}
