import { request, type IncomingMessage } from "node:http"
import type { Clock } from "../kit/clock.ts"
import { AppError } from "../kit/errors.ts"

/** One request to a Ray process. */
export interface RayCall {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  /** Until the answer is whole. */
  readonly deadlineMs: number
}

export interface RayAnswer {
  readonly status: number
  readonly text: string
}

/** Answers above this are given up: logs are the longest. */
const mostAnswerBytes = 64 * 1024 * 1024

/**
 * Sends it and reads the whole answer. Not by `fetch`, which refuses some ports.
 * @throws AppError `unavailable` (detail `unreachable`), `timeout`, `too_large`; the signal's reason when it aborts
 */
export async function callRay(clock: Clock, call: RayCall, signal: AbortSignal): Promise<RayAnswer> {
  const deadline = new AbortController()
  const cancel = clock.alarm(call.deadlineMs, () => deadline.abort())
  const both = AbortSignal.any([signal, deadline.signal])
  try {
    const answer = await begin(call, both)
    return { status: answer.statusCode ?? 0, text: await readAll(answer) }
  } catch (error) {
    signal.throwIfAborted()
    if (deadline.signal.aborted) throw tooSlow(call.deadlineMs)
    throw asUnreachable(error)
  } finally {
    cancel()
  }
}

function begin(call: RayCall, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // a connection of its own each time: a head that was started anew has the same address
    const sent = request(
      call.url,
      { method: call.method, headers: call.headers, agent: false, signal },
      resolve,
    )
    sent.on("error", reject)
    sent.end(call.body ?? undefined)
  })
}

async function readAll(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostAnswerBytes)
      throw new AppError("too_large", `Ray answered with more than ${mostAnswerBytes / 1024 ** 2} MiB.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString("utf8")
}

function tooSlow(deadlineMs: number): AppError {
  return new AppError("timeout", `Ray's dashboard did not answer within ${deadlineMs / 1000} s.`)
}

/** What a request to Ray failed with, as an AppError; one that is such already stays as it is. */
export function asUnreachable(error: unknown): AppError {
  if (error instanceof AppError) return error
  return new AppError("unavailable", "Ray's dashboard cannot be reached.", {
    detail: "unreachable",
    cause: error,
  })
}
