import { Agent, get, type ClientRequest, type IncomingMessage } from "node:http"
import type { Clock } from "../../kit/clock.ts"

/** What a probe asks: GET of a path, as it was given, of an address. */
export interface HttpQuestion {
  readonly ip: string
  readonly port: number
  readonly path: string
  /** For all of it, the body included. */
  readonly deadlineMs: number
}

/** `unasked`: this machine could not even try; it tells nothing about the program. */
export type HttpAnswer =
  | { readonly is: "success" }
  | { readonly is: "failure"; readonly said: string }
  | { readonly is: "unasked" }

/** Calls of one question: `answered` once, `over` once its socket is closed, which is later or as soon. */
export interface HttpListener {
  answered(answer: HttpAnswer): void
  over(): void
}

/** A connection for each question: what is kept open would cost the pod a thread or a slot. */
const agent = new Agent({ keepAlive: false, maxSockets: Infinity })
/** As much of a body is read, so that a server that writes one sees no reset. */
const mostBodyBytes = 10 * 1024
const mostHeaderBytes = 16 * 1024

/**
 * Asks once. A status of 200 to 399 is a success; redirects are not followed.
 * @returns how to end it: then `answered` is not called any more, and `over` is
 */
export function askHttp(clock: Clock, question: HttpQuestion, listener: HttpListener): () => void {
  let isAnswered = false
  const answer = (said: HttpAnswer) => {
    if (isAnswered) return
    isAnswered = true
    listener.answered(said)
  }
  let request: ClientRequest
  try {
    request = get({
      host: question.ip,
      port: question.port,
      path: requestTarget(question.path),
      agent,
      maxHeaderSize: mostHeaderBytes,
      headers: { "user-agent": "berth-probe", accept: "*/*", connection: "close" },
    })
  } catch (error) {
    answer(failure(`it cannot be asked: ${(error as Error).message}`))
    listener.over()
    return () => undefined
  }
  const cancelDeadline = clock.alarm(question.deadlineMs, () => {
    answer(failure(`no answer came within ${question.deadlineMs / 1000} s`))
    request.destroy()
  })
  request.on("response", (response) => {
    const status = response.statusCode ?? 0
    answer(status >= 200 && status < 400 ? { is: "success" } : failure(`its answer was status ${status}`))
    drain(request, response)
  })
  request.on("error", (error: NodeJS.ErrnoException) => answer(answerOfError(error.code ?? "")))
  request.on("close", () => {
    cancelDeadline()
    answer(failure("it closed the connection without an answer"))
    listener.over()
  })
  return () => {
    isAnswered = true
    request.destroy()
  }
}

function drain(request: ClientRequest, response: IncomingMessage): void {
  let bytes = 0
  response.on("error", () => undefined) // the status is what counts
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > mostBodyBytes) request.destroy()
  })
}

const failure = (said: string): HttpAnswer => ({ is: "failure", said })

/** Faults of this machine: no file, port or memory is left. */
const ownFaults = new Set(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "EAGAIN", "ENOBUFS", "ENOMEM"])

function answerOfError(code: string): HttpAnswer {
  if (ownFaults.has(code)) return { is: "unasked" }
  if (code === "ECONNREFUSED") return failure("it refused the connection")
  if (code === "ECONNRESET" || code === "EPIPE") return failure("it closed the connection without an answer")
  if (code.startsWith("HPE_")) return failure("its answer was not HTTP")
  return failure(`it could not be asked (${code || "unknown error"})`)
}

/** A path as it may stand in a request: from the root, without a fragment, other characters encoded. */
export function requestTarget(path: string): string {
  const [target = ""] = path.toWellFormed().split("#")
  const encoded = target.replaceAll(/[^\x21-\x7e]/gu, encodeURIComponent)
  return encoded.startsWith("/") ? encoded : `/${encoded}`
}
