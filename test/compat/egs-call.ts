import { sendRaw, type RawAnswer } from "../../packages/server/src/http/test-server.ts"
import type { BerthServer } from "./berth-server.ts"

/** A request as curl sends it: with `--data` a POST of form data, unless `--request` says otherwise. */
export interface Curl {
  readonly request?: string
  /** Path and query. */
  readonly path: string
  /** As printed, or a value that is sent as JSON. */
  readonly data?: unknown
  /** "" = no Authorization. Default: the owner's key. */
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends it as it stands, also a body with GET, and checks the answer against the API's document. */
export function curl(server: BerthServer, wanted: Curl): Promise<RawAnswer> {
  const { path, data, token = server.token, headers = {} } = wanted
  const body = data === undefined || typeof data === "string" ? data : JSON.stringify(data)
  const { request: method = body === undefined ? "GET" : "POST" } = wanted
  return sendRaw(server.port, {
    method,
    path: `/api/v1${path}`,
    headers: {
      authorization: token === "" ? "" : `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  })
}

/** The whole text of a success. */
export function success(data: string): string {
  return `{"statusCode":200,"status":"OK","message":"Success","data":${data}}`
}

/** The whole text of a refusal that was not looked into (reference/egs.md 1.1). */
export function turnedAway(statusCode: number, word: string, message: string): string {
  return JSON.stringify({
    statusCode,
    status: word,
    message,
    error: { errorKey: word, message, data: null },
  })
}

export const createSliceUrl =
  "https://kubeslice.io/documentation/open-source/0.2.0/getting-started-with-cloud-clusters/installing-kubeslice/creating-a-slice"

/** The whole text of a refusal that was looked into, in the document's words. `details` is JSON. */
export function refusal(wanted: {
  readonly status: number
  readonly short: string
  readonly doing: string
  readonly said: string
  readonly reason?: string
  readonly details?: string
  readonly documentation?: string
}): string {
  const { status, short, doing, said, reason = "", details = '""', documentation = "NA" } = wanted
  const inner = `{"error":{"Message":${JSON.stringify(doing)},"Status":${status},"DetailedError":{"Errormessage":${JSON.stringify(said)},"Reason":"${reason}","Details":${details}},"StatusCode":${status},"ReferenceDocumentation":"${documentation}"}}`
  return `{"statusCode":${status},"status":"Error","message":"${short}","data":null,"error":{"errorKey":"","message":"${short}","data":${JSON.stringify(inner)}}}`
}
