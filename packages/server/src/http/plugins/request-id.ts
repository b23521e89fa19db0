import type { IncomingHttpHeaders } from "node:http"
import type { Ids } from "../../kit/ids.ts"

const sane = /^[A-Za-z0-9._-]{1,128}$/

/** The client's `X-Request-Id` when it is 1–128 of `[A-Za-z0-9._-]` (it goes into headers, logs and audit records), else a new one. */
export function requestIdOf(headers: IncomingHttpHeaders, ids: Ids): string {
  const sent = headers["x-request-id"]
  return typeof sent === "string" && sane.test(sent) ? sent : ids.next("req")
}
