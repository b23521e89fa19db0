import { BerthError, errorFromAnswer } from "./errors.ts"

/** Which server, as whom, and how patiently. */
export interface ClientOptions {
  /** `http://127.0.0.1:8080`; a path is kept as a prefix. */
  readonly baseUrl: string
  /** Sent as Bearer; null or absent for a server that runs with --no-auth. */
  readonly token?: string | null
  /** Longest time for one call, its retries included; default 30,000. Streams have none but their idle time. */
  readonly timeoutMs?: number
  /** How often a GET is tried again after a failed connection; default 2, at most 10. */
  readonly retries?: number
  /** Shown in the server's log. */
  readonly userAgent?: string
}

/** What every call takes. */
export interface CallOptions {
  /** Ends the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Instead of the client's, for this call. */
  readonly timeoutMs?: number
}

/** Query parameters; null and undefined are left out. */
export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | null | undefined>>

/** A request of the SDK. */
export interface HttpRequest extends CallOptions {
  /** Only a GET is ever repeated. */
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  /** Made with `path`, so that ids are escaped. */
  readonly path: string
  /** Lists become one value with commas. */
  readonly query?: Query
  /** Sent as JSON. */
  readonly body?: unknown
  /** Beyond those of every request. */
  readonly headers?: Readonly<Record<string, string>>
}

/** HTTP as the SDK's parts use it. */
export interface Transport {
  /** Without a slash at the end. */
  readonly baseUrl: string
  /** The parsed JSON answer; undefined for an empty one. @throws BerthError */
  json<T>(request: HttpRequest): Promise<T>
  /** The answer as text. @throws BerthError */
  text(request: HttpRequest): Promise<string>
  /** The open answer, after its status was checked; the caller reads or cancels the body. @throws BerthError */
  open(request: HttpRequest): Promise<Response>
}

const defaultTimeoutMs = 30_000
const longestAnswer = 64 * 2 ** 20

/** A path from literal parts and escaped ids: path`/berth/v1/nodes/${name}`. */
export function path(parts: TemplateStringsArray, ...ids: readonly string[]): string {
  return parts.map((part, index) => part + escapeSegment(ids[index])).join("")
}

function escapeSegment(id: string | undefined): string {
  if (id === undefined) return ""
  // URL parsing would resolve these instead of sending them.
  if (id === "" || id === "." || id === "..")
    throw new BerthError(`"${id}" is not a name.`, { status: 0, code: "invalid" })
  return encodeURIComponent(id)
}

/** HTTP for the SDK: base URL, token, deadlines, errors, and bounded retries of what may be repeated. */
export function createTransport(options: ClientOptions): Transport {
  const baseUrl = checkBaseUrl(options.baseUrl)
  checkToken(options.token ?? "")
  const retries = Math.min(10, Math.max(0, options.retries ?? 2))

  async function send(request: HttpRequest, signal: AbortSignal): Promise<Response> {
    const url = baseUrl + request.path + renderQuery(request.query)
    // What changes something goes to the server that was named, or nowhere: a body may hold a secret.
    const redirect = request.method === "GET" ? "follow" : "manual"
    const init: RequestInit = {
      method: request.method,
      headers: headersOf(request, options),
      signal,
      redirect,
    }
    if (request.body !== undefined) init.body = JSON.stringify(request.body)
    const attempts = request.method === "GET" ? retries + 1 : 1
    for (let attempt = 1; ; attempt++) {
      try {
        return await fetch(url, init)
      } catch (error) {
        if (signal.aborted || attempt >= attempts) throw error
        await pause(100 * 4 ** (attempt - 1), signal)
      }
    }
  }

  async function withDeadline<T>(
    request: HttpRequest,
    use: (response: Response, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const timeoutMs = request.timeoutMs ?? options.timeoutMs ?? defaultTimeoutMs
    const deadline = AbortSignal.timeout(timeoutMs)
    const signal = request.signal ? AbortSignal.any([request.signal, deadline]) : deadline
    try {
      const response = await send(request, signal)
      if (!response.ok) throw await errorOf(response, baseUrl)
      return await use(response, signal)
    } catch (error) {
      throw translate(error, { baseUrl, request, deadline, timeoutMs })
    }
  }

  return {
    baseUrl,
    json: <T>(request: HttpRequest) =>
      withDeadline(request, async (response) => parseJson(await readText(response)) as T),
    text: (request) => withDeadline(request, readText),
    open: (request) => openStream(request, { send, baseUrl, options }),
  }
}

/** The deadline holds until the headers are there; the stream's own idle time takes over. */
async function openStream(
  request: HttpRequest,
  use: {
    send: (request: HttpRequest, signal: AbortSignal) => Promise<Response>
    baseUrl: string
    options: ClientOptions
  },
): Promise<Response> {
  const timeoutMs = request.timeoutMs ?? use.options.timeoutMs ?? defaultTimeoutMs
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(new Error("no answer in time")), timeoutMs)
  const signal = request.signal ? AbortSignal.any([request.signal, deadline.signal]) : deadline.signal
  try {
    const response = await use.send(request, signal)
    if (!response.ok) throw await errorOf(response, use.baseUrl)
    return response
  } catch (error) {
    throw translate(error, { baseUrl: use.baseUrl, request, deadline: deadline.signal, timeoutMs })
  } finally {
    clearTimeout(timer)
  }
}

async function errorOf(response: Response, baseUrl: string): Promise<BerthError> {
  const { status, headers } = response
  const body = await response.text()
  const location = headers.get("location")
  if (status < 300 || status >= 400 || location === null) return errorFromAnswer(status, headers, body)
  return new BerthError(
    `${baseUrl} sends on to ${location.slice(0, 500)}: give the address that it sends to.`,
    {
      status,
      code: `http_${status}`,
    },
  )
}

function checkBaseUrl(text: string): string {
  let url: URL
  try {
    url = new URL(text)
  } catch (cause) {
    throw new BerthError(`"${text}" is not a URL such as http://127.0.0.1:8080.`, {
      status: 0,
      code: "invalid",
      cause,
    })
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new BerthError(`"${text}" must begin with http:// or https://.`, { status: 0, code: "invalid" })
  if (url.username !== "" || url.password !== "")
    throw new BerthError("The server's URL must not hold a user name or password.", {
      status: 0,
      code: "invalid",
    })
  return (url.origin + url.pathname).replace(/\/+$/, "")
}

/** Before `fetch` does, whose error would show it. */
function checkToken(token: string): void {
  if (/[^!-~]/.test(token))
    throw new BerthError("The token holds a blank or another character that no token has.", {
      status: 0,
      code: "invalid",
    })
}

function headersOf(request: HttpRequest, options: ClientOptions): Record<string, string> {
  const headers: Record<string, string> = { accept: "application/json", ...request.headers }
  if (options.token) headers["authorization"] = `Bearer ${options.token}`
  if (options.userAgent) headers["user-agent"] = options.userAgent
  if (request.body !== undefined) headers["content-type"] = "application/json"
  return headers
}

/** Absent and null values are left out; a list becomes one comma-separated value, as the families want it. */
export function renderQuery(query: Query | undefined): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === null || value === undefined) continue
    params.set(name, Array.isArray(value) ? value.join(",") : String(value))
  }
  const text = params.toString()
  return text === "" ? "" : `?${text}`
}

async function readText(response: Response): Promise<string> {
  const length = Number(response.headers.get("content-length") ?? 0)
  if (length > longestAnswer) {
    await response.body?.cancel()
    throw new BerthError(`The answer is ${length} bytes long: ask for less.`, { status: 0, code: "broken" })
  }
  return response.text()
}

function parseJson(text: string): unknown {
  if (text === "") return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new BerthError("The answer is not JSON: is this the URL of a Berth server?", {
      status: 0,
      code: "broken",
      cause,
    })
  }
}

function translate(
  error: unknown,
  call: { baseUrl: string; request: HttpRequest; deadline: AbortSignal; timeoutMs: number },
): unknown {
  if (error instanceof BerthError) return error
  if (call.request.signal?.aborted) return call.request.signal.reason
  if (call.deadline.aborted)
    return new BerthError(`${call.baseUrl} did not answer within ${call.timeoutMs / 1000} s.`, {
      status: 0,
      code: "timeout",
      cause: error,
    })
  return new BerthError(`${call.baseUrl} cannot be reached: ${reasonOf(error)}.`, {
    status: 0,
    code: "unreachable",
    cause: error,
  })
}

const causes: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection was cut",
  UND_ERR_SOCKET: "the connection was cut",
  ENOTFOUND: "the name is unknown",
  EAI_AGAIN: "the name cannot be looked up now",
  EHOSTUNREACH: "there is no way to the host",
  ENETUNREACH: "there is no way to the network",
  ETIMEDOUT: "the connection timed out",
  UND_ERR_CONNECT_TIMEOUT: "the connection timed out",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed (set NODE_EXTRA_CA_CERTS to trust it)",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is self-signed (set NODE_EXTRA_CA_CERTS to trust it)",
  CERT_HAS_EXPIRED: "its certificate has expired",
}

/** The first known code on the way down, else what the innermost error says. */
function reasonOf(error: unknown): string {
  let innermost = "the connection failed"
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const code = (at as NodeJS.ErrnoException).code ?? firstCode(at)
    if (code !== undefined) return causes[code] ?? code
    innermost = at.message
  }
  return innermost
}

/** Connecting to several addresses of a name fails with all their errors in one. */
function firstCode(error: Error): string | undefined {
  if (!(error instanceof AggregateError)) return undefined
  return (error.errors[0] as NodeJS.ErrnoException | undefined)?.code
}

/** Waits; rejects with the signal's reason when that aborts first. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop)
      resolve()
    }, ms)
    signal.addEventListener("abort", stop, { once: true })
  })
}
