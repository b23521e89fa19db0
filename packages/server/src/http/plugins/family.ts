import type { FastifyInstance } from "fastify"
import type { AppError } from "../../kit/errors.ts"
import type { Principal } from "../../domain/identity/index.ts"
import type { Services } from "../services.ts"

/** Where an error happened: all that may be known when the request never reached a route. */
export interface RequestPlace {
  /** Upper case; "" when not even that could be read. */
  readonly method: string
  /** Path and query as the client sent them. */
  readonly url: string
  readonly requestId: string
}

/** An error in a family's own words. `body` is sent as JSON; undefined sends no body. */
export interface ErrorAnswer {
  /** 400–599. */
  readonly status: number
  readonly body: unknown
  /**
   * Beyond those the application adds itself: `X-Request-Id`, `Retry-After`, `WWW-Authenticate`, `Allow`. A
   * `content-type` stands for the usual one.
   */
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * One published HTTP API. The application registers each in a Fastify scope of its own in which
 * - every body, of any content type, arrives as a Buffer (`request.body`), an empty one as undefined;
 * - route schemas document and neither validate nor serialise, unless `validates`;
 * - what a handler throws, and what Fastify itself refuses, is turned into an AppError and worded by `errorAnswer`;
 * - `request.principal` is who asks (the caller is authenticated before any handler runs).
 */
export interface Family {
  /** Label in logs and metrics: `workloads`, `berth`, … */
  readonly name: string
  /**
   * Paths whose errors are worded by this family, also for routes that do not exist. A prefix holds for itself and
   * everything below it (`/api/v1` for `/api/v1/x`, not for `/api/v10`); of two families the longer prefix wins.
   */
  readonly prefixes: readonly string[]
  /** Largest body in bytes; above it AppError `too_large` with facts `{ limitBytes }`. */
  readonly bodyLimit: number
  /** A request that comes again under its `Idempotency-Key` is answered as before whatever its body. Default false. */
  readonly replaysAnyBody?: boolean
  /** Query and body schemas of its routes are enforced (Ajv, no coercion, unknown members refused). Default false. */
  readonly validates?: boolean
  /**
   * Whether a GET of this path (without query) may become a tunnel: with `Upgrade: websocket` its route then finds
   * one (plugins/tunnels.ts). Default none.
   */
  readonly takesTunnels?: (path: string) => boolean
  /**
   * Adds the routes, with full paths. Give each `config: { operation: "workload.create" }`: the label of its metrics
   * and log lines.
   */
  register(app: FastifyInstance, services: Services): void | Promise<void>
  /**
   * Words an error. Pure; also called for requests that never became one (malformed HTTP, a header too large),
   * with an empty `method` and `url` when they are unknown. Of note: a path without a route is `not_found` with
   * resource `route` and name = the url; a wrong method the same with detail `method` when the family's routes
   * know the path; a request before the server is ready `unavailable` with detail `not_ready`; a missing
   * credential `unauthenticated` with detail `missing`, one that does not hold with detail `invalid`; a Host or
   * Origin that is refused `forbidden` with detail `host` or `origin`.
   */
  errorAnswer(error: AppError, place: RequestPlace): ErrorAnswer
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** Label of metrics and log lines, e.g. `workload.create`. Default: method and route pattern. */
    readonly operation?: string
    /** Answered without a credential. Default false. */
    readonly isOpen?: boolean
    /** Answered before the server is ready. Default false. */
    readonly isEarly?: boolean
    /** Largest body where it is not the family's; for the error's words. */
    readonly bodyLimit?: number
    /** Until it is answered, where that is not the server's; what has taken its reply over has rules of its own. */
    readonly deadlineMs?: number
  }
  interface FastifyRequest {
    /** Who asks, with the rights of this moment. @throws AppError `unauthenticated` on an open route */
    readonly principal: Principal
    /**
     * Looks the request's credential up again, for streams that outlive the rights they began with.
     * undefined = it does not hold any more.
     */
    readonly renewPrincipal: () => Principal | undefined
    /**
     * Counts the request against a key's rate, for open routes that are given the key in their body; on all others
     * the caller's key was counted before the handler runs.
     * @throws AppError `too_many`, detail `rate`
     */
    readonly chargeKey: (who: Pick<Principal, "keyId" | "userId">) => void
  }
}
