import {
  fastify,
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from "fastify"
import type { Principal } from "../domain/identity/index.ts"
import type { Refusal } from "../domain/journal/index.ts"
import { AppError } from "../kit/errors.ts"
import type { RateLimit } from "../kit/rate-limiter.ts"
import type { Log } from "../kit/log.ts"
import { addProbes, type Metrics } from "./probes.ts"
import type { BoundListener } from "./plugins/bound-listener.ts"
import { connectionOptions, limitConnections } from "./plugins/connections.ts"
import { createAnonymous, createCredentials } from "./plugins/credentials.ts"
import { createAccessLog, type HttpMeter, type RequestTrace } from "./plugins/access-log.ts"
import { createAuthentication } from "./plugins/authentication.ts"
import { takeBuffers } from "./plugins/bodies.ts"
import { createClientErrorHandler } from "./plugins/client-errors.ts"
import { createFamilyFinder } from "./plugins/families.ts"
import type { ErrorAnswer, Family, RequestPlace } from "./plugins/family.ts"
import { appErrorFrom } from "./plugins/foreign-errors.ts"
import { checkOrigin, createHostCheck } from "./plugins/hosts.ts"
import { createLimits, type Limits } from "./plugins/limits.ts"
import { plainErrorAnswer } from "./plugins/plain-errors.ts"
import { addIdempotency } from "./plugins/idempotency.ts"
import { checkReady } from "./plugins/readiness.ts"
import { refusalOf } from "./plugins/refused.ts"
import { requestIdOf } from "./plugins/request-id.ts"
import { createRouteTable, type RouteTable } from "./plugins/route-table.ts"
import type { Streams } from "./plugins/streams.ts"
import { createTunnelChoice, routeTunnels } from "./plugins/tunnels.ts"
import type { Services } from "./services.ts"
import { addWellKnown } from "./well-known.ts"

export interface AppConfig {
  /** Requests without credentials are the Owner `local`. Only on loopback. */
  readonly noAuth: boolean
  /** Hosts to answer for besides the loopback ones: the listen address and every `--allow-host`. */
  readonly allowedHosts: readonly string[]
  /** The direct peer is a proxy whose X-Forwarded-For holds. */
  readonly behindProxy: boolean
  /** `/metrics` needs no token. */
  readonly openMetrics: boolean
  readonly listenIsLoopback: boolean
  /** How fast each API key may ask; null (the default) = as it likes. */
  readonly keyLimit?: RateLimit | null
  /** How fast each address may fail to sign in. Default 10 a second, 20 at once. */
  readonly failureLimit?: RateLimit
  /** A request that is not answered by then is given up with an error. Default 30,000. */
  readonly requestDeadlineMs?: number
  /** More connections at once are closed as they come. Default 8,192. */
  readonly mostConnections?: number
}

export interface AppOptions {
  readonly services: Services
  readonly log: Log
  readonly config: AppConfig
  readonly families: readonly Family[]
  readonly streams: Streams
  readonly meter: HttpMeter
  readonly metrics: Metrics
  /** Told of each request that the audit counts as refused. */
  readonly onRefused?: (refusal: Refusal) => void
  /** Those of the configuration; given where there are other ways in beside this application. */
  readonly limits?: Limits
  /** For clients that cannot send a credential. Whoever gives it calls its `listen`. */
  readonly bound?: BoundListener
  /** Key and certificate as PEM: HTTPS. */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer }
}

/** A path longer than this is nobody's. */
const longestParameter = 4096
const defaultDeadlineMs = 30_000
/** How long closing waits for requests that are being answered. */
const closeDeadlineMs = 5_000

declare module "fastify" {
  interface FastifyRequest {
    /** Undefined on open routes and before authentication. */
    heldPrincipal: Principal | undefined
    trace: RequestTrace
  }
}

/**
 * The HTTP application: every family in a scope of its own, before them the checks that hold for all.
 * Not listening yet; `app.listen`, `app.inject`, `app.close` (which ends streams, waits for what is being answered,
 * then closes every connection) are Fastify's.
 * @throws Error when `noAuth` is asked for on an address that others can reach
 */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { config, services } = options
  if (config.noAuth && !config.listenIsLoopback) throw new Error("--no-auth is for loopback addresses only.")
  const limits = options.limits ?? createLimits(config, services.clock)
  const respond = createResponder(options, limits)
  const app = createServer(options, respond)
  routeTunnels(app)
  limitConnections(app.server, config.mostConnections)
  const isClosing = watchClosing(app)
  addRequestLife(app, options)
  options.bound?.attach(app, services.ids)
  addGates(app, options, limits, isClosing)
  const routes = createRouteTable(app)
  app.setErrorHandler((error, request, reply) => {
    // Fastify looks at the content type of some methods (QUERY) also where there is no route.
    const isForeign = request.is404 && !(error instanceof AppError)
    return respond(isForeign ? noRouteError(request, routes) : error, request, reply)
  })
  app.setNotFoundHandler((request, reply) => respond(noRouteError(request, routes), request, reply))
  // Without parsers a body sent to a path that does not exist is not looked at.
  app.removeAllContentTypeParsers()
  addProbes(app, options)
  addWellKnown(app, services)
  for (const family of options.families) await app.register((scope) => addFamily(scope, family, services))
  return app
}

function createServer(options: AppOptions, respond: Respond): FastifyInstance {
  const { config, services } = options
  const logger: FastifyBaseLogger = options.log
  const connection = {
    maxHeaderSize: connectionOptions.maxHeaderSize,
    shouldUpgradeCallback: createTunnelChoice(options.families),
  }
  return fastify({
    loggerInstance: logger,
    // One logger for all: the request id is a field of the one line that is written.
    childLoggerFactory: (logger) => logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: (raw) => requestIdOf(raw.headers, services.ids),
    ajv: {
      customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: true },
    },
    routerOptions: { maxParamLength: longestParameter },
    trustProxy: config.behindProxy ? (_address, hop) => hop === 0 : false,
    requestTimeout: connectionOptions.requestTimeout,
    keepAliveTimeout: connectionOptions.keepAliveTimeout,
    forceCloseConnections: true,
    return503OnClosing: false,
    http: connection,
    ...(options.tls ? { https: { ...options.tls, ...connection } } : {}),
    frameworkErrors: (error, request, reply) => {
      void respond(error, request, reply)
    },
    clientErrorHandler: createClientErrorHandler(createFamilyFinder(options.families), services.ids),
  })
}

function nothingThere(request: FastifyRequest): AppError {
  const name = request.raw.url ?? ""
  return new AppError("not_found", "There is nothing at this path.", { resource: "route", name })
}

/** Nothing at this path, or not with this method. */
function noRouteError(request: FastifyRequest, routes: RouteTable): AppError {
  const url = request.raw.url ?? ""
  const allow = routes.methodsOf(url)
  if (allow.length === 0) return nothingThere(request)
  return new AppError("not_found", `${request.method} is not possible here.`, {
    resource: "route",
    name: url,
    detail: "method",
    facts: { allow: allow.join(", ") },
  })
}

type Respond = (thrown: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply

/** Answers with an error in the words of the family that the path belongs to. */
function createResponder({ families, bound }: AppOptions, limits: Limits): Respond {
  const familyOf = createFamilyFinder(families)
  return (thrown, request, reply) => {
    const url = request.raw.url ?? ""
    const family = bound?.has(request.raw) ? bound.family : familyOf(url)
    const bodyLimit = request.routeOptions.config?.bodyLimit ?? family?.bodyLimit ?? 0
    const error = limits.failed(appErrorFrom(thrown, bodyLimit), request.ip)
    const place: RequestPlace = { method: request.method, url, requestId: request.id }
    const worded = family ? family.errorAnswer(error, place) : plainErrorAnswer(error, place)
    // in every family (DESIGN 5)
    const answer = error.detail === "key_reused" ? { ...worded, status: 422 } : worded
    // Not there when the router itself refused: no hook ran.
    if (request.trace as RequestTrace | undefined) request.trace.failure = error
    return sendError(reply, answer, error, request.id)
  }
}

function sendError(
  reply: FastifyReply,
  answer: ErrorAnswer,
  error: AppError,
  requestId: string,
): FastifyReply {
  reply.code(answer.status).header("x-request-id", requestId)
  if (error.code === "unauthenticated") reply.header("www-authenticate", "Bearer")
  if (error.retryAfterMs !== undefined)
    reply.header("retry-after", String(Math.ceil(error.retryAfterMs / 1000)))
  const { allow } = error.facts
  if (answer.status === 405 && typeof allow === "string") reply.header("allow", allow)
  if (answer.headers) reply.headers(answer.headers)
  if (answer.body === undefined) return reply.send()
  const type = answer.headers?.["content-type"] ?? "application/json; charset=utf-8"
  // As bytes: of text the framework would add a character set to the media type.
  return reply.type(type).send(Buffer.from(JSON.stringify(answer.body)))
}

/** Whether the application has begun to close. Called before other hooks on closing are added: they wait. */
function watchClosing(app: FastifyInstance): () => boolean {
  let isClosing = false
  app.addHook("preClose", (done) => {
    isClosing = true
    done()
  })
  return () => isClosing
}

/** Request id, log line, metrics, and the count of what is being answered, which closing waits for. */
function addRequestLife(app: FastifyInstance, options: AppOptions): void {
  const { services, log, meter, streams } = options
  const { clock } = services
  const writeLine = createAccessLog({ clock, log, meter })
  const familyOf = createFamilyFinder(options.families)
  const deadlineMs = options.config.requestDeadlineMs ?? defaultDeadlineMs
  let answering = 0
  let onIdle = () => {}
  app.decorateRequest("trace")
  app.addHook("onRequest", (request, reply, done) => {
    const trace = {
      startedMono: clock.monotonicMs(),
      family: familyOf(request.raw.url ?? "")?.name ?? "none",
      failure: null,
    }
    request.trace = trace
    reply.header("x-request-id", request.id)
    answering += 1
    // Fastify's own deadline makes an AbortController and a DOMException for each request: some 3 % of a submit.
    const afterMs = request.routeOptions.config?.deadlineMs ?? deadlineMs
    const cancelDeadline = clock.alarm(afterMs, () => giveUp(reply, afterMs))
    // Also when the client went away, which Fastify's onResponse does not see.
    reply.raw.once("close", () => {
      cancelDeadline()
      answering -= 1
      writeLine(request, trace, reply.raw.statusCode, request.heldPrincipal?.userId)
      const refusal = options.onRefused && refusalOf(request, trace, reply.raw.statusCode)
      if (refusal) options.onRefused?.(refusal)
      if (answering === 0) onIdle()
    })
    done()
  })
  app.addHook("preClose", async () => {
    streams.close()
    if (answering === 0) return
    await new Promise<void>((resolve) => {
      const cancel = clock.alarm(closeDeadlineMs, resolve, true)
      onIdle = () => {
        cancel()
        resolve()
      }
    })
  })
}

/** A stream has taken its reply over and ends by rules of its own; an answer that is stuck half way is cut. */
function giveUp(reply: FastifyReply, afterMs: number): void {
  if (reply.sent) return
  if (reply.raw.headersSent) reply.raw.destroy()
  else
    void reply.send(
      new AppError("timeout", "The request took too long and was given up.", { facts: { afterMs } }),
    )
}

/** The checks before every handler, in this order: host, origin, path, readiness, credential, rate. */
function addGates(app: FastifyInstance, options: AppOptions, limits: Limits, isClosing: () => boolean): void {
  const { config, services, bound } = options
  const { charge } = limits
  const checkHost = createHostCheck(config.allowedHosts)
  const anonymous = createAnonymous(services.directory, config.noAuth)
  const authentication = createAuthentication(createCredentials(services), (request, from) =>
    bound?.has(request.raw) ? bound.principalOf(from) : anonymous(from),
  )
  app.decorateRequest("chargeKey", charge)
  app.decorateRequest("heldPrincipal")
  app.decorateRequest("signInFailed", function signInFailed(this: FastifyRequest, error: AppError) {
    this.trace.failure = error
    return limits.failed(error, this.ip)
  })
  app.decorateRequest("heldClaims")
  app.decorateRequest("heldIdempotency")
  app.decorateRequest("principal", { getter: principalOf })
  app.decorateRequest("renewPrincipal", function renew(this: FastifyRequest) {
    return renewed(() => authentication.again(this))
  })
  app.addHook("onRequest", (request, _reply, done) => {
    const isBound = bound?.has(request.raw) === true
    checkHost(request.headers)
    // A browser sends no credential either.
    if (config.noAuth || isBound) checkOrigin(request.method, request.headers)
    if (isBound && !bound.isServed(request.raw.url ?? "")) throw nothingThere(request)
    const route = request.routeOptions.config
    if (route?.isEarly !== true) checkReady(services, isClosing())
    if (route?.isOpen === true) return done()
    const admit = (principal: Principal) => {
      // before the charge: the audit says whose request was turned away
      request.heldPrincipal = principal
      charge(principal)
    }
    const principal = authentication.authenticate(request)
    // only a token that was not seen before makes a request wait
    if (principal instanceof Promise) return void tell(principal.then(admit), done)
    admit(principal)
    done()
  })
}

/** Calls `done` once, with what the work was rejected with. */
async function tell(work: Promise<void>, done: (error?: Error) => void): Promise<void> {
  let failure: AppError | undefined
  try {
    await work
  } catch (error) {
    failure = AppError.from(error)
  }
  done(failure)
}

function renewed(authenticate: () => Principal): Principal | undefined {
  try {
    return authenticate()
  } catch (error) {
    // also a user who is frozen now
    if (error instanceof AppError && ["unauthenticated", "forbidden"].includes(error.code)) return undefined
    throw error
  }
}

function principalOf(this: FastifyRequest): Principal {
  if (this.heldPrincipal) return this.heldPrincipal
  throw new AppError("unauthenticated", "This needs a token: Authorization: Bearer <token>.", {
    detail: "missing",
  })
}

async function addFamily(scope: FastifyInstance, family: Family, services: Services): Promise<void> {
  takeBuffers(scope, family.bodyLimit)
  if (family.validates !== true) scope.setValidatorCompiler(() => () => true)
  addIdempotency(scope, services, family.replaysAnyBody === true)
  // Schemas describe answers; compiled serialisers would change them (null becomes 0).
  scope.setSerializerCompiler(() => JSON.stringify)
  await family.register(scope, services)
}
