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

/** Writes the one wide line of a request, and counts it. */
export function createAccessLog(parts: {
  readonly clock: Clock
  readonly log: Log
  readonly meter: HttpMeter
}): (request: FastifyRequest, trace: RequestTrace, status: number, userId: string | undefined) => void {
  const { clock, log, meter } = parts
  return (request, trace, status, userId) => {
    const durationMs = clock.monotonicMs() - trace.startedMono
    const operation = operationOf(request)
    meter.requestDone({ family: trace.family, operation, status }, durationMs / 1000)
    const { failure } = trace
    const level = levelOf(request, status, failure)
    if (!log.isLevelEnabled(level)) return
    log[level](
      {
        requestId: request.id,
        family: trace.family,
        operation,
        method: request.method,
        path: pathOf(request.url),
        status,
        durationMs: Math.round(durationMs * 100) / 100,
        address: request.ip,
        ...(userId === undefined ? {} : { userId }),
        ...(failure === null ? {} : { errorCode: failure.code }),
        ...(failure?.detail === undefined ? {} : { errorDetail: failure.detail }),
        ...(failure?.code === "internal" ? { err: failure } : {}),
      },
      "request",
    )
  }
}

/** Without the query: filters may hold what people would not want in a log. */
function pathOf(url: string): string {
  return (url.split("?", 1)[0] ?? "").slice(0, longestLoggedPath)
}

/** Of few values: unknown paths must not make a metric's label each. */
export function operationOf(request: FastifyRequest): string {
  const { config, url } = request.routeOptions
  return config?.operation ?? (url === undefined ? "unknown" : `${request.method} ${url}`)
}

function levelOf(
  request: FastifyRequest,
  status: number,
  failure: AppError | null,
): "error" | "warn" | "info" | "debug" {
  if (failure?.code === "internal") return "error"
  if (status >= 500) return "warn"
  return request.routeOptions.config?.isEarly === true ? "debug" : "info"
}
