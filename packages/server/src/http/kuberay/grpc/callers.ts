import type { Metadata } from "@grpc/grpc-js"
import type { Principal } from "../../../domain/identity/index.ts"
import { createAnonymous, createCredentials } from "../../plugins/credentials.ts"
import { checkOrigin, createHostCheck } from "../../plugins/hosts.ts"
import type { Limits } from "../../plugins/limits.ts"
import { checkReady } from "../../plugins/readiness.ts"
import { requestIdOf } from "../../plugins/request-id.ts"
import type { Services } from "../../services.ts"

/** What every call has, of one answer or of many. */
export interface SurfaceCall {
  readonly metadata: Metadata
  getPeer(): string
  getHost(): string
  getPath(): string
}

/** Where a call comes from. */
export interface Caller {
  readonly requestId: string
  readonly address: string
}

export interface CallersOptions {
  readonly services: Pick<Services, "directory" | "tokens" | "readiness" | "ids">
  readonly limits: Limits
  readonly noAuth: boolean
  readonly allowedHosts: readonly string[]
  /** The direct peer is a proxy whose `x-forwarded-for` holds. */
  readonly behindProxy: boolean
  readonly isClosing: () => boolean
}

/** The checks before every call, as before every request of HTTP and in the same order. */
export interface Callers {
  callerOf(call: SurfaceCall): Caller
  /** Host and origin. @throws AppError `forbidden` */
  checkWay(call: SurfaceCall): void
  /**
   * Whether the server is ready, who calls, and how often that one may.
   * @param identified told as soon as it is known who calls
   * @throws AppError `unavailable`, `unauthenticated`, `too_many`
   */
  admit(call: SurfaceCall, caller: Caller, identified: (principal: Principal) => void): Promise<Principal>
}

export function createCallers(options: CallersOptions): Callers {
  const { services, limits, noAuth, behindProxy, isClosing } = options
  const checkHost = createHostCheck(options.allowedHosts)
  const credentials = createCredentials(services)
  const anonymous = createAnonymous(services.directory, noAuth)
  return {
    callerOf(call) {
      const headers = { "x-request-id": textOf(call.metadata, "x-request-id") }
      return { requestId: requestIdOf(headers, services.ids), address: addressOf(call, behindProxy) }
    },
    checkWay(call) {
      checkHost({ host: call.getHost() })
      const origin = textOf(call.metadata, "origin")
      const site = textOf(call.metadata, "sec-fetch-site")
      if (noAuth)
        checkOrigin("POST", {
          host: call.getHost(),
          ...(origin !== undefined && { origin }),
          ...(site !== undefined && { "sec-fetch-site": site }),
        })
    },
    async admit(call, { requestId, address }, identified) {
      checkReady(services, isClosing())
      const sent = textOf(call.metadata, "authorization")
      const { principal } = await credentials.check(sent, { address, requestId }, anonymous)
      identified(principal)
      limits.charge(principal)
      return principal
    },
  }
}

function textOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name)
  return value?.toString()
}

/** `127.0.0.1:4711` or `::1:4711` without the port; behind a proxy what it says. */
function addressOf(call: SurfaceCall, behindProxy: boolean): string {
  const peer = call.getPeer()
  const direct = peer.slice(0, Math.max(0, peer.lastIndexOf(":"))) || peer
  if (!behindProxy) return direct
  return textOf(call.metadata, "x-forwarded-for")?.split(",").at(-1)?.trim() || direct
}
