import { kuberayRoutes, type KuberayRoute, type KuberayRouteName } from "@berth/contract/kuberay"
import { fromBinary, type Message } from "@bufbuild/protobuf"
import { Metadata, type handleUnaryCall, type sendUnaryData, type ServerUnaryCall } from "@grpc/grpc-js"
import type { Principal } from "../../../domain/identity/index.ts"
import type { Refusal } from "../../../domain/journal/index.ts"
import type { Clock } from "../../../kit/clock.ts"
import { AppError } from "../../../kit/errors.ts"
import type { RequestFacts } from "../../plugins/access-log.ts"
import type { Limits } from "../../plugins/limits.ts"
import { refusalOfAnswered } from "../../plugins/refused.ts"
import type { RayCall } from "../calls.ts"
import { details } from "../faults.ts"
import type { RequestOf } from "../requests.ts"
import { httpStatusOf, statusOf } from "../status.ts"
import type { Caller, Callers } from "./callers.ts"
import { pathOf } from "./definitions.ts"

export interface UnaryOptions {
  readonly clock: Clock
  readonly call: RayCall
  readonly callers: Callers
  readonly limits: Limits
  readonly writeLine: (facts: RequestFacts) => void
  readonly onRefused?: (refusal: Refusal) => void
  /** A call that is not answered by then is given up. */
  readonly deadlineMs: number
}

/** Label in logs and metrics. */
export const family = "kuberay-grpc"
/** Messages of errors travel in a head, which clients take 8 to 16 KiB of, each byte as up to three. */
const longestMessage = 2048

/** Answers the calls of one operation. */
export function unaryHandler(
  options: UnaryOptions,
  name: KuberayRouteName,
): handleUnaryCall<Buffer, Message> {
  return (call, callback) => void respond(options, name, call, callback)
}

async function respond(
  options: UnaryOptions,
  name: KuberayRouteName,
  call: ServerUnaryCall<Buffer, Message>,
  callback: sendUnaryData<Message>,
): Promise<void> {
  const trace = beginTrace(options, name, call)
  try {
    const message = await answer(options, name, call, trace)
    trace.end(null)
    call.sendMetadata(idOf(trace.caller))
    callback(null, message)
  } catch (thrown) {
    const error = options.limits.failed(AppError.from(thrown), trace.caller.address)
    trace.end(error)
    callback(refusal(error, trace.caller))
  }
}

async function answer(
  options: UnaryOptions,
  name: KuberayRouteName,
  call: ServerUnaryCall<Buffer, Message>,
  trace: Trace,
): Promise<Message> {
  const { callers, clock, deadlineMs } = options
  callers.checkWay(call)
  const principal = await callers.admit(call, trace.caller, trace.identified)
  const request = requestOf(name, call.request)
  const ending = new AbortController()
  const end = () => ending.abort()
  // The client went away, or its deadline is over.
  call.on("cancelled", end)
  const cancel = clock.alarm(deadlineMs, end)
  if (call.cancelled) end()
  try {
    return await options.call(name, principal, request, ending.signal)
  } finally {
    cancel()
  }
}

/** @throws AppError `invalid` for bytes that are no such message */
function requestOf<Name extends KuberayRouteName>(name: Name, bytes: Buffer): RequestOf<Name> {
  const { rpc }: KuberayRoute = kuberayRoutes[name]
  try {
    return fromBinary(rpc.input, bytes) as RequestOf<Name>
  } catch {
    // No cause: what was sent may hold a secret.
    throw new AppError("invalid", `The request is no ${rpc.input.typeName}.`, { detail: details.worded })
  }
}

function idOf({ requestId }: Caller): Metadata {
  const metadata = new Metadata()
  metadata.set("x-request-id", requestId)
  return metadata
}

/** An error as this API says it: code and message, nothing of the inside. */
export function refusal(error: AppError, caller: Caller) {
  const { code, message } = statusOf(error)
  const metadata = idOf(caller)
  // What clients with a retry policy go by.
  if (error.retryAfterMs !== undefined)
    metadata.set("grpc-retry-pushback-ms", String(Math.ceil(error.retryAfterMs)))
  const text = message.length > longestMessage ? `${message.slice(0, longestMessage)}…` : message
  return { code, details: text.toWellFormed(), metadata }
}

interface Trace {
  readonly caller: Caller
  identified(principal: Principal): void
  end(failure: AppError | null): void
}

/** The log line, the metric and the audit's count of a call. */
function beginTrace(
  { clock, callers, writeLine, onRefused }: UnaryOptions,
  name: KuberayRouteName,
  call: ServerUnaryCall<Buffer, Message>,
): Trace {
  const startedMono = clock.monotonicMs()
  const caller = callers.callerOf(call)
  const { requestId, address } = caller
  const operation = `kuberay.${name}`
  let principal: Principal | undefined
  return {
    caller,
    identified: (known) => void (principal = known),
    end(failure) {
      const status = failure === null ? 200 : httpStatusOf(failure)
      writeLine({
        requestId,
        family,
        operation,
        method: "gRPC",
        path: pathOf(name),
        status,
        durationMs: clock.monotonicMs() - startedMono,
        address,
        userId: principal?.userId,
        failure,
        isQuiet: false,
      })
      const isRead = kuberayRoutes[name].method === "GET"
      const actor = principal?.actor ?? null
      const refused = refusalOfAnswered({ actor, address, operation, status, isRead, failure })
      if (refused) onRefused?.(refused)
    },
  }
}
