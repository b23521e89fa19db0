import type { Readable } from "node:stream"
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import type { RayForwarded } from "../../domain/ray/index.ts"
import { AppError } from "../../kit/errors.ts"
import { tooLarge } from "../plugins/foreign-errors.ts"
import { checkOrigin, isCrossSite } from "../plugins/hosts.ts"
import type { Streams } from "../plugins/streams.ts"
import { tunnelOf } from "../plugins/tunnels.ts"
import type { Services } from "../services.ts"
import { sendForwarded, sendTunnel, type Passage } from "./forwarded.ts"
import { forwardPathOf, handedHeaders } from "./forward-headers.ts"
import { namedBy, rayOf } from "./ray-objects.ts"

const route = "/berth/v1/ray/clusters/:namespace/:name/dashboard"
/** What `ray job submit` sends of a working directory: Ray itself takes 500 MiB at most. */
const bodyLimit = 512 * 1024 * 1024
/** To take a large body and to wait for the answer. */
const deadlineMs = 300_000
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

interface DashboardOptions {
  readonly streams: Streams
  /** Whoever reaches the port is the owner: a page has nothing to gain here. */
  readonly noAuth: boolean
}

/** Whether the path is a Ray dashboard's. */
export function isRayDashboard(path: string): boolean {
  return /^\/berth\/v1\/ray\/clusters\/[^/]+\/[^/]+\/dashboard\//.test(path)
}

/**
 * The way to the HTTP API and the pages of each Ray cluster, for Ray's own tools and for people. Any method, both
 * bodies as streams, WebSockets; rights are the objects'. Not in the OpenAPI document: what is behind it is Ray's.
 */
export function addRayDashboards(app: FastifyInstance, services: Services, options: DashboardOptions): void {
  void app.register((scope, _, done) => {
    // Bodies go through as they come.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser("*", (_request, body, taken) => taken(null, body))
    // Secret: what goes through is neither looked at nor kept for another request with the same key.
    const config = { operation: "ray-dashboard.forward", deadlineMs, bodyLimit, isSecret: true }
    const handler = (request: FastifyRequest, reply: FastifyReply) => pass(services, options, request, reply)
    for (const url of [route, `${route}/*`])
      scope.route({ method: methods, url, exposeHeadRoute: false, config, handler })
    done()
  })
}

async function pass(
  services: Services,
  { streams, noAuth }: DashboardOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  refuseForeignPages(request)
  const { prefix, path } = forwardPathOf(request.raw.url ?? "")
  // The pages name what they need relative to where they are.
  if (path === undefined) return reply.code(307).header("location", `${prefix}/`).send()
  const { cluster } = await rayOf(services).clusters.get(request.principal, namedBy(request))
  const over = new AbortController()
  const leave = () => over.abort(new AppError("unavailable", "The client is gone."))
  reply.raw.once("close", leave)
  if (reply.raw.destroyed) leave()
  const passage: Passage = {
    clock: services.clock,
    request,
    reply,
    prefix,
    isSandboxed: !noAuth,
    over,
    mayGoOn: () => (request.renewPrincipal()?.roleIn(cluster.workspaceId) ?? null) !== null,
  }
  const ask = (body: AsyncIterable<Uint8Array> | null, more: Readonly<Record<string, string>> = {}) =>
    forward(services, request, { path, body, more, signal: over.signal })
  const tunnel = tunnelOf(request.raw)
  if (tunnel) await sendTunnel(passage, tunnel, streams, ask)
  else await sendForwarded(passage, await ask(bodyOf(request)))
  return reply
}

/** What a page of another site asks for does something there, or tells something by its form. */
function refuseForeignPages({ headers, raw }: FastifyRequest): void {
  if (isCrossSite(headers))
    throw new AppError("forbidden", "A page of another site may not do this.", { detail: "origin" })
  // Browsers let any page open a WebSocket, and say by the origin alone whose it is.
  if (tunnelOf(raw)) checkOrigin("POST", headers)
}

function forward(
  services: Services,
  request: FastifyRequest,
  wanted: {
    readonly path: string
    readonly body: AsyncIterable<Uint8Array> | null
    readonly more: Readonly<Record<string, string>>
    readonly signal: AbortSignal
  },
): Promise<RayForwarded> {
  const { path, body, more, signal } = wanted
  const headers = { ...handedHeaders(request.raw.headers, contentTypeOf(request)), ...more }
  return rayOf(services).forward(
    request.principal,
    namedBy(request),
    { method: request.method, path, headers, body },
    signal,
  )
}

/** The application has left only the media type in the header that is read. */
function contentTypeOf({ raw: { rawHeaders } }: FastifyRequest): string | undefined {
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && /^content-type$/i.test(name))
  return at === -1 ? undefined : rawHeaders[at + 1]
}

/** @throws AppError `too_large`, also while it is read */
function bodyOf(request: FastifyRequest): AsyncIterable<Uint8Array> | null {
  const body = request.body as Readable | undefined
  if (!body) return null
  if (Number(request.headers["content-length"] ?? 0) > bodyLimit) throw tooLarge(bodyLimit)
  return bounded(body)
}

async function* bounded(body: Readable): AsyncGenerator<Uint8Array> {
  let bytes = 0
  // With the body the connection would be destroyed, and nothing could be answered any more.
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bodyLimit) throw tooLarge(bodyLimit)
    yield chunk
  }
}
