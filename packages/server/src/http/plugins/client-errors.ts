import { STATUS_CODES } from "node:http"
import type { Socket } from "node:net"
import { AppError } from "../../kit/errors.ts"
import type { Ids } from "../../kit/ids.ts"
import type { ErrorAnswer, Family } from "./family.ts"
import { plainErrorAnswer } from "./plain-errors.ts"

interface ParseError extends Error {
  readonly code?: string
  /** The bytes that could not be parsed; the beginning of the request when it was short. */
  readonly rawPacket?: Uint8Array
}

/** Statuses that HTTP itself sets for these; the words are the family's. */
const statusOfCode: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/** Answers what never became a request (malformed HTTP, a head too large or too slow), then closes the connection. */
export function createClientErrorHandler(
  familyOf: (url: string) => Family | undefined,
  ids: Ids,
): (error: Error, socket: Socket) => void {
  return (error, socket) => {
    const { code } = error as ParseError
    if (code === "ECONNRESET" || !socket.writable || isAnswering(socket)) {
      socket.destroy()
      return
    }
    const { method, url } = requestLine(error)
    const place = { method, url, requestId: ids.next("req") }
    const family = familyOf(url)
    const appError = appErrorOf(error)
    const answer = family ? family.errorAnswer(appError, place) : plainErrorAnswer(appError, place)
    socket.end(answerText({ ...answer, status: statusOfCode[code ?? ""] ?? answer.status }, place.requestId))
    socket.destroySoon()
  }
}

/** A response whose head is out must not get a second one in its middle. */
function isAnswering(socket: Socket): boolean {
  const current = (socket as Socket & { readonly _httpMessage?: { readonly headersSent?: boolean } | null })
    ._httpMessage
  return current?.headersSent === true
}

function appErrorOf(error: ParseError): AppError {
  if (error.code === "HPE_HEADER_OVERFLOW")
    return new AppError("too_large", "The head of the request is too large.", { detail: "head" })
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new AppError("timeout", "The request did not arrive in time.", { detail: "receive" })
  return new AppError("invalid", "This is not a well-formed HTTP request.", { detail: "http" })
}

function requestLine(error: ParseError): { readonly method: string; readonly url: string } {
  const head = Buffer.from(error.rawPacket?.subarray(0, 8192) ?? []).toString("latin1")
  const line = /^([A-Z]{1,20}) (\S+)/.exec(head)
  return { method: line?.[1] ?? "", url: line?.[2] ?? "" }
}

function answerText(answer: ErrorAnswer, requestId: string): string {
  const body = answer.body === undefined ? "" : JSON.stringify(answer.body)
  return [
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? "Error"}`,
    "Connection: close",
    `X-Request-Id: ${requestId}`,
    "Content-Type: application/json; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n")
}
