import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js"
import addFormats from "ajv-formats"
import {
  apiFamilies,
  openApiDocument,
  type ApiFamilyName,
  type JsonSchema,
  type OpenApiDocument,
  type OperationObject,
  type ResponseObject,
} from "@berth/contract/openapi"

/** A request and its answer, as far as the documents speak of it. */
export interface Exchange {
  readonly method: string
  /** Path and query. */
  readonly url: string
  /** Headers that were sent. */
  readonly asked?: Readonly<Record<string, string>>
  readonly status: number
  /** "" = none. */
  readonly contentType: string
  readonly text: string
}

interface Checked {
  readonly document: OpenApiDocument
  readonly ajv: Ajv2020
  readonly error: JsonSchema
}

/** The statuses of what never became a request, or found no route: any path may answer them. */
const anywhere = new Set([400, 401, 403, 404, 405, 408, 413, 431, 500, 501, 503, 504])
const checked = new Map<ApiFamilyName, Checked>()
const seen = new Set<string>()

/** What `checkExchange` has seen: `operationId status`. */
export function seenAnswers(): ReadonlySet<string> {
  return seen
}

/**
 * Checks an answer against the document of its family: the path, the method, the status, the media type and the body
 * must be there, and the body may have no member that is not.
 * @throws Error that says what the document does not have
 */
export function checkExchange(sent: Exchange): void {
  const name = familyOf(sent.url.split("?", 1)[0] ?? "")
  if (name === undefined || isOtherSignIn(sent)) return
  const exchange = name === "kuberay" ? asRouted(sent) : sent
  const path = exchange.url.split("?", 1)[0] ?? ""
  const family = checkedFamily(name)
  const found = operationAt(family.document, exchange.method, path)
  if (!found) return isSaidOnce(name, exchange) ? undefined : checkNowhere(family, exchange)
  const place = `${exchange.method} ${path} ${exchange.status}`
  const response = responseOf(family.document, found, exchange.status)
  if (!response) {
    if (isSaidOnce(name, exchange)) return
    throw new Error(`${place}: the document of ${name} has no such status at ${found.operationId}.`)
  }
  seen.add(`${found.operationId} ${exchange.status}`)
  if (exchange.method !== "HEAD") checkBody(family, place, response, exchange)
}

/** Checks one event of a stream: its name must be documented, and its data as the document says. */
export function checkStreamEvent(url: string, event: string, data: unknown): void {
  const path = url.split("?", 1)[0] ?? ""
  const name = familyOf(path)
  if (name === undefined) return
  const family = checkedFamily(name)
  const found = operationAt(family.document, "GET", path)
  const route = apiFamilies[name].routes.find(({ id }) => id === found?.operationId)
  const schema = route?.media?.["text/event-stream"]?.events?.[event]
  if (!schema) throw new Error(`${path}: the document has no event ${event}.`)
  const faults = faultsOf(family, closed(schema), data)
  if (faults !== "") throw new Error(`${path} ${event}: ${faults}`)
}

/** The document has it in words: the path is that of a form. */
function isOtherSignIn({ url, asked = {} }: Exchange): boolean {
  return url.split("?", 1)[0] === "/api/v1/login" && asked["content-type"] === "application/json"
}

/** What the introduction of a document says for all its operations. */
function isSaidOnce(name: ApiFamilyName, { method, status }: Exchange): boolean {
  // To the clean path.
  if (name === "kuberay" && status === 307) return true
  // Another body under the same Idempotency-Key.
  if (method === "POST" && status === 422) return true
  // HTTP's own.
  if ([408, 431].includes(status)) return true
  // Bodies of GET that are too large: only this API reads them.
  if (name === "egs" && method === "GET" && status === 413) return true
  // A stream has no HEAD, nor has the KubeRay API.
  return method === "HEAD" && [405, 501].includes(status)
}

/** The request as the KubeRay API takes it: percent signs resolved, a POST of a form as what it stands for. */
function asRouted(sent: Exchange): Exchange {
  const { method, url, asked = {} } = sent
  const [path = "", ...query] = url.split("?")
  const routed = [unescaped(path), ...query].join("?")
  const isForm = method === "POST" && asked["content-type"] === "application/x-www-form-urlencoded"
  if (!isForm) return { ...sent, url: routed }
  return { ...sent, url: routed, method: asked["x-http-method-override"]?.toUpperCase() ?? "GET" }
}

function unescaped(path: string): string {
  if (!path.startsWith("/apis/")) return path
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** Paths outside of `/berth/v1` that its document has. */
const watched = ["/healthz", "/readyz", "/metrics", "/.well-known/jwks.json"]

function familyOf(path: string): ApiFamilyName | undefined {
  if (
    /^\/api\/v1\/(auth|slice-workspace|inventory|gpr|gpr-template|gpr-template-binding|api-key)(\/|$)/.test(
      path,
    )
  )
    return "egs"
  if (
    /^\/api\/v1\/(services|workspaces|projects|stacks|current-user|info|login|logout|device_authorization)(\/|$)/.test(
      path,
    )
  )
    return "services"
  if (path === "/api/v1" || path.startsWith("/api/v1/")) return "workloads"
  // Ray's own API, handed on.
  if (/^\/berth\/v1\/ray\/clusters\/[^/]+\/[^/]+\/dashboard(\/|$)/.test(path)) return undefined
  if (path.startsWith("/apis/v1/") || /^\/swagger\/[^/]+$/.test(path)) return "kuberay"
  if (path.startsWith("/berth/") || watched.includes(path)) return "berth"
  return undefined
}

function checkedFamily(name: ApiFamilyName): Checked {
  const known = checked.get(name)
  if (known) return known
  const document = openApiDocument(apiFamilies[name], "test")
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addSchema({ $id: "document:", components: { schemas: closed(document.components.schemas) } })
  const refused = document.components.responses["Refused400"]
  const error = refused?.content?.["application/json"]?.schema ?? {}
  const made = { document, ajv, error }
  checked.set(name, made)
  return made
}

/** The operation of the path's most literal template. */
function operationAt(document: OpenApiDocument, method: string, path: string): OperationObject | undefined {
  const wanted = method === "HEAD" ? "get" : method.toLowerCase()
  return Object.entries(document.paths)
    .filter(([template]) => patternOf(template).test(path))
    .toSorted(([a], [b]) => a.split("{").length - b.split("{").length)
    .map(([, methods]) => methods[wanted])
    .find((operation) => operation !== undefined)
}

function patternOf(template: string): RegExp {
  return new RegExp(`^${template.replaceAll(".", String.raw`\.`).replaceAll(/\{\w+\}/g, "[^/]+")}$`)
}

function responseOf(
  document: OpenApiDocument,
  operation: OperationObject,
  status: number,
): ResponseObject | undefined {
  const response = operation.responses[String(status)]
  if (!response || !("$ref" in response)) return response
  return document.components.responses[response.$ref.split("/").at(-1) ?? ""]
}

/** A path or method without an operation: a refusal in the family's words, nothing else. */
function checkNowhere(family: Checked, exchange: Exchange): void {
  const { method, url, status, text } = exchange
  const place = `${method} ${url} ${status}`
  if (!anywhere.has(status)) throw new Error(`${place}: no document has this route.`)
  if (method === "HEAD" || method === "CONNECT") return
  const faults = faultsOf(family, family.error, parse(place, text))
  if (faults !== "") throw new Error(`${place}: ${faults}`)
}

function checkBody(family: Checked, place: string, response: ResponseObject, exchange: Exchange): void {
  const { contentType, text } = exchange
  const media = contentType.split(";", 1)[0]?.trim() ?? ""
  if (media === "" && text === "") {
    if (response.content === undefined || response["x-may-be-empty"] === true) return
    throw new Error(`${place}: the document has a body, the answer has none.`)
  }
  const documented = response.content?.[media]
  if (!documented) throw new Error(`${place}: the document has no ${media || "untyped body"}.`)
  if (media !== "application/json") return
  const faults = faultsOf(family, closed(documented.schema), parse(place, text))
  if (faults !== "") throw new Error(`${place}: ${faults}`)
}

function parse(place: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new Error(`${place}: the body is not JSON.`, { cause })
  }
}

const compiled = new WeakMap<Checked, Map<string, ValidateFunction>>()

function faultsOf(family: Checked, schema: unknown, value: unknown): string {
  const known = compiled.get(family) ?? new Map<string, ValidateFunction>()
  compiled.set(family, known)
  const text = JSON.stringify(schema).replaceAll('"#/', '"document:#/')
  const validate = known.get(text) ?? family.ajv.compile(JSON.parse(text) as JsonSchema)
  known.set(text, validate)
  return validate(value) ? "" : family.ajv.errorsText(validate.errors, { dataVar: "body" })
}

/** The same schema, by which an object has no members but those it names. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== "object" || schema === null) return schema
  const same = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]))
  const isObject = typeof same["properties"] === "object" && same["type"] === "object"
  return isObject && same["additionalProperties"] === undefined
    ? { ...same, additionalProperties: false }
    : same
}
